// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { CheckpointRow, Judgement, SealView, TaskView, VmaEntry } from '../../ckpt.js';
import { registerNames } from '../../store/index.js';
import { contextOf } from '../context.js';
import { cell, hexAddress, humanBytes, humanCount, table } from '../text.js';

interface ShowOptions {
  readonly records?: boolean;
  readonly files?: boolean;
}

export function showCommand(): Command {
  return new Command('show')
    .description('show a checkpoint: its process, its registers, its mappings')
    .argument('<id>', 'checkpoint')
    .option('--files', 'list the open files as well')
    .option('--records', 'list the records of the image as well')
    .addHelpText(
      'after',
      `
Mappings are those of /proc/PID/maps. PAGES are in the image: of them ZERO are all zero, NEW were first stored by this checkpoint,
SHARED were stored already. Untouched pages, and clean ones of files, are not in the image.`,
    )
    .action(async (id: string, options: ShowOptions, command: Command) => {
      const context = contextOf(command);
      await context.withStore('read', async (ckpt) => {
        const row = await ckpt.find(id);
        const vmas = await ckpt.mappings(row.id);
        const tasks = await ckpt.tasks(row.id);
        const seals = await ckpt.seals(row.id);
        const records = options.records ? await ckpt.records(row.id) : undefined;
        if (context.json) {
          context.printJson({
            ...row,
            seals,
            tasks: tasks.map(jsonOfTask),
            mappings: vmas.map((vma) => ({ ...vma, shared_pages: sharedPages(vma) })),
            ...(records ? { records } : {}),
          });
          return;
        }
        context.print(
          `${facts(row, tasks, seals)
            .map(([key, value]) => `${key.padEnd(9)} ${cell(value)}\n`)
            .join('')}\n`,
        );
        for (const task of tasks) context.print(registers(task));
        await context.write(mappings(vmas));
        if (options.files) context.print(`\n${files(tasks)}`);
        if (records) {
          const rows = records.map((r) => [r.seq, r.type ?? String(r.number), r.offset, r.bytes]);
          context.print('\n');
          await context.write(table(['SEQ', 'RECORD', 'OFFSET', 'BYTES'], rows));
        }
      });
    });
}

function facts(row: CheckpointRow, tasks: readonly TaskView[], seals: readonly SealView[]): [string, string][] {
  const pages = `${humanCount(row.pages)}: ${humanCount(row.zero_pages)} zero, ${humanCount(row.new_pages)} first stored here`;
  const frozen: [string, string][] = row.frozen_ms === null ? [] : [['frozen', `${row.frozen_ms.toFixed(1)} ms`]];
  return [
    ['id', row.id],
    ['name', row.name ?? '-'],
    ['created', row.created_at ?? '-'],
    [
      'process',
      `${row.comm ?? '?'} (pid ${String(row.pid ?? '?')}) on ${row.host ?? '?'}, kernel ${row.kernel_release ?? '?'}`,
    ],
    ...tasks.flatMap((task): [string, string][] => [
      [
        'state',
        `${task.state}${task.times ? `, ${task.times[0].toFixed(2)} s user, ${task.times[1].toFixed(2)} s system` : ''}`,
      ],
      ...(task.exe === null ? [] : ([['exe', task.exe]] as [string, string][])),
      ...(task.cwd === null ? [] : ([['cwd', task.cwd]] as [string, string][])),
      ...(task.uid === null ? [] : ([['user', `uid ${task.uid}, gid ${String(task.gid)}`]] as [string, string][])),
    ]),
    ['format', `version ${String(row.format_version)}`],
    ['image', `${humanBytes(row.image_bytes)} (${humanCount(row.image_bytes)} bytes)`],
    ['pages', pages],
    ['stored', `${humanBytes(row.stored_bytes)} new in the store`],
    ...frozen,
    ['digest', row.image_digest ?? '-'],
    ['parent', row.parent_id ?? '-'],
    ...seals.map((seal): [string, string] => ['sealed', sealWords(seal)]),
  ];
}

const judgements: Readonly<Record<Judgement, string>> = {
  good: 'good',
  carried: 'made in another store; verified when it is used',
  wrong: 'DOES NOT VERIFY',
  revoked: 'the key is revoked',
  unknown: 'the key is not known here',
};

function sealWords({ key_id, key_name, at, judgement }: SealView): string {
  const who = key_name === null ? `key ${key_id}` : `${key_name} (key ${key_id})`;
  return `by ${who} at ${at}: ${judgements[judgement]}`;
}

/** Four registers a line, as debuggers have them. */
function registers(task: TaskView): string {
  return task.threads
    .map((thread) => {
      const cells = registerNames.map((name) => {
        const value = thread.registers[name];
        return `${name.padStart(8)} ${value === null ? '-'.padEnd(16) : value.toString(16).padStart(16, '0')}`;
      });
      const lines = Array.from({ length: Math.ceil(cells.length / 4) }, (_, i) =>
        cells
          .slice(i * 4, i * 4 + 4)
          .join('  ')
          .trimEnd(),
      );
      const vector =
        thread.vector === null
          ? 'none'
          : `${humanCount(thread.vector.length)} bytes, components ${thread.vectorFeatures.toString(2)}`;
      const head = `thread ${thread.tid} ${cell(thread.comm)}, blocked signals ${thread.sigmask.toString(16)}, vector registers ${vector}`;
      return `${head}\n${lines.join('\n')}\n\n`;
    })
    .join('');
}

function mappings(vmas: readonly VmaEntry[]): string {
  return table(
    [
      'START',
      'END',
      { head: 'SIZE', show: humanBytes },
      'PROT',
      'KIND',
      'PAGES',
      'ZERO',
      'SHARED',
      'NEW',
      'OFFSET',
      'PATH',
    ],
    vmas.map((vma) => [
      hexAddress(vma.start_addr),
      hexAddress(vma.end_addr),
      Number(vma.end_addr - vma.start_addr),
      vma.prot,
      vma.kind,
      vma.pages,
      vma.zero_pages,
      sharedPages(vma),
      vma.new_pages,
      vma.file_offset === null ? '' : vma.file_offset.toString(16).padStart(8, '0'),
      vma.path,
    ]),
  );
}

function sharedPages(vma: VmaEntry): number {
  return vma.pages - vma.zero_pages - vma.new_pages;
}

function files(tasks: readonly TaskView[]): string {
  const rows = tasks.flatMap((task) =>
    task.files.map((f) => [f.fd, f.kind, f.flags.toString(8).padStart(7), f.offset, f.path]),
  );
  return table(['FD', 'KIND', 'FLAGS', 'OFFSET', 'PATH'], rows);
}

/** Names as the other columns have them; the auxiliary vector and the vector registers as hex. */
function jsonOfTask(task: TaskView): object {
  const { pid, comm, state, parentPid, group, session, uid, gid, exe, cwd, times, auxv, files: open, threads } = task;
  return {
    pid,
    comm,
    state,
    parent_pid: parentPid,
    group,
    session,
    uid,
    gid,
    exe,
    cwd,
    user_seconds: times?.[0] ?? null,
    system_seconds: times?.[1] ?? null,
    auxv,
    files: open,
    threads: threads.map(({ tid, comm: name, sigmask, nice, registers: values, vector }) => ({
      tid,
      comm: name,
      sigmask,
      nice,
      registers: values,
      vector,
    })),
  };
}
