// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import type { CheckpointRow, ListOptions } from '../../ckpt.js';
import { CkptError } from '../../format/errors.js';
import { listOrders, type CheckpointState, type ListOrder } from '../../store/index.js';
import { contextOf } from '../context.js';
import { humanBytes, humanCount, table, type Column } from '../text.js';
import { ageAgo } from '../time.js';

interface LsOptions {
  readonly name?: string;
  readonly pid?: number;
  readonly tag?: string;
  readonly comm?: string;
  readonly host?: string;
  readonly newer?: string;
  readonly older?: string;
  readonly state?: CheckpointState | 'all';
  readonly sort: ListOrder;
  readonly reverse?: boolean;
  readonly last?: number;
}

const states: readonly CheckpointState[] = ['open', 'sealed', 'aborted', 'deleted', 'damaged'];

export function lsCommand(): Command {
  return new Command('ls')
    .description('list checkpoints, the sealed ones unless another state is asked for')
    .option('--name <pattern>', 'only those with such a name; patterns as in shells: * ? [a-z]')
    .option('--comm <pattern>', 'only those of such a command')
    .option('--host <pattern>', 'only those of such a host')
    .addOption(new Option('--pid <pid>', 'only those of this pid').argParser((text) => wholeNumber(text, '--pid')))
    .option('--tag <pattern>', 'only those that have such a tag')
    .option('--newer <age>', 'only those not older than this: 90s, 15m, 12h, 7d, 2w, or a date')
    .option('--older <age>', 'only those older than this')
    .addOption(new Option('--state <state>', 'of this state').choices([...states, 'all']))
    .addOption(new Option('--sort <key>', 'order of the list').choices(Object.keys(listOrders)).default('created'))
    .option('-r, --reverse', 'the other way round')
    .addOption(
      new Option('-n, --last <count>', 'only the last of the list').argParser((text) => wholeNumber(text, '--last')),
    )
    .action(async (options: LsOptions, command: Command) => {
      const context = contextOf(command);
      const filter = filterOf(options);
      await context.withStore('read', async (ckpt) => {
        if (context.json) {
          context.printJson(await ckpt.list(filter));
          return;
        }
        const withState = options.state !== undefined && options.state !== 'sealed';
        const columns = withState ? ([...shownColumns, 'state'] as const) : shownColumns;
        const rows = await ckpt.list({ ...filter, columns });
        if (!rows.length) context.say('no checkpoints');
        context.print(listText(rows, withState));
      });
    });
}

/** What the table is made of, and `state` where not all have the same. */
export const shownColumns = [
  'id',
  'name',
  'created_at',
  'host',
  'pid',
  'comm',
  'image_bytes',
  'pages',
  'new_pages',
  'stored_bytes',
] as const;

type ShownRow = Pick<CheckpointRow, (typeof shownColumns)[number]> & Partial<Pick<CheckpointRow, 'state'>>;

/** The table of `ckpt ls`. */
export function listText(rows: readonly ShownRow[], withState: boolean): string {
  const header: Column[] = ['ID', 'NAME', 'CREATED', 'HOST', 'PID', 'COMMAND'];
  header.push({ head: 'IMAGE', show: humanBytes }, { head: 'PAGES', show: humanCount });
  header.push({ head: 'NEW', show: humanCount }, { head: 'STORED', show: humanBytes });
  if (withState) header.push('STATE');
  return table(
    header,
    rows.map((row) => [
      row.id,
      row.name,
      row.created_at && wholeSeconds(row.created_at),
      row.host,
      row.pid,
      row.comm,
      row.image_bytes,
      row.pages,
      row.new_pages,
      row.stored_bytes,
      row.state,
    ]),
  );
}

/** 2026-01-02T03:04:05.678Z -> 2026-01-02T03:04:05Z. */
function wholeSeconds(time: string): string {
  const point = time.lastIndexOf('.');
  return point < 0 ? time : `${time.slice(0, point)}Z`;
}

function filterOf({ name, pid, tag, comm, host, newer, older, state, sort, reverse, last }: LsOptions): ListOptions {
  const given = <K extends string, T>(key: K, value: T | undefined): { [key in K]?: T } =>
    (value === undefined ? {} : { [key]: value }) as { [key in K]?: T };
  return {
    ...given('name', name),
    ...given('pid', pid),
    ...given('tag', tag),
    ...given('comm', comm),
    ...given('host', host),
    ...given('since', newer === undefined ? undefined : ageAgo(newer, '--newer')),
    ...given('before', older === undefined ? undefined : ageAgo(older, '--older')),
    ...given('states', state === 'all' ? states : state === undefined ? undefined : [state]),
    order: sort,
    reverse: reverse ?? false,
    ...given('last', last),
  };
}

function wholeNumber(text: string, option: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new CkptError('usage', `${option}: '${text}' is not a whole number`);
}
