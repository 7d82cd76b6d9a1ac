// SPDX-License-Identifier: Apache-2.0
//
// `ckpt map ID` for a terminal: a line for each row of the picture, a character for each slice, which shows what most of its pages are.
import { cell, humanBytes } from '../text.js';
import { addressOf, bytesOf, kinds, shareOf, type Kind, type MapRow } from './rows.js';
import { kindWords } from './svg.js';

const CELLS_MAX = 40;
/** A mapping of so many pages has the longest bar. */
const PAGES_MAX = 2 ** 20;
const GAP_PAGES_MIN = 256;

const marks: Readonly<Record<Kind, string>> = { new: '#', shared: '=', zero: '0', file: ':', untouched: '.' };
/** Colours of a terminal with 256 of them, near those of the SVG. */
const colours: Readonly<Record<Kind, number>> = { new: 166, shared: 32, zero: 247, file: 179, untouched: 240 };

export function cellsOf(pages: number): number {
  const share = Math.log2(Math.max(1, pages)) / Math.log2(PAGES_MAX);
  return Math.max(1, Math.min(pages, CELLS_MAX, Math.round(1 + share * (CELLS_MAX - 1))));
}

export function mapText(rows: readonly MapRow[], coloured: boolean): string {
  const paint = (kind: Kind, text: string): string => (coloured ? `\x1b[38;5;${colours[kind]}m${text}\x1b[0m` : text);
  const lines = [kinds.map((kind) => `${paint(kind, marks[kind])} ${kindWords[kind]}`).join('   '), ''];
  for (const row of rows) {
    if (row.gapPages >= GAP_PAGES_MIN) lines.push(`${' '.repeat(14)}~ ${humanBytes(bytesOf(row.gapPages)).trim()}`);
    let bar = '';
    for (let slice = 0; slice < row.slices; slice++) {
      const kind = mostOf(row, slice);
      bar += paint(kind, marks[kind]);
    }
    const size = humanBytes(bytesOf(row.endPage - row.startPage))
      .trim()
      .padStart(9);
    lines.push(`${addressOf(row.startPage)}  ${bar}${' '.repeat(CELLS_MAX - row.slices)}  ${size}  ${cell(row.label)}`);
  }
  return `${lines.join('\n')}\n`;
}

function mostOf(row: MapRow, slice: number): Kind {
  return kinds.reduce((most, kind) => (shareOf(row, slice, kind) > shareOf(row, slice, most) ? kind : most), 'new');
}
