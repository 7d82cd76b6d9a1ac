// SPDX-License-Identifier: Apache-2.0
//
// From measured runs to a report, as text for a terminal and as the tables of docs/performance.md.
import { cpus, release } from 'node:os';
import { median } from './measure.mjs';

const MIB = 1 << 20;
const REFERENCE = 'zstd -1 -T0';
const begin = '<!-- made by npm run bench -- --update -->';
const end = '<!-- end -->';

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
  const machine = {
    processor: cpus()[0]?.model ?? 'unknown',
    processors: cpus().length,
    kernel: release(),
    node: process.version,
  };
  return { machine, bytes, rows, frames };
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

function grid(report, line) {
  const table = [title, ...report.rows.map(cells)];
  const widths = title.map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const padded = table.map((row) => row.map((text, i) => (i ? text.padStart(widths[i]) : text.padEnd(widths[i]))));
  return padded.map(line);
}

function conditions({ machine, bytes, rows }) {
  const rounds = Math.max(...rows.map((row) => row.rounds));
  return (
    `${(bytes / MIB).toFixed(0)} MiB of heap pages, medians of ${rounds} interleaved rounds; ` +
    `${machine.processors} x ${machine.processor}, Linux ${machine.kernel}, Node ${machine.node}`
  );
}

function framesLine(frames) {
  if (!frames) return '';
  const [javascript, native] = [frames.javascript, frames.native].map((speed) => (speed / MIB).toFixed(0));
  return `32 KiB frames at level 1, one thread: zstd-napi from JavaScript ${javascript} MiB/s, linked natively ${native} MiB/s, ratio ${frames.ratio.toFixed(2)}`;
}

export function textReport(report) {
  const lines = grid(report, (row) => row.join('  ').trimEnd());
  return `${[conditions(report), '', ...lines, '', framesLine(report.frames)].join('\n').trimEnd()}\n`;
}

/** The document with its tables made anew. */
export function updateDocument(text, report) {
  const from = text.indexOf(begin);
  const to = text.indexOf(end, from);
  if (from < 0 || to < 0) throw new Error('docs/performance.md has lost the marks between which its tables are');
  const lines = grid(report, (row) => `| ${row.join(' | ')} |`);
  lines.splice(1, 0, lines[0].replace(/[^|]/g, '-').replace(/\|-/g, '| ').replace(/-\|/g, ' |'));
  const body = [begin, '', `${conditions(report)}.`, '', ...lines, '', framesLine(report.frames)].join('\n').trimEnd();
  return `${text.slice(0, from)}${body}\n\n${text.slice(to)}`;
}
