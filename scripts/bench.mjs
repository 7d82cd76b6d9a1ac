// SPDX-License-Identifier: Apache-2.0
//
// npm run bench: ckpt next to zstd, cat and (when installed) restic and borg, on the same heap pages of real processes, in the
// same run, step after step in interleaved rounds; medians are printed. Never part of the tests.
//   npm run bench -- [--rounds N] [--mib N] [--image FILE] [--only TEXT] [--no-others] [--json]
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { main } from './lib/run.mjs';
import { setup } from './setup.mjs';

const MIB = 1 << 20;

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    mib: { type: 'string', default: '700' },
    image: { type: 'string' },
    only: { type: 'string' },
    'no-others': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const note = (words) => process.stderr.write(`${words}\n`);

function machine() {
  return { processor: cpus()[0]?.model ?? 'unknown', processors: cpus().length, node: process.version };
}

/** One row per step: medians over the rounds. */
function summarize(runs, bytes, median) {
  const reference = runs['zstd -1 -T0'] && bytes / median(runs['zstd -1 -T0'].map((run) => run.seconds));
  return Object.entries(runs).map(([step, list]) => {
    const handled = list[0].bytes ?? bytes;
    const seconds = median(list.map((run) => run.seconds));
    return {
      step,
      seconds,
      mibPerSecond: handled / MIB / seconds,
      timesZstd1: reference ? handled / seconds / reference : null,
      memoryMib: list[0].memory ? Math.max(...list.map((run) => run.memory)) / MIB : null,
      storedBytes: list.at(-1).stored ?? null,
      rounds: list.length,
    };
  });
}

function print(rows, bytes, frames) {
  const table = [['step', 'MiB/s', 'of zstd -1', 'peak MiB', 'stored bytes', 'ratio', 'rounds']];
  for (const row of rows) {
    table.push([
      row.step,
      row.mibPerSecond.toFixed(0),
      row.timesZstd1 ? row.timesZstd1.toFixed(2) : '',
      row.memoryMib ? row.memoryMib.toFixed(0) : '',
      row.storedBytes ? String(row.storedBytes) : '',
      row.storedBytes && !row.step.includes('process') ? (bytes / row.storedBytes).toFixed(2) : '',
      String(row.rounds),
    ]);
  }
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const { processor, processors, node } = machine();
  process.stdout.write(`${(bytes / MIB).toFixed(0)} MiB of heap pages; ${processors} x ${processor}; Node ${node}\n\n`);
  for (const row of table) {
    const cells = row.map((cell, column) => (column ? cell.padStart(widths[column]) : cell.padEnd(widths[column])));
    process.stdout.write(`${cells.join('  ')}\n`);
  }
  if (frames) {
    const [javascript, native] = [frames.javascript, frames.native].map((speed) => (speed / MIB).toFixed(0));
    process.stdout.write(
      `\n16 KiB frames at level 1, one thread: zstd-napi ${javascript} MiB/s, linked natively ${native} MiB/s\n`,
    );
  }
}

await main(async () => {
  await setup();
  // Loaded after setup: they need what it builds.
  const { heapImage } = await import('../bench/heap.mjs');
  const { contestants } = await import('../bench/contestants.mjs');
  const { compareFrames } = await import('../bench/zstd-frames.mjs');
  const { median } = await import('../bench/lib/measure.mjs');
  const mib = Number(options.mib);
  const image = options.image ?? (await heapImage(mib)).path;
  const bytes = statSync(image).size;
  readFileSync(image).fill(0); // Into the page cache, so that no step reads from the disk.
  const dir = mkdtempSync(join(process.env.CKPT_BENCH_DIR ?? tmpdir(), 'ckpt-bench-'));
  try {
    const steps = Object.entries(contestants(image, dir, mib, !options['no-others']));
    const runs = {};
    for (let round = 1; round <= Number(options.rounds); round++) {
      for (const [step, body] of steps) {
        if (options.only && !step.includes(options.only)) continue;
        const run = await body();
        note(`round ${round}: ${step} ${run.seconds.toFixed(2)} s`);
        (runs[step] ??= []).push(run);
      }
    }
    const rows = summarize(runs, bytes, median);
    const frames = options.only ? undefined : compareFrames(image, dir);
    if (options.json) process.stdout.write(`${JSON.stringify({ machine: machine(), bytes, rows, frames }, null, 2)}\n`);
    else print(rows, bytes, frames);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
