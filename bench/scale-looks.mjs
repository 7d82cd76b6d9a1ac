// SPDX-License-Identifier: Apache-2.0
//
// What commands that look cost in a process of their own, as commands are: `node bench/scale-looks.mjs STORE ID OTHER` prints milliseconds,
// the fastest of several runs after a first one (whatever else the machine does only adds to it) and their median, as JSON.
import { median } from './lib/measure.mjs';

const ROUNDS = 15;
const [store, id, other] = process.argv.slice(2);
const at = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
const { Ckpt } = await at('ckpt.js');
const { listText, shownColumns } = await at('cli/commands/ls.js');

async function timesOf(work) {
  const runs = [];
  await work();
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    await work();
    runs.push(performance.now() - started);
  }
  return { fastest: Math.min(...runs), median: median(runs) };
}

const ckpt = await Ckpt.open({ store });
const figures = {
  list: await timesOf(async () => listText(await ckpt.list({ columns: shownColumns }), false)),
  everyColumn: await timesOf(() => ckpt.list()),
  last: await timesOf(() => ckpt.list({ last: 50 })),
  show: await timesOf(async () => [await ckpt.find(id), await ckpt.mappings(id), await ckpt.tasks(id)]),
  diff: await timesOf(() => ckpt.diff(id, other)),
};
await ckpt.close();
process.stdout.write(JSON.stringify(figures));
