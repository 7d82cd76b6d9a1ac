// SPDX-License-Identifier: Apache-2.0
//
// Two checkpoints compared: mappings, pages and registers. Mappings are the same one when they are of the same file or kind and
// begin at the same address, or else end at the same one (a stack grows downwards).
import { PAGE_BYTES } from '../../format/generated/image.js';
import type { ChangedRun } from '../catalog/page-diff.js';
import type { VmaEntry } from '../catalog/queries.js';
import { registerNames, type RegisterName, type TaskView } from './task-view.js';

export interface PageCounts {
  added: number;
  removed: number;
  changed: number;
}

export interface MappingDiff {
  readonly change: 'added' | 'removed' | 'changed' | 'same';
  /** As it was; null: added. */
  readonly before: VmaEntry | null;
  /** As it is; null: removed. */
  readonly after: VmaEntry | null;
  /** What differs of the mapping itself. */
  readonly what: readonly ('start' | 'end' | 'prot' | 'offset')[];
  readonly pages: PageCounts;
}

export interface RegisterDiff {
  readonly tid_a: number;
  readonly tid_b: number;
  readonly name: RegisterName | 'vector';
  /** Null: the image does not say; of vector registers nothing but that they differ. */
  readonly a: bigint | null;
  readonly b: bigint | null;
}

export interface ImageDiff {
  /** Mappings by address, the same ones only where pages differ. */
  readonly mappings: readonly MappingDiff[];
  readonly pages: PageCounts & { readonly same: number };
  readonly registers: readonly RegisterDiff[];
}

export interface DiffSide {
  readonly vmas: readonly VmaEntry[];
  readonly tasks: readonly TaskView[];
  readonly pages: number;
}

export function diffImages(a: DiffSide, b: DiffSide, changes: Iterable<ChangedRun>): ImageDiff {
  const mappings = matchMappings(a.vmas, b.vmas);
  const pages = countPages(mappings, changes);
  const same = a.pages - pages.removed - pages.changed;
  return {
    mappings: mappings.filter(({ change, pages: of }) => change !== 'same' || of.added + of.removed + of.changed > 0),
    pages: { ...pages, same },
    registers: diffRegisters(a.tasks, b.tasks),
  };
}

function matchMappings(before: readonly VmaEntry[], after: readonly VmaEntry[]): MappingDiff[] {
  const left = new Set(before);
  const partners = new Map<VmaEntry, VmaEntry>();
  for (const key of ['start_addr', 'end_addr'] as const) {
    const nameOf = (vma: VmaEntry): string => `${vma[key]} ${vma.kind} ${vma.path ?? ''}`;
    const byName = new Map([...left].map((vma) => [nameOf(vma), vma]));
    for (const vma of after) {
      const found = partners.has(vma) ? undefined : byName.get(nameOf(vma));
      if (!found || !left.delete(found)) continue;
      partners.set(vma, found);
    }
  }
  const found = after.map((vma) => mappingDiff(partners.get(vma) ?? null, vma));
  return [...found, ...[...left].map((vma) => mappingDiff(vma, null))].sort((x, y) =>
    startOf(x) < startOf(y) ? -1 : startOf(x) > startOf(y) ? 1 : 0,
  );
}

function mappingDiff(before: VmaEntry | null, after: VmaEntry | null): MappingDiff {
  const pages = { added: 0, removed: 0, changed: 0 };
  if (!before || !after) return { change: before ? 'removed' : 'added', before, after, what: [], pages };
  const what: MappingDiff['what'][number][] = [];
  if (before.start_addr !== after.start_addr) what.push('start');
  if (before.end_addr !== after.end_addr) what.push('end');
  if (before.prot !== after.prot) what.push('prot');
  if (offsetOf(before) !== offsetOf(after)) what.push('offset');
  return { change: what.length > 0 ? 'changed' : 'same', before, after, what, pages };
}

/** Where in the file the mapping would begin if it began at address 0: a moved start alone is no other offset. */
function offsetOf({ file_offset, start_addr }: VmaEntry): bigint | null {
  return file_offset === null ? null : file_offset - start_addr;
}

function startOf({ before, after }: MappingDiff): bigint {
  return after?.start_addr ?? before?.start_addr ?? 0n;
}

/** Counts the pages into their mappings: what went into those that were, the rest into those that are. */
function countPages(mappings: readonly MappingDiff[], changes: Iterable<ChangedRun>): PageCounts {
  const was = new Ranges(mappings, ({ before }) => before);
  const is = new Ranges(mappings, ({ after }) => after);
  const total = { added: 0, removed: 0, changed: 0 };
  for (const { page, count, change } of changes) {
    total[change] += count;
    for (const [mapping, pages] of (change === 'removed' ? was : is).split(page, count)) mapping.pages[change] += pages;
  }
  return total;
}

/** Mappings by page, asked in ascending order. */
class Ranges {
  private readonly ranges: { readonly start: number; readonly end: number; readonly mapping: MappingDiff }[];
  private at = 0;

  constructor(mappings: readonly MappingDiff[], vmaOf: (mapping: MappingDiff) => VmaEntry | null) {
    this.ranges = mappings
      .flatMap((mapping) => {
        const vma = vmaOf(mapping);
        if (!vma) return [];
        return [
          {
            start: Number(vma.start_addr / BigInt(PAGE_BYTES)),
            end: Number(vma.end_addr / BigInt(PAGE_BYTES)),
            mapping,
          },
        ];
      })
      .sort((x, y) => x.start - y.start);
  }

  *split(page: number, count: number): Generator<[MappingDiff, number]> {
    const end = page + count;
    while ((this.ranges[this.at]?.end ?? Infinity) <= page) this.at++;
    for (let next = this.at; ; next++) {
      const range = this.ranges[next];
      if (!range || range.start >= end) return;
      const pages = Math.min(end, range.end) - Math.max(page, range.start);
      if (pages > 0) yield [range.mapping, pages];
    }
  }
}

/** Threads by their order: their numbers differ after a restart. */
function diffRegisters(a: readonly TaskView[], b: readonly TaskView[]): RegisterDiff[] {
  const threadsA = a.flatMap(({ threads }) => threads);
  const threadsB = b.flatMap(({ threads }) => threads);
  const found: RegisterDiff[] = [];
  threadsB.forEach((thread, index) => {
    const other = threadsA[index];
    if (!other) return;
    const ids = { tid_a: other.tid, tid_b: thread.tid };
    for (const name of registerNames) {
      const [was, is] = [other.registers[name], thread.registers[name]];
      if (was !== is) found.push({ ...ids, name, a: was, b: is });
    }
    const same =
      other.vector === null || thread.vector === null
        ? other.vector === thread.vector
        : other.vector.equals(thread.vector);
    if (!same) found.push({ ...ids, name: 'vector', a: null, b: null });
  });
  return found;
}
