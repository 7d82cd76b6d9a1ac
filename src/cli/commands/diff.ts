// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { CheckpointRow, ImageDiff } from '../../ckpt.js';
import type { MappingDiff } from '../../store/index.js';
import { contextOf } from '../context.js';
import { cell, hexAddress, humanBytes, humanCount, table, type Value } from '../text.js';
import { humanTime } from '../time.js';

const PAGE_BYTES = 4096;

export function diffCommand(): Command {
  return new Command('diff')
    .description('compare two checkpoints: mappings, pages and registers')
    .argument('<a>', 'checkpoint')
    .argument('<b>', 'the other one')
    .option('--exit-code', 'exit with 1 when they differ')
    .addHelpText(
      'after',
      `
Of mappings: + added, - removed, ~ changed in size or protection, = the same but for its pages.
Pages are compared by their contents. They may be of any two processes.`,
    )
    .action(async (a: string, b: string, options: { readonly exitCode?: boolean }, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const [rowA, rowB] = [await ckpt.find(a), await ckpt.find(b)];
        const diff = await ckpt.diff(rowA.id, rowB.id);
        if (context.json) context.printJson({ a: rowA.id, b: rowB.id, ...diff });
        else await context.write(textOf(rowA, rowB, diff));
        const { added, removed, changed } = diff.pages;
        const differ = added + removed + changed + diff.mappings.length + diff.registers.length > 0;
        if (options.exitCode && differ) process.exitCode = 1;
      });
    });
}

function textOf(a: CheckpointRow, b: CheckpointRow, diff: ImageDiff): string {
  const { added, removed, changed, same } = diff.pages;
  const count = (change: MappingDiff['change']): string =>
    humanCount(diff.mappings.filter((mapping) => mapping.change === change).length);
  const size = (pages: number): string => `${humanCount(pages)} (${humanBytes(pages * PAGE_BYTES).trim()})`;
  const apart = a.created_at && b.created_at ? Date.parse(b.created_at) - Date.parse(a.created_at) : null;
  const when = apart === null ? '' : `, ${humanTime(Math.abs(apart))} ${apart < 0 ? 'earlier' : 'later'}`;
  const parts = [
    `a         ${a.id} ${cell(a.name)}, ${humanCount(a.pages)} pages`,
    `b         ${b.id} ${cell(b.name)}, ${humanCount(b.pages)} pages${when}`,
    `mappings  ${count('added')} added, ${count('removed')} removed, ${count('changed')} changed`,
    `pages     ${size(added)} added, ${size(removed)} removed, ${size(changed)} changed, ${size(same)} the same`,
    '',
  ];
  const mappings = table(
    ['', 'START', 'END', 'SIZE', 'PROT', 'ADDED', 'REMOVED', 'CHANGED', 'PATH'],
    diff.mappings.map(mappingRow),
  );
  const registers = table(
    ['THREAD', 'REGISTER', 'A', 'B'],
    diff.registers.map((r) => [
      r.tid_a === r.tid_b ? String(r.tid_b) : `${r.tid_a} ${r.tid_b}`,
      r.name,
      ...(r.name === 'vector' ? ['differ', ''] : [hex(r.a), hex(r.b)]),
    ]),
  );
  return `${parts.join('\n')}\n${[mappings, registers].filter(Boolean).join('\n')}`;
}

const signs: Readonly<Record<MappingDiff['change'], string>> = { added: '+', removed: '-', changed: '~', same: '=' };

function mappingRow({ change, before, after, pages }: MappingDiff): Value[] {
  const vma = after ?? before;
  if (!vma) return [];
  const bytes = (of: typeof vma): number => Number(of.end_addr - of.start_addr);
  const size =
    before && after && bytes(before) !== bytes(after)
      ? `${humanBytes(bytes(before))} -> ${humanBytes(bytes(after))}`
      : humanBytes(bytes(vma));
  const prot = before && after && before.prot !== after.prot ? `${before.prot} -> ${after.prot}` : vma.prot;
  return [
    signs[change],
    hexAddress(vma.start_addr),
    hexAddress(vma.end_addr),
    size,
    prot,
    pages.added,
    pages.removed,
    pages.changed,
    vma.path ?? vma.kind,
  ];
}

function hex(value: bigint | null): string {
  return value === null ? '-' : value.toString(16).padStart(16, '0');
}
