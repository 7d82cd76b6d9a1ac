// SPDX-License-Identifier: Apache-2.0
//
// An address space as rows of a picture: the mappings of one file that touch are one row, everything else is a row of its own. A row is
// cut into slices of equal length, and for each slice it is counted what its pages are.
import type { KindRun, VmaEntry } from '../../store/index.js';

const PAGE_BYTES = 4096;

/**
 * new: first stored by this checkpoint; shared: stored before it; zero: all zero; file: taken from its file, or mapped by the kernel;
 * untouched: anonymous memory that has no page.
 */
export const kinds = ['new', 'shared', 'zero', 'file', 'untouched'] as const;
export type Kind = (typeof kinds)[number];
const places: Readonly<Record<Kind, number>> = { new: 0, shared: 1, zero: 2, file: 3, untouched: 4 };

export interface MapRow {
  readonly startPage: number;
  readonly endPage: number;
  /** Pages between the row before and this one. */
  readonly gapPages: number;
  readonly label: string;
  /** Protections of its mappings, in order, each once. */
  readonly prot: string;
  readonly mappings: number;
  /** Pages of the whole row by kind. */
  readonly totals: Readonly<Record<Kind, number>>;
  readonly slices: number;
  /** Pages of a slice by kind: slice * kinds.length + place of the kind. */
  readonly counts: Float64Array;
}

/** Share of a slice that is of a kind, 0 to 1. */
export function shareOf(row: MapRow, slice: number, kind: Kind): number {
  const pages = (row.endPage - row.startPage) / row.slices;
  return (row.counts[slice * kinds.length + places[kind]] ?? 0) / pages;
}

interface OpenRow {
  startPage: number;
  endPage: number;
  label: string;
  prots: string[];
  /** Parts of it: where what is not in the image is in a file, or nowhere. */
  readonly parts: { readonly start: number; readonly end: number; readonly file: boolean }[];
}

/** Rows by address; `slicesOf` says how many slices a row of so many pages has. */
export function mapRows(
  vmas: readonly VmaEntry[],
  runs: Iterable<KindRun>,
  slicesOf: (pages: number) => number,
): MapRow[] {
  const open = groupVmas(vmas);
  const counts = open.map(({ startPage, endPage }) => new Float64Array(slicesOf(endPage - startPage) * kinds.length));
  const add = (index: number, from: number, to: number, kind: Kind, sign = 1): void => {
    const row = open[index];
    const into = counts[index];
    if (row && into) spread(into, row, from, to, places[kind], sign);
  };
  open.forEach(({ parts }, index) => {
    for (const { start, end, file } of parts) add(index, start, end, file ? 'file' : 'untouched');
  });
  let at = 0;
  for (const { page, count, kind } of runs) {
    // Runs ascend as mappings do; an image that does otherwise starts over.
    if (page < (open[at]?.startPage ?? 0)) at = 0;
    for (let index = at; index < open.length && (open[index]?.startPage ?? 0) < page + count; index++) {
      for (const part of open[index]?.parts ?? []) {
        const [from, to] = [Math.max(page, part.start), Math.min(page + count, part.end)];
        if (from >= to) continue;
        at = index;
        add(index, from, to, kind);
        add(index, from, to, part.file ? 'file' : 'untouched', -1);
      }
    }
  }
  return open.map((row, index) => finish(row, counts[index] ?? new Float64Array(), open[index - 1]));
}

function groupVmas(vmas: readonly VmaEntry[]): OpenRow[] {
  const rows: OpenRow[] = [];
  for (const vma of vmas) {
    const [start, end] = [Number(vma.start_addr / 4096n), Number(vma.end_addr / 4096n)];
    const file = vma.file_offset !== null || vma.kind.startsWith('v');
    const label = vma.path ?? 'anonymous';
    const last = rows.at(-1);
    if (last && vma.path !== null && last.label === label && last.endPage === start) {
      last.endPage = end;
      last.parts.push({ start, end, file });
      if (last.prots.at(-1) !== vma.prot) last.prots.push(vma.prot);
    } else rows.push({ startPage: start, endPage: end, label, prots: [vma.prot], parts: [{ start, end, file }] });
  }
  return rows;
}

/** Adds a stretch of pages to the slices that it lies in. */
function spread(into: Float64Array, row: OpenRow, from: number, to: number, place: number, sign: number): void {
  const slices = into.length / kinds.length;
  const pages = (row.endPage - row.startPage) / slices;
  for (let slice = Math.floor((from - row.startPage) / pages); slice < slices; slice++) {
    const start = row.startPage + slice * pages;
    if (start >= to) return;
    const part = Math.min(to, start + pages) - Math.max(from, start);
    const at = slice * kinds.length + place;
    if (part > 0) into[at] = (into[at] ?? 0) + sign * part;
  }
}

function finish(row: OpenRow, counts: Float64Array, before: OpenRow | undefined): MapRow {
  const totals = { new: 0, shared: 0, zero: 0, file: 0, untouched: 0 };
  for (const kind of kinds)
    for (let at = places[kind]; at < counts.length; at += kinds.length) totals[kind] += counts[at] ?? 0;
  for (const kind of kinds) totals[kind] = Math.round(totals[kind]);
  return {
    startPage: row.startPage,
    endPage: row.endPage,
    gapPages: before ? row.startPage - before.endPage : 0,
    label: row.label,
    prot: [...new Set(row.prots)].join(' '),
    mappings: row.parts.length,
    totals,
    slices: counts.length / kinds.length,
    counts,
  };
}

/** Bytes of pages. */
export function bytesOf(pages: number): number {
  return pages * PAGE_BYTES;
}

/** The address of a page, as people read it. */
export function addressOf(page: number): string {
  return (BigInt(page) * BigInt(PAGE_BYTES)).toString(16).padStart(12, '0');
}
