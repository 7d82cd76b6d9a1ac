// SPDX-License-Identifier: Apache-2.0
//
// npm run bench: ckpt next to zstd, cat and (when installed) restic and borg, on the same heap pages of real processes, in the
// same run, step after step in interleaved rounds; medians are printed. Never part of the tests.
//   npm run bench -- --scale [--checkpoints N] [--pages N] [--processes N] [--share F] [--update]     the catalog at size: bench/scale.mjs
//   npm run bench -- [--rounds N] [--mib N] [--image FILE] [--only TEXT] [--no-others] [--json] [--update]
// --update also writes the tables of docs/performance.md.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { main, root } from './lib/run.mjs';
import { setup } from './setup.mjs';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    mib: { type: 'string', default: '700' },
    image: { type: 'string' },
    only: { type: 'string' },
    'no-others': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    update: { type: 'boolean', default: false },
    scale: { type: 'boolean', default: false },
    checkpoints: { type: 'string', default: '10000' },
    pages: { type: 'string', default: '10000' },
    processes: { type: 'string', default: '100' },
    share: { type: 'string', default: '0.1' },
  },
});

const note = (words) => process.stderr.write(`${words}\n`);

async function update(args, body) {
  const { updateDocument } = await import('../bench/lib/report.mjs');
  const path = join(root, 'docs', 'performance.md');
  writeFileSync(path, updateDocument(readFileSync(path, 'utf8'), args, body));
}

async function scale() {
  const { measureScale, scaleDocument, scaleReport } = await import('../bench/scale.mjs');
  const dir = mkdtempSync(join(process.env.CKPT_BENCH_DIR ?? tmpdir(), 'ckpt-scale-'));
  try {
    const [checkpoints, pages, processes, share] = ['checkpoints', 'pages', 'processes', 'share'].map((name) =>
      Number(options[name]),
    );
    const figures = await measureScale(dir, { checkpoints, pages, processes, share, bin: join(root, 'bin', 'ckpt') });
    process.stdout.write(options.json ? `${JSON.stringify(figures, null, 2)}\n` : scaleReport(figures));
    if (options.update) await update('--scale --update', scaleDocument(figures));
    return figures.every(({ met }) => met) ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

await main(async () => {
  await setup();
  if (options.scale) return scale();
  // Loaded after setup: they need what it builds.
  const { heapImage } = await import('../bench/heap.mjs');
  const { contestants } = await import('../bench/contestants.mjs');
  const { compareFrames } = await import('../bench/zstd-frames.mjs');
  const { documentBody, summarize, textReport } = await import('../bench/lib/report.mjs');
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
    const report = summarize(runs, bytes, options.only ? undefined : compareFrames(image, dir));
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : textReport(report));
    if (options.update) await update('--update', documentBody(report));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
