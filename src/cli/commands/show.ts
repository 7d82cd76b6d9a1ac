// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import { contextOf } from '../context.js';
import { hexAddress, humanBytes, humanCount, table } from '../text.js';

export function showCommand(): Command {
  return new Command('show')
    .description('show a checkpoint: its process, its size, its mappings')
    .argument('<id>', 'checkpoint')
    .option('--records', 'list the records of the image as well')
    .action(async (id: string, options: { readonly records?: boolean }, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const row = await ckpt.find(id);
        const vmas = await ckpt.mappings(row.id);
        const records = options.records ? await ckpt.records(row.id) : undefined;
        if (context.json) {
          context.printJson({ ...row, mappings: vmas, ...(records ? { records } : {}) });
          return;
        }
        const facts: [string, string][] = [
          ['id', row.id],
          ['name', row.name ?? '-'],
          ['created', row.created_at ?? '-'],
          [
            'process',
            `${row.comm ?? '?'} (pid ${String(row.pid ?? '?')}) on ${row.host ?? '?'}, kernel ${row.kernel_release ?? '?'}`,
          ],
          ['format', `version ${String(row.format_version)}`],
          ['image', `${humanBytes(row.image_bytes)} (${humanCount(row.image_bytes)} bytes)`],
          [
            'pages',
            `${humanCount(row.pages)}, of which ${humanCount(row.zero_pages)} zero, ${humanCount(row.new_pages)} first stored here`,
          ],
          ['stored', `${humanBytes(row.stored_bytes)} new in the store`],
          ['digest', row.image_digest ?? '-'],
          ['parent', row.parent_id ?? '-'],
        ];
        context.print(facts.map(([key, value]) => `${key.padEnd(8)} ${value}\n`).join(''));
        context.print('\n');
        context.print(
          table(
            ['START', 'END', 'SIZE', 'PROT', 'KIND', 'PAGES', 'PATH'],
            vmas.map((vma) => [
              hexAddress(vma.start_addr),
              hexAddress(vma.end_addr),
              humanBytes(Number(vma.end_addr - vma.start_addr)).padStart(9),
              vma.prot,
              vma.kind,
              vma.pages,
              vma.path,
            ]),
          ),
        );
        if (records) {
          context.print('\n');
          context.print(
            table(
              ['SEQ', 'RECORD', 'OFFSET', 'BYTES'],
              records.map((r) => [r.seq, r.type, r.offset, r.bytes]),
            ),
          );
        }
      });
    });
}
