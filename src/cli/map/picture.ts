// SPDX-License-Identifier: Apache-2.0
//
// `ckpt map ID` as SVG: mappings from low to high addresses, a bar each. A bar is as long as the logarithm of its mapping, so that
// a page and a gibibyte are seen side by side; along it, left to right, are the addresses, and in each slice the kinds of its pages
// stand one on the other in proportion. Gaps between mappings are compressed to a line that says how wide they are.
import type { CheckpointRow } from '../../ckpt.js';
import { humanBytes, humanCount } from '../text.js';
import { addressOf, bytesOf, kinds, shareOf, type Kind, type MapRow } from './rows.js';
import { escaped, kindWords, lineAt, rectAt, rectsPath, shortened, svgDocument, textAt } from './svg.js';

const WIDTH = 1120;
const MARGIN = 24;
const BAR_X = 128;
const BAR_WIDTH_MAX = 480;
const BAR_WIDTH_MIN = 10;
const SLICE_WIDTH = 2;
const LABEL_X = BAR_X + BAR_WIDTH_MAX + 16;
const ROW_HEIGHT = 19;
const BAR_HEIGHT = 13;
const GAP_HEIGHT = 17;
/** Gaps below this are shown as nothing but the space between two rows. */
const GAP_PAGES_MIN = 256;
/** A mapping of so many pages has the longest bar. */
const PAGES_MAX = 2 ** 20;
const LABEL_CHARACTERS_MAX = 50;

/** Width of the bar of a mapping. */
function barWidth(pages: number): number {
  const share = Math.log2(Math.max(1, pages)) / Math.log2(PAGES_MAX);
  return Math.min(BAR_WIDTH_MAX, Math.round(BAR_WIDTH_MIN + share * (BAR_WIDTH_MAX - BAR_WIDTH_MIN)));
}

/** Slices of a mapping: never more than it has pages. */
export function slicesOf(pages: number): number {
  return Math.max(1, Math.min(pages, Math.floor(barWidth(pages) / SLICE_WIDTH)));
}

/** The stacking order, from below. */
const stacked: readonly Kind[] = ['new', 'shared', 'zero', 'file', 'untouched'];

export function mapPicture(checkpoint: CheckpointRow, rows: readonly MapRow[]): string {
  const body: string[] = [...heading(checkpoint, rows)];
  let y = 128;
  for (const row of rows) {
    if (row.gapPages >= GAP_PAGES_MIN) {
      body.push(lineAt(BAR_X, y + GAP_HEIGHT / 2, BAR_X + 26, y + GAP_HEIGHT / 2, true));
      body.push(
        textAt(BAR_X + 34, y + GAP_HEIGHT / 2 + 3.5, `gap of ${humanBytes(bytesOf(row.gapPages)).trim()}`, 'muted'),
      );
      y += GAP_HEIGHT;
    }
    body.push(...bar(row, y));
    y += ROW_HEIGHT;
  }
  const name = checkpoint.name ?? checkpoint.id;
  return svgDocument(WIDTH, y + MARGIN, `Memory of ${checkpoint.comm ?? 'a process'} in checkpoint ${name}`, body);
}

function heading(checkpoint: CheckpointRow, rows: readonly MapRow[]): string[] {
  const totals = totalsOf(rows);
  const title = `${checkpoint.comm ?? '?'} (pid ${String(checkpoint.pid ?? '?')}) on ${checkpoint.host ?? '?'}`;
  const facts = [checkpoint.name, checkpoint.id, (checkpoint.created_at ?? '').replace(/\.\d+Z$/, 'Z')]
    .filter(Boolean)
    .join('   ');
  const parts = [textAt(MARGIN, 36, title, 'title'), textAt(MARGIN, 56, facts, 'muted')];
  let x = MARGIN;
  for (const kind of kinds) {
    const words = `${kindWords[kind]}  ${humanBytes(bytesOf(totals[kind])).trim()}`;
    parts.push(rectAt(x, 74, 13, 13, `${kind} line`), textAt(x + 19, 84.5, words));
    x += 19 + words.length * 6.1 + 24;
  }
  parts.push(
    textAt(MARGIN, 114, 'ADDRESS', 'muted'),
    textAt(BAR_X, 114, 'PAGES BY ADDRESS (length: logarithm of the size)', 'muted'),
  );
  parts.push(
    textAt(LABEL_X + 58, 114, 'SIZE', 'muted right'),
    textAt(LABEL_X + 72, 114, 'PROTECTION', 'muted'),
    textAt(LABEL_X + 152, 114, 'MAPPING', 'muted'),
  );
  return parts;
}

