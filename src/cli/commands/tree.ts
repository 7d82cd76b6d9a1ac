// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { ProcessSeries } from '../../ckpt.js';
import { CkptError } from '../../format/errors.js';
import type { TreeCheckpoint } from '../../store/index.js';
import { contextOf } from '../context.js';
import { cell, humanBytes, humanCount } from '../text.js';
import { humanTime } from '../time.js';

export function treeCommand(): Command {
  return new Command('tree')
    .description('show processes over time: their checkpoints, and what was restarted from them')
    .argument('[id]', 'a checkpoint: only the tree that it is in')
    .action(async (id: string | undefined, _options: object, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const row = id === undefined ? undefined : await ckpt.find(id);
        const roots = (await ckpt.series()).filter((series) => row === undefined || holds(series, row.id));
        if (row && roots.length === 0) throw new CkptError('failed', `${row.id} is in no tree`);
        if (context.json) context.printJson(roots.map(jsonOf));
        else if (roots.length === 0) context.say('no checkpoints');
        else
          await context.write(roots.map((series) => [title(series), ...linesOf(series)].join('\n') + '\n').join('\n'));
      });
    });
}

function holds(series: ProcessSeries, id: string): boolean {
  return series.checkpoints.some(({ row, restarted }) => row.id === id || restarted.some((one) => holds(one, id)));
}

function title({ comm, pid, host, checkpoints }: ProcessSeries): string {
  return `${cell(comm ?? '?')} (pid ${String(pid ?? '?')}) on ${cell(host ?? '?')}, ${humanCount(checkpoints.length)} checkpoint${checkpoints.length === 1 ? '' : 's'}`;
}

/** A line for each checkpoint, and what hangs below it further in. */
function linesOf({ checkpoints }: ProcessSeries): string[] {
  return checkpoints.flatMap((checkpoint, index) => {
    const isLast = index === checkpoints.length - 1;
    const below = childrenOf(checkpoint).map((line) => `${isLast ? ' ' : '│'}  ${line}`);
    return [`${isLast ? '└─' : '├─'} ${lineOf(checkpoint, checkpoints[index - 1])}`, ...below];
  });
}

function childrenOf({ restores, restarted }: TreeCheckpoint): string[] {
  const lines = restores.map(({ at, host, pid, result }) => [
    `restarted ${at} on ${cell(host)}${pid === null ? '' : ` (pid ${pid})`}: ${cell(result)}`,
  ]);
  const series = restarted.map((one) => [`restarted ${one.restored?.at ?? ''} as ${title(one)}`, ...linesOf(one)]);
  const all = [...lines, ...series];
  return all.flatMap(([first = '', ...rest], index) => {
    const isLast = index === all.length - 1;
    return [`${isLast ? '└>' : '├>'} ${first}`, ...rest.map((line) => `${isLast ? ' ' : '│'}  ${line}`)];
  });
}

function lineOf({ row }: TreeCheckpoint, before: TreeCheckpoint | undefined): string {
  const since =
    before?.row.created_at && row.created_at ? Date.parse(row.created_at) - Date.parse(before.row.created_at) : null;
  const grown = before ? row.pages - before.row.pages : null;
  return [
    row.id,
    ...(row.name === null ? [] : [cell(row.name)]),
    (row.created_at ?? '-').replace(/\.\d+Z$/, 'Z'),
    ...(since === null ? [] : [`+${humanTime(since)}`]),
    `${humanCount(row.pages)} pages${grown === null ? '' : ` (${grown < 0 ? '' : '+'}${humanCount(grown)})`}`,
    `${humanCount(row.new_pages)} new`,
    `${humanBytes(row.stored_bytes)} stored`,
  ].join('  ');
}

function jsonOf(series: ProcessSeries): object {
  const { process, host, pid, comm, restored, checkpoints } = series;
  return {
    process,
    host,
    pid,
    comm,
    restored_from: restored?.checkpoint_id ?? null,
    restored_at: restored?.at ?? null,
    checkpoints: checkpoints.map(({ row, restores, restarted }) => ({
      ...row,
      restores,
      restarted: restarted.map(jsonOf),
    })),
  };
}
