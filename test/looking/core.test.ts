// SPDX-License-Identifier: Apache-2.0
//
// `ckpt core`, opened by a real gdb with the program: calls, variables, registers, memory that is there, memory that is in files, and
// memory that was never touched. The program is built here with debug information and saved while it runs.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { cleanUp, start } from '../support/processes.js';

const source = fileURLToPath(new URL('../programs/debugged.c', import.meta.url));
const golden = (name: string): string => fileURLToPath(new URL(`../golden/${name}.img`, import.meta.url));

let store: TestStore;
let program: string;
let core: string;
let id: string;

beforeAll(async () => {
  store = new TestStore();
  program = join(store.dir, 'debugged');
  core = join(store.dir, 'core');
  execFileSync('gcc', ['-g', '-O0', '-o', program, source]);
  const alone = join(store.dir, 'alone');
  execFileSync('gcc', [
    '-O2',
    '-D_GNU_SOURCE',
    '-o',
    alone,
    fileURLToPath(new URL('../programs/alone.c', import.meta.url)),
  ]);
  const victim = start(alone, [program], {});
  await victim.out.wait(/^ready$/);
  id = await store.ok('save', String(victim.pid), '--kill', '--name', 'debugged');
  await victim.end();
  await store.ok('core', id, '-o', core);
});
afterAll(async () => {
  await cleanUp();
  store.remove();
});

/** What gdb says to commands; it reads no init files and no user's debug servers. */
function gdb(...commands: string[]): string {
  const args = [
    '-nx',
    '-batch',
    '-iex',
    'set debuginfod enabled off',
    ...commands.flatMap((command) => ['-ex', command]),
    program,
    core,
  ];
  return execFileSync('gdb', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DEBUGINFOD_URLS: '' },
  });
}

describe('gdb on a core', () => {
  it('walks the calls back to main', () => {
    expect(gdb('backtrace')).toMatch(
      /#0 .* innermost \(depth=8, where=0x[0-9a-f]+ <harbour>\) at .*debugged\.c:\d+\n#1 .* middle \(depth=7, .*\n#2 .* main \(\) at /,
    );
  });

  it('prints variables of every kind of memory', () => {
    const out = gdb(
      'print harbour',
      'print marker',
      'up',
      'print depth',
      'x/s heap + (150 << 20)',
      'print heap[10]',
      'print heap[(151 << 20) + 5]',
      'output/x *(long *)main',
    );
    expect(out).toMatch(/\{number = 42, length = 2\.5, name = 0x[0-9a-f]+ "harbour"\}/);
    expect(out).toContain(`= 1311768467294899695`);
    expect(out).toMatch(/"deep in the heap"/);
    expect(out.match(/= 0 '\\000'/g)).toHaveLength(2);
    // Code is not in the image: gdb has it from the program, and of libc from its file.
    expect(out).toMatch(/0x[0-9a-f]{10,}$/m);
    expect(gdb('info symbol puts', 'x/2i puts')).toMatch(/puts in section \.text of .*libc/);
  });

  it('has the registers that show tells', async () => {
    const shown = JSON.parse(await store.ok('show', '--json', id)) as {
      tasks: { threads: { registers: Record<string, unknown> }[] }[];
    };
    // The integers of the output are beyond what JSON.parse keeps: their digits are taken from the text.
    const text = await store.ok('show', '--json', id);
    for (const name of Object.keys(shown.tasks[0]?.threads[0]?.registers ?? {})) {
      const digits = new RegExp(`"${name}":(\\d+)`).exec(text)?.[1] ?? '';
      const said = gdb(`output/x $${name === 'rflags' ? 'eflags' : name}`)
        .trimEnd()
        .split('\n')
        .at(-1);
      expect(BigInt(/0x[0-9a-f]+$/.exec(said ?? '')?.[0] ?? -1), name).toBe(BigInt(digits));
    }
    expect(gdb('print $xmm5.v4_int32')).toContain('{-1, -1, -1, -1}');
  });

  it('lists files, mappings and the auxiliary vector', async () => {
    expect(gdb('info files')).toMatch(
      /Local core dump file:\n.*core', file type elf64-x86-64\.\n[^]* is load1[^]*\.text in .*libc/,
    );
    const mapped = gdb('info proc mappings');
    expect(mapped).toContain(program);
    expect(mapped).toMatch(/libc\.so\.6/);
    const entry = /AT_ENTRY +Entry point of program +(0x[0-9a-f]+)/.exec(gdb('info auxv'))?.[1];
    expect(gdb(`info symbol ${String(entry)}`)).toContain('_start in section .text');
  });

  it('has every note of a kernel core', () => {
    const notes = execFileSync('readelf', ['-n', '-W', core], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for (const name of ['PRSTATUS', 'PRPSINFO', 'SIGINFO', 'AUXV', 'FILE', 'FPREGSET', 'X86_XSTATE'])
      expect(notes).toContain(`NT_${name}`);
    expect(execFileSync('readelf', ['-h', core], { encoding: 'utf8' })).toMatch(/Type: +CORE/);
  });
});

describe('ckpt core', () => {
  it('makes a sparse file', () => {
    const { size, blocks } = statSync(core);
    expect(size).toBeGreaterThan(200 << 20);
    expect(blocks * 512).toBeLessThan(4 << 20);
  });

  it('writes the same into a pipe, with zeros in place of holes', async () => {
    const bin = fileURLToPath(new URL('../../bin/ckpt', import.meta.url));
    const script = '"$0" "$1" --store "$2" core "$3" | cmp - "$4"';
    execFileSync('bash', ['-o', 'pipefail', '-c', script, process.execPath, bin, store.path, id, core]);
  });

  it('adds no hole where it writes into the middle of a file', async () => {
    const bin = fileURLToPath(new URL('../../bin/ckpt', import.meta.url));
    // The file is full of ones beforehand: what is zero in the core must be written.
    const script =
      'head -c 300M /dev/zero | tr "\\0" "\\1" > "$5"; "$0" "$1" --store "$2" core "$3" 1<> "$5"; cmp -n "$(stat -c %s "$4")" "$4" "$5"; test "$(stat -c %s "$5")" = 314572800';
    execFileSync('bash', ['-e', '-c', script, process.execPath, bin, store.path, id, core, join(store.dir, 'ones')]);
  });

  it('of version 1 has the registers that it has', async () => {
    const v1 = await store.ok('ingest', golden('mixed'));
    const path = join(store.dir, 'v1.core');
    await store.ok('core', v1, '-o', path);
    const image = readFileSync(golden('mixed'));
    expect(statSync(path).size % 4096).toBe(0);
    expect(image.length).toBeGreaterThan(0);
    const text = await store.ok('show', '--json', v1);
    const rip = BigInt(/"rip":(\d+)/.exec(text)?.[1] ?? -1);
    const out = execFileSync('gdb', ['-nx', '-batch', '-ex', 'output/x (unsigned long) $rip', '-core', path], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    expect(BigInt(/0x[0-9a-f]+$/.exec(out.trimEnd())?.[0] ?? -1)).toBe(rip);
  });

  it('says what stands in the way', async () => {
    expect(await store.run('core', 'nobody', '-o', join(store.dir, 'x'))).toMatchObject({ code: 3 });
    expect(await store.run('core', id, '-o', join(store.dir, 'no', 'where'))).toMatchObject({ code: 1, stdout: '' });
  });
});
