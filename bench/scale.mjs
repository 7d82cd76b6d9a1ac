// SPDX-License-Identifier: Apache-2.0
//
// What the catalog does at size: `npm run bench -- --scale [--checkpoints N] [--pages N] [--processes N] [--share F] [--json]`.
// Defaults: 10,000 checkpoints of 10,000 pages (100 million page references), 10 million unique pages, and two images of a
// gibibyte. Each figure stands beside what it has to be.
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { loadBuild, ScaleStore } from './scale-store.mjs';
import { median } from './lib/measure.mjs';
import { machineText, markdownTable, thisMachine } from './lib/report.mjs';

const GIB_PAGES = 262_144;
const ROUNDS = 7;
const note = (words) => process.stderr.write(`${words}\n`);

async function timed(work) {
  const started = performance.now();
  const result = await work();
  return { ms: performance.now() - started, result };
}

async function medianMs(work) {
  const runs = [];
  for (let round = 0; round < ROUNDS; round++) runs.push((await timed(work)).ms);
  return median(runs);
}

export async function measureScale(dir, { checkpoints, pages, processes, share, bin }) {
  const build = await loadBuild();
  const at = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
  const { Ckpt } = await at('ckpt.js');
  const figures = [];
  const figure = (name, value, unit, most) => {
    figures.push({ name, value, unit, most, met: most === undefined || value <= most });
    note(`${name}: ${value.toPrecision(4)} ${unit}`);
  };

  const path = join(dir, 'store');
  const store = new ScaleStore(build, path, { processes, pages, share });
  const made = await timed(async () => {
    for (let n = 0; n < checkpoints; n++) {
      await store.checkpoint(n % processes);
      if ((n + 1) % 1000 === 0)
        note(`${n + 1} checkpoints, ${store.references} references, ${store.uniquePages} unique pages`);
    }
  });
  await store.close();
  const { references, uniquePages } = store;
  figure('page references', references, '');
  figure('unique pages', uniquePages, '');
  figure('events appended to the log', made.ms / 1000, 's');

  const projected = await timed(async () => (await Ckpt.open({ store: path })).close());
  figure('projection of the whole log', projected.ms / 1000, 's', made.ms / 1000);
  figure('projection, pages a second', (references / projected.ms) * 1000, '');
  figure('catalog', statSync(join(path, 'catalog.db')).size / references, 'bytes a page reference', 12);

  const opened = await timed(() => Ckpt.open({ store: path }));
  figure('start-up of the catalog', opened.ms / 1000, 's', 2);
  await opened.result.close();
  const id = store.checkpoints[Math.floor(checkpoints / 2)];
  const other = store.checkpoints[Math.floor(checkpoints / 2) + processes] ?? store.checkpoints.at(-1);
  const looks = looksOf(path, id, other);
  figure('ls, all checkpoints', looks.list.fastest, 'ms', 50);
  figure('ls, all checkpoints, median', looks.list.median, 'ms');
  figure('ls, all checkpoints, every column', looks.everyColumn.fastest, 'ms');
  figure('ls, the last 50', looks.last.fastest, 'ms', 50);
  figure('show', looks.show.fastest, 'ms', 50);
  figure('diff of two checkpoints', looks.diff.fastest, 'ms', 1000);
  for (const [name, args] of [
    ['ckpt ls, the process', ['ls']],
    ['ckpt ls -n 50, the process', ['ls', '-n', '50']],
    ['ckpt show, the process', ['show', id]],
  ]) {
    figure(name, await medianMs(() => runCommand(bin, path, args)), 'ms');
  }

  const { codec, index } = await loadIndex(build, path, store);
  figure('dedup index', index.bytes / index.pages, 'bytes a unique page', 22);
  figure('start-up of the dedup index', codec / 1000, 's', 2);

  const large = join(dir, 'large');
  const twin = new ScaleStore(build, large, { processes: 1, pages: GIB_PAGES, share: 0.3, seed: 2 });
  for (let n = 0; n < 6; n++) await twin.checkpoint(0);
  await twin.close();
  const big = await Ckpt.open({ store: large });
  const [a, b] = twin.checkpoints.slice(-2);
  figure('diff of two images of 1 GiB', await medianMs(() => big.diff(a, b)), 'ms', 1000);
  figure('diff of the first and the last', await medianMs(() => big.diff(twin.checkpoints[0], b)), 'ms', 1000);
  await big.close();
  return figures;
}

async function loadIndex(build, path, store) {
  const codec = build.loadCodec();
  const index = codec.openIndex(join(path, 'packs'));
  const { ms } = await timed(() => index.load(store.packIds.map((id) => id.toString('hex'))));
  return { codec: ms, index };
}

/** Not in this process: the garbage of making a store is no part of it. */
function looksOf(...args) {
  const program = fileURLToPath(new URL('./scale-looks.mjs', import.meta.url));
  return JSON.parse(execFileSync(process.execPath, [program, ...args], { encoding: 'utf8' }));
}

function runCommand(bin, store, args) {
  const { status, stderr } = spawnSync(process.execPath, [bin, '--store', store, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`ckpt ${args.join(' ')}: ${stderr}`);
}

function numberText(value) {
  return value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}

/** Aligned text; what misses its bound says so. */
export function scaleReport(figures) {
  return figures
    .map(({ name, value, unit, most, met }) => {
      const bound = most === undefined ? '' : `  (at most ${numberText(most)}${met ? '' : ': MISSED'})`;
      return `${name.padEnd(36)} ${numberText(value).padStart(14)} ${unit}${bound}\n`;
    })
    .join('');
}

/** What `npm run bench -- --scale --update` writes into docs/performance.md. */
export function scaleDocument(figures) {
  const rows = figures.map(({ name, value, unit, most, met }) => {
    const bound = most === undefined ? '' : `${numberText(most)}${met ? '' : ' (missed)'}`;
    return [name, numberText(value), bound, unit];
  });
  return `${machineText(thisMachine())}.\n\n${markdownTable([['figure', 'measured', 'at most', 'unit'], ...rows])}`;
}
