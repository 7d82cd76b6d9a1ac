// SPDX-License-Identifier: Apache-2.0
//
// `ckpt map --series NAME` as SVG: checkpoints with one name from left to right. Above, what each image holds; below, a line for each
// mapping that changed, darker where more of its pages were new, with the size at the first and the last.
import type { CheckpointRow } from '../../ckpt.js';
import type { VmaEntry } from '../../store/index.js';
import { humanBytes, humanCount } from '../text.js';
import { bytesOf, type Kind } from './rows.js';
import { escaped, kindWords, lineAt, rectAt, round, shortened, svgDocument, textAt } from './svg.js';

const WIDTH = 1120;
const MARGIN = 24;
const PLOT_X = 330;
const PLOT_WIDTH = 660;
const CHART_Y = 112;
const CHART_HEIGHT = 170;
const ROW_HEIGHT = 18;
const ROWS_MAX = 40;
const CHECKPOINTS_MAX = 330;
const NAME_CHARACTERS_MAX = 42;

export interface SeriesStep {
  readonly row: CheckpointRow;
  readonly vmas: readonly VmaEntry[];
}

interface Line {
  readonly label: string;
  /** For each checkpoint its pages in the image and those that are new; undefined: not mapped. */
  readonly steps: ({ pages: number; fresh: number; mapped: number } | undefined)[];
  readonly changed: number;
}

/** At least one step. The newest ones when there are more than fit. */
export function seriesPicture(name: string, all: readonly SeriesStep[]): string {
  const steps = all.slice(-CHECKPOINTS_MAX);
  const lines = linesOf(steps);
  const shown = lines.slice(0, ROWS_MAX);
  const column = PLOT_WIDTH / steps.length;
  const tableY = CHART_Y + CHART_HEIGHT + 64;
  const body = [...heading(name, steps), ...chart(steps, column), ...heat(shown, steps.length, column, tableY)];
  const left = lines.length - shown.length;
  let height = tableY + shown.length * ROW_HEIGHT + MARGIN;
  if (left > 0) {
    body.push(textAt(MARGIN, height - 4, `and ${humanCount(left)} more that changed less`, 'muted'));
    height += 16;
  }
  return svgDocument(WIDTH, height, `Change of ${name} over ${steps.length} checkpoints`, body);
}

function heading(name: string, steps: readonly SeriesStep[]): string[] {
  const [first, last] = [steps[0]?.row, steps.at(-1)?.row];
  const time = (row: CheckpointRow | undefined): string => (row?.created_at ?? '').replace(/\.\d+Z$/, 'Z');
  const parts = [
    textAt(MARGIN, 36, `${name}: ${humanCount(steps.length)} checkpoint${steps.length === 1 ? '' : 's'}`, 'title'),
    textAt(MARGIN, 56, `${last?.comm ?? '?'} on ${last?.host ?? '?'}, ${time(first)} to ${time(last)}`, 'muted'),
  ];
  let x = MARGIN;
  for (const kind of ['new', 'shared', 'zero'] as const) {
    parts.push(rectAt(x, 72, 13, 13, `${kind} line`), textAt(x + 19, 82.5, kindWords[kind]));
    x += 19 + kindWords[kind].length * 6.1 + 24;
  }
  return parts;
}

/** Stacked columns with an axis of bytes. */
function chart(steps: readonly SeriesStep[], column: number): string[] {
  const most = Math.max(1, ...steps.map(({ row }) => row.pages));
  const base = CHART_Y + CHART_HEIGHT;
  const parts: string[] = [textAt(MARGIN, CHART_Y + 4, 'PAGES IN THE IMAGE', 'muted')];
  for (let tick = 0; tick <= 4; tick++) {
    const y = base - (CHART_HEIGHT * tick) / 4;
    parts.push(lineAt(PLOT_X, y, PLOT_X + PLOT_WIDTH, y));
    parts.push(textAt(PLOT_X - 8, y + 4, humanBytes((bytesOf(most) * tick) / 4).trim(), 'muted right'));
  }
  steps.forEach(({ row }, index) => {
    const shared = row.pages - row.zero_pages - row.new_pages;
    const title = `${row.id} ${row.created_at ?? ''}: ${humanCount(row.new_pages)} new, ${humanCount(shared)} stored before, ${humanCount(row.zero_pages)} zero`;
    let y = base;
    const stack: readonly (readonly [Kind, number])[] = [
      ['new', row.new_pages],
      ['shared', shared],
      ['zero', row.zero_pages],
    ];
    const bars = stack.map(([kind, pages]) => {
      const height = (CHART_HEIGHT * pages) / most;
      y -= height;
      return height > 0 ? rectAt(PLOT_X + index * column + gap(column), y, column - 2 * gap(column), height, kind) : '';
    });
    parts.push(`<g><title>${escaped(title)}</title>${bars.join('')}</g>`);
  });
  const labels = Math.min(steps.length, 6);
  for (let label = 0; label < labels; label++) {
    const index = labels === 1 ? 0 : Math.round((label * (steps.length - 1)) / (labels - 1));
    const [date = '', time = ''] = (steps[index]?.row.created_at ?? '').split('T');
    const x = PLOT_X + (index + 0.5) * column;
    parts.push(textAt(x, base + 16, date, 'muted middle'), textAt(x, base + 30, time.slice(0, 8), 'muted middle'));
  }
  return parts;
}

