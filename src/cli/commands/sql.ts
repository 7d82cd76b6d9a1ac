// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import type { SqlAnswer } from '../../ckpt.js';
import { CkptError } from '../../format/errors.js';
import { describeSchema } from '../../store/catalog/schema-text.js';
import { contextOf, type Context } from '../context.js';
import { toJson } from '../../json.js';
import { plain, StreamedTable, type Value } from '../text.js';

interface SqlOptions {
  readonly csv?: boolean;
  readonly schema?: boolean;
  readonly timeout: number;
}

export function sqlCommand(): Command {
  return new Command('sql')
    .description('ask the catalog in SQL; read-only, in a process of its own that is cut off when it takes too long')
    .argument('[query]', 'one statement that returns rows')
    .option('--csv', 'comma-separated values with a header (RFC 4180)')
    .addOption(
      new Option('--timeout <seconds>', 'cut the query off after so long; 0: never').default(60).argParser(seconds),
    )
    .option('--schema', 'print the tables, views and table functions, with what they mean')
    .addHelpText(
      'after',
      `
Tables: checkpoint, tag, record, vma, pack, restore; functions: vma_page(id), page_diff(id, id). docs/catalog.md has a cookbook.
  ckpt sql "SELECT path, sum(pages) FROM vma GROUP BY path ORDER BY 2 DESC"`,
    )
    .action(async (query: string | undefined, options: SqlOptions, command: Command) => {
      const context = contextOf(command);
      if (options.schema) {
        context.print(describeSchema());
        return;
      }
      if (query === undefined)
        throw new CkptError('usage', 'sql: a query is missing', 'ckpt sql --schema shows the tables');
      if (options.csv && context.json) throw new CkptError('usage', 'sql: --csv and --json exclude each other');
      await context.withStore('read', async (ckpt) => {
        const answer = await ckpt.sqlBatches(query, { timeoutMs: options.timeout * 1000 });
        if (context.json) await printJson(context, answer);
        else if (options.csv) await printCsv(context, answer);
        else await printTable(context, answer);
      });
    });
}

function seconds(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 86_400) return value;
  throw new CkptError('usage', `--timeout: '${text}' is not a number of seconds from 0 to 86400`);
}

/** One array, a row a line, however many there are. */
async function printJson(context: Context, { columns, batches }: SqlAnswer): Promise<void> {
  const names = distinct(columns).map((name) => JSON.stringify(name));
  let before = '[';
  for await (const rows of batches) {
    let text = '';
    for (const row of rows) {
      text += `${before}{${row.map((value, i) => `${names[i] ?? ''}:${toJson(value)}`).join(',')}}`;
      before = ',\n';
    }
    await context.write(text);
  }
  context.print(before === '[' ? '[]' : ']');
}

/** A second column of one name gets a number: an object can have each name once. */
function distinct(columns: readonly string[]): string[] {
  const names: string[] = [];
  for (const column of columns) {
    let name = column;
    for (let n = 2; names.includes(name); n++) name = `${column}_${n}`;
    names.push(name);
  }
  return names;
}

async function printCsv(context: Context, { columns, batches }: SqlAnswer): Promise<void> {
  await context.write(csvLine(columns));
  for await (const rows of batches) await context.write(rows.map(csvLine).join(''));
}

function csvLine(row: readonly Value[]): string {
  const line = row.map(csvField).join(',');
  // A single empty field would be an empty line, which readers skip.
  return line === '' ? '""\r\n' : `${line}\r\n`;
}

/** A field of RFC 4180; nothing at all is null, a pair of quotes is an empty text. */
function csvField(value: Value): string {
  const text = plain(value);
  return value === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function printTable(context: Context, { columns, batches }: SqlAnswer): Promise<void> {
  const table = new StreamedTable(columns);
  for await (const rows of batches) await context.write(table.take(rows));
  const rest = table.end();
  await context.write(rest);
  if (table.rows === 0) context.say(`no rows (${columns.join(', ')})`);
}
