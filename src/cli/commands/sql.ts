// SPDX-License-Identifier: Apache-2.0
import { Command, Option } from 'commander';
import { contextOf } from '../context.js';
import { cell, plain, table, type Value } from '../text.js';

/** A field of RFC 4180. */
function csvField(value: Value): string {
  const text = plain(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function sqlCommand(): Command {
  return new Command('sql')
    .description('read-only SQL over the catalog')
    .argument('<query>', 'one statement that returns rows')
    .addOption(new Option('--csv', 'comma-separated values with a header').conflicts('json'))
    .addHelpText(
      'after',
      `
Tables: checkpoint, tag, record, vma, pack, restore; functions: vma_page(id), page_diff(id, id).
  ckpt sql "SELECT path, sum(pages) FROM vma GROUP BY path ORDER BY 2 DESC"`,
    )
    .action(async (query: string, options: { readonly csv?: boolean }, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const { columns, rows } = await ckpt.sql(query);
        if (context.json)
          context.printJson(rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]]))));
        else if (options.csv)
          context.print([columns, ...rows].map((row) => `${row.map(csvField).join(',')}\r\n`).join(''));
        else if (rows.length) context.print(table(columns, rows));
        else context.say(`no rows (${columns.map(cell).join(', ')})`);
      });
    });
}