function gap(column: number): number {
  return column >= 12 ? Math.min(3, column * 0.12) : column >= 4 ? 0.5 : 0;
}

/** Mappings by how much of them was new after the first checkpoint. */
function linesOf(steps: readonly SeriesStep[]): Line[] {
  const lines = new Map<string, Line['steps']>();
  steps.forEach(({ vmas }, index) => {
    for (const vma of vmas) {
      const key = vma.path ?? `${vma.kind} ${vma.start_addr}`;
      const found =
        lines.get(key) ??
        lines
          .set(
            key,
            Array.from({ length: steps.length }, () => undefined),
          )
          .get(key);
      if (!found) continue;
      const mapped = Number((vma.end_addr - vma.start_addr) / 4096n);
      const before = found[index] ?? { pages: 0, fresh: 0, mapped: 0 };
      found[index] = {
        pages: before.pages + vma.pages,
        fresh: before.fresh + vma.new_pages,
        mapped: before.mapped + mapped,
      };
    }
  });
  return [...lines]
    .map(([key, of]) => ({
      label: vmaLabel(key),
      steps: of,
      changed: of.reduce((sum, step, index) => sum + (index > 0 || of.length === 1 ? (step?.fresh ?? 0) : 0), 0),
    }))
    .filter(({ changed }) => changed > 0)
    .sort((a, b) => b.changed - a.changed);
}

function vmaLabel(key: string): string {
  const anonymous = /^(anon|heap|stack) (-?\d+)$/.exec(key);
  return anonymous
    ? `anonymous at ${BigInt(anonymous[2] ?? 0)
        .toString(16)
        .padStart(12, '0')}`
    : key;
}

/** A cell for each checkpoint, as dark as its share of new pages. */
function heat(lines: readonly Line[], count: number, column: number, y: number): string[] {
  const parts = [
    textAt(MARGIN, y - 12, 'MAPPINGS BY WHAT CHANGED', 'muted'),
    textAt(PLOT_X, y - 12, 'share of new pages: pale none, full all', 'muted'),
    textAt(WIDTH - MARGIN, y - 12, 'NEW SINCE THE FIRST', 'muted right'),
  ];
  lines.forEach((line, index) => {
    const top = y + index * ROW_HEIGHT;
    parts.push(textAt(PLOT_X - 8, top + 12, shortened(line.label, NAME_CHARACTERS_MAX), 'right'));
    for (let at = 0; at < count; at++) {
      const step = line.steps[at];
      if (!step) continue;
      const share = step.pages === 0 ? 0 : step.fresh / step.pages;
      const [x, width] = [PLOT_X + at * column + gap(column), column - 2 * gap(column)];
      parts.push(rectAt(x, top + 2, width, ROW_HEIGHT - 4, 'untouched'));
      if (share > 0) {
        const title = `${line.label}: ${humanCount(step.fresh)} of ${humanCount(step.pages)} pages new`;
        parts.push(
          `<rect class="new" fill-opacity="${round(0.15 + 0.85 * share)}" x="${round(x)}" y="${round(top + 2)}" width="${round(width)}" height="${ROW_HEIGHT - 4}"><title>${escaped(title)}</title></rect>`,
        );
      }
    }
    parts.push(textAt(WIDTH - MARGIN, top + 12, humanBytes(bytesOf(line.changed)).trim(), 'right'));
  });
  return parts;
}
