// SPDX-License-Identifier: Apache-2.0
//
// The benchmark's data: heap pages of real node, python3 and (where installed) java processes as one image of version 2.
// Taken once and kept in the cache directory, because a fresh one would be different data.
//   node bench/heap.mjs FILE [MIB]
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { installed, isMain } from '../scripts/lib/run.mjs';
import { ImageWriter } from './image-writer.mjs';

const heaps = join(import.meta.dirname, 'heaps');

/** Programs that fill a heap. `share`: part of the wanted bytes that each is told to reach. */
const programs = [
  {
    name: 'node',
    command: process.execPath,
    args: (mib) => ['--max-old-space-size=4096', join(heaps, 'node.mjs'), mib],
  },
  { name: 'python3', command: 'python3', args: (mib) => [join(heaps, 'python.py'), mib] },
  { name: 'java', command: 'java', args: (mib) => ['-Xmx2g', '-XX:+UseSerialGC', join(heaps, 'Heap.java'), mib] },
];

/** Starts a program and resolves when it says that it is ready. */
async function ready(program, mib) {
  const child = spawn(program.command, program.args(String(mib)), { stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('error', reject);
    child.once('close', (code) => reject(new Error(`${program.name} ended with ${code} before it was ready`)));
  });
  return child;
}

/** Waits until every thread of the process is stopped. */
async function stopped(pid) {
  process.kill(pid, 'SIGSTOP');
  while (!/^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) await sleep(10);
  await sleep(50);
}

/** Writes the image of freshly made processes; returns { path, bytes, pages, programs }. */
export async function takeHeaps(path, mib) {
  const used = programs.filter((program) => program.command.startsWith('/') || installed(program.command));
  const children = [];
  const partial = `${path}.partial`;
  try {
    for (const program of used) children.push(await ready(program, Math.round(mib / used.length)));
    const writer = new ImageWriter(partial, used.length);
    for (const child of children) {
      await stopped(child.pid);
      writer.task(child.pid);
    }
    const bytes = writer.finish();
    renameSync(partial, path);
    return { path, bytes, pages: writer.pages, programs: used.map((program) => program.name) };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(partial, { force: true });
  }
}

/** The kept image of about `mib` MiB, taken now when it is not there yet. */
export async function heapImage(mib) {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ckpt-bench');
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const path = join(cache, `heaps-${mib}.img`);
  if (!existsSync(path)) {
    process.stderr.write(`taking heap pages of real processes, ${mib} MiB ...\n`);
    await takeHeaps(path, mib);
  }
  return { path, bytes: statSync(path).size };
}

if (isMain(import.meta.url)) {
  const [file, mib = '700'] = process.argv.slice(2);
  if (!file) throw new Error('usage: node bench/heap.mjs FILE [MIB]');
  mkdirSync(dirname(file), { recursive: true });
  process.stdout.write(`${JSON.stringify(await takeHeaps(file, Number(mib)))}\n`);
}
