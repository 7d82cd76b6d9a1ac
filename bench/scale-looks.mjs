// SPDX-License-Identifier: Apache-2.0
//
// What commands that look cost in a process of their own, as commands are: `node bench/scale-looks.mjs STORE ID OTHER` prints milliseconds,
// medians of several runs after a first one, as JSON.
import { median } from './lib/measure.mjs';

const ROUNDS = 9;
const [store, id, other] = process.argv.slice(2);
const at = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
const { Ckpt } = await at('ckpt.js');
const { listText, shownColumns } = await at('cli/commands/ls.js');

async function medianMs(work) {
  const runs = [];
  await work();
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    await work();
    runs.push(performance.now() - started);
  }
  return median(runs);
}

const ckpt = await Ckpt.open({ store });
const figures = {
  list: await medianMs(async () => listText(await ckpt.list({ columns: shownColumns }), false)),
  everyColumn: await medianMs(() => ckpt.list()),
  last: await medianMs(() => ckpt.list({ last: 50 })),
  show: await medianMs(async () => [await ckpt.find(id), await ckpt.mappings(id), await ckpt.tasks(id)]),
  diff: await medianMs(() => ckpt.diff(id, other)),
};
await ckpt.close();
process.stdout.write(JSON.stringify(figures));
