// SPDX-License-Identifier: Apache-2.0
//
// From measured runs to a report, as text for a terminal and as the tables of docs/performance.md.
import { cpus, release } from 'node:os';
import { median } from './measure.mjs';

const MIB = 1 << 20;
const REFERENCE = 'zstd -1 -T0';
/** In front of the tables that `npm run bench -- ARGUMENTS` makes. */
const begin = (args) => `<!-- made by npm run bench -- ${args} -->`;
const end = '<!-- end -->';

/** Where something was measured. */
export function thisMachine() {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    kernel: release(),
    node: process.version,
  };
}

export function machineText({ processors, processor, kernel, node }) {
  return `${processors} x ${processor}, Linux ${kernel}, Node ${node}`;
}

/** { machine, bytes, rows, frames } with one row per step: medians over the rounds, peaks of memory. */
export function summarize(runs, bytes, frames) {
  const secondsOf = (step) => median(runs[step].map((run) => run.seconds));
  const reference = runs[REFERENCE] && bytes / secondsOf(REFERENCE);
  const rows = Object.entries(runs).map(([step, list]) => {
    const handled = list[0].bytes ?? bytes;
    const seconds = secondsOf(step);
    const stored = list.at(-1).stored ?? null;
    return {
      step,
      seconds,
      mibPerSecond: handled / MIB / seconds,
      timesZstd1: reference ? handled / seconds / reference : null,
      processors: median(list.map((run) => run.processorSeconds / run.seconds)),
      memoryMib: list[0].memory ? Math.max(...list.map((run) => run.memory)) / MIB : null,
      storedBytes: stored,
      ratio: stored ? handled / stored : null,
      rounds: list.length,
    };
  });
  return { machine: thisMachine(), bytes, rows, frames };
}

const title = ['step', 'MiB/s', `of ${REFERENCE}`, 'processors', 'peak MiB', 'stored MiB', 'ratio'];

function cells(row) {
  const number = (value, digits) => (value === null ? '' : value.toFixed(digits));
  return [
    row.step,
    number(row.mibPerSecond, 0),
    number(row.timesZstd1, 2),
    number(row.processors, 1),
    number(row.memoryMib, 0),
    number(row.storedBytes && row.storedBytes / MIB, 1),
    number(row.ratio, 2),
  ];
}

/** A table, its first row its title, with each column as wide as its widest cell: the first flush left, the others as `pad` does. */
function aligned(table, pad) {
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  return table.map((row) => row.map((text, i) => (i ? pad(text, widths[i]) : text.padEnd(widths[i]))));
}

function conditions({ machine, bytes, rows }) {
  const rounds = Math.max(...rows.map((row) => row.rounds));
  return (
    `${(bytes / MIB).toFixed(0)} MiB of heap pages, medians of ${rounds} interleaved rounds; ` + machineText(machine)
  );
}

function framesLine(frames) {
  if (!frames) return '';
  const [javascript, native] = [frames.javascript, frames.native].map((speed) => (speed / MIB).toFixed(0));
  return `32 KiB frames at level 1, one thread: zstd-napi from JavaScript ${javascript} MiB/s, linked natively ${native} MiB/s, ratio ${frames.ratio.toFixed(2)}`;
}

export function textReport(report) {
  const lines = aligned([title, ...report.rows.map(cells)], (text, width) => text.padStart(width)).map((row) =>
    row.join('  ').trimEnd(),
  );
  return `${[conditions(report), '', ...lines, '', framesLine(report.frames)].join('\n').trimEnd()}\n`;
}

/** A table in Markdown as Prettier has it; the first row is its title. */
export function markdownTable(table) {
  const rows = aligned(table, (text, width) => text.padEnd(width));
  rows.splice(
    1,
    0,
    rows[0].map((text) => '-'.repeat(Math.max(3, text.length))),
  );
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** What `npm run bench -- --update` writes. */
export function documentBody(report) {
  const table = markdownTable([title, ...report.rows.map(cells)]);
  return [`${conditions(report)}.`, '', table, '', framesLine(report.frames)].join('\n').trimEnd();
}

/** The document with what `npm run bench -- ARGUMENTS` has made anew. */
export function updateDocument(text, args, body) {
  const mark = begin(args);
  const from = text.indexOf(mark);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error(`docs/performance.md has lost the marks between which ${mark} is`);
  return `${text.slice(0, from)}${mark}\n\n${body}\n\n${text.slice(to)}`;
}
