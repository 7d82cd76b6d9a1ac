// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import type { Growth, GrowthStep, StoreSizes } from '../../ckpt.js';
import { contextOf } from '../context.js';
import { humanBytes, humanCount, table } from '../text.js';

/** Lines of growth when nothing else is asked for. */
const GROWTH_LINES = 10;

export function statsCommand(): Command {
  return new Command('stats')
    .description('show what the store holds, what it costs, and how it grows')
    .addOption(new Option('--by <step>', 'growth by this time').choices(['hour', 'day', 'month']).default('day'))
    .option('--all', `all of the growth, not only the last ${GROWTH_LINES} times`)
    .action(async (options: { readonly by: GrowthStep; readonly all?: boolean }, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const stats = await ckpt.stats();
        const growth = await ckpt.growth(options.by);
        if (context.json) {
          context.printJson({ ...stats, growth });
          return;
        }
        const lines = linesOf(stats);
        context.print(lines.map(([key, value]) => `${key.padEnd(12)} ${value}\n`).join(''));
        if (growth.length > 0) context.print(`\n${growthTable(growth, options.all ? Infinity : GROWTH_LINES)}`);
      });
    });
}

function linesOf(stats: StoreSizes): [string, string][] {
  return [
    ['checkpoints', humanCount(stats.checkpoints)],
    [
      'images',
      `${humanBytes(stats.image_bytes)}, ${humanCount(stats.pages)} pages, ${humanCount(stats.zero_pages)} zero`,
    ],
    [
      'packs',
      `${humanCount(stats.packs)} with ${humanCount(stats.stored_pages)} distinct pages, ${humanBytes(stats.pack_bytes)}`,
    ],
    ...hereOf(stats),
    ['in use', `${humanCount(stats.live_pages)} pages, ${share(stats.live_pages, stats.stored_pages)} of those stored`],
    ['log', humanBytes(stats.log_bytes)],
    ['catalog', humanBytes(stats.catalog_bytes)],
    ['in all', humanBytes(stats.stored_bytes)],
    [
      'ratios',
      `dedup ${times(stats.pages, stats.stored_pages)}, compression ${times(stats.pack_raw_bytes, stats.pack_bytes)}, ` +
        `together ${times(stats.image_bytes, stats.stored_bytes)}`,
    ],
  ];
}

/** Where packs are brought when they are needed. */
function hereOf({ local_packs, local_pack_bytes, local_pack_bytes_max }: StoreSizes): [string, string][] {
  if (local_packs === undefined || local_pack_bytes === undefined || local_pack_bytes_max === undefined) return [];
  const most = humanBytes(local_pack_bytes_max);
  return [['here', `${humanCount(local_packs)} of these packs, ${humanBytes(local_pack_bytes)} of at most ${most}`]];
}

function times(whole: number, part: number): string {
  const ratio = whole / part;
  return Number.isFinite(ratio) ? `${ratio.toFixed(1)}x` : '-';
}

function share(part: number, whole: number): string {
  return whole === 0 ? '-' : `${((100 * part) / whole).toFixed(1)} %`;
}

function growthTable(growth: readonly Growth[], lines: number): string {
  let [images, stored] = [0, 0];
  const rows = growth.map((step) => {
    images += step.image_bytes;
    stored += step.stored_bytes;
    return [step.time, step.checkpoints, step.image_bytes, step.new_pages, step.stored_bytes, images / stored];
  });
  const header = [
    'TIME',
    'CHECKPOINTS',
    { head: 'IMAGES', show: humanBytes },
    { head: 'NEW PAGES', show: humanCount },
    { head: 'STORED', show: humanBytes },
    { head: 'RATIO SO FAR', show: (ratio: number) => times(ratio, 1) },
  ];
  return table(header, rows.slice(-lines));
}