export function totalsOf(rows: readonly MapRow[]): Record<Kind, number> {
  const totals = { new: 0, shared: 0, zero: 0, file: 0, untouched: 0 };
  for (const row of rows) for (const kind of kinds) totals[kind] += row.totals[kind];
  return totals;
}

function bar(row: MapRow, y: number): string[] {
  const pages = row.endPage - row.startPage;
  const width = barWidth(pages);
  const sliceWidth = width / row.slices;
  const rects: Record<Kind, [number, number, number, number][]> = {
    new: [],
    shared: [],
    zero: [],
    file: [],
    untouched: [],
  };
  for (let slice = 0; slice < row.slices; slice++) {
    let bottom = y + BAR_HEIGHT;
    for (const kind of stacked) {
      const height = BAR_HEIGHT * shareOf(row, slice, kind);
      if (height < 0.01) continue;
      bottom -= height;
      join(rects[kind], [BAR_X + slice * sliceWidth, bottom, sliceWidth, height]);
    }
  }
  const words = stacked
    .filter((kind) => row.totals[kind] > 0)
    .map((kind) => `${humanCount(row.totals[kind])} pages ${kindWords[kind]}`);
  const title = `${row.label}\n${addressOf(row.startPage)}-${addressOf(row.endPage)} ${row.prot}\n${words.join(', ')}`;
  const [first = '', ...more] = row.prot.split(' ');
  return [
    textAt(MARGIN, y + 10.5, addressOf(row.startPage), 'mono muted'),
    ...stacked.map((kind) => rectsPath(kind, rects[kind])).filter(Boolean),
    `<g class="hit">${rectAt(BAR_X - 0.5, y - 0.5, width + 1, BAR_HEIGHT + 1, 'line', title.replaceAll('\n', '; '))}</g>`,
    textAt(LABEL_X + 58, y + 10.5, humanBytes(bytesOf(pages)).trim(), 'right'),
    textAt(LABEL_X + 72, y + 10.5, more.length > 0 ? `${first} +${more.length}` : first, 'mono'),
    ...labelAt(row.label, y + 10.5),
  ];
}

/** The name of the file, and its folder as far as there is room. */
function labelAt(label: string, y: number): string[] {
  const slash = label.lastIndexOf('/');
  const x = LABEL_X + 152;
  const name = shortened(label.slice(slash + 1), LABEL_CHARACTERS_MAX);
  if (slash < 1) return [textAt(x, y, name, label === 'anonymous' ? 'muted' : '')];
  const room = LABEL_CHARACTERS_MAX - name.length - 2;
  const folder = room < 8 ? '' : shortened(label.slice(0, slash), room);
  const rest = folder === '' ? '' : `<tspan class="muted" dx="8">${escaped(folder)}</tspan>`;
  return [`<text x="${x}" y="${y}">${escaped(name)}${rest}</text>`];
}

/** Slices of the same look are one rectangle. */
function join(rects: [number, number, number, number][], next: [number, number, number, number]): void {
  const last = rects.at(-1);
  if (last && last[1] === next[1] && last[3] === next[3] && Math.abs(last[0] + last[2] - next[0]) < 1e-6)
    last[2] += next[2];
  else rects.push(next);
}
