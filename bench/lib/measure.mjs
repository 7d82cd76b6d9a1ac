// SPDX-License-Identifier: Apache-2.0
//
// One measured run of a command: wall-clock time, and the peak memory of its processes together.
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const SAMPLE_MS = 20;

function childrenOf(pid) {
  const found = [];
  try {
    for (const tid of readdirSync(`/proc/${pid}/task`)) {
      found.push(...readFileSync(`/proc/${pid}/task/${tid}/children`, 'utf8').split(' ').filter(Boolean).map(Number));
    }
  } catch {
    // It has ended.
  }
  return found;
}

/** What a restart makes; its memory is its own, not ckpt's. */
const RESTORED = 'python3';

/** Adds the high-water marks of a process and its descendants to `marks`, in bytes by pid. */
function sample(pid, marks) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    if (status.startsWith(`Name:\t${RESTORED}\n`)) {
      marks.delete(pid);
      return;
    }
    const match = /^VmHWM:\s+(\d+) kB/m.exec(status);
    if (match) marks.set(pid, Math.max(marks.get(pid) ?? 0, Number(match[1]) * 1024));
  } catch {
    return;
  }
  for (const child of childrenOf(pid)) sample(child, marks);
}

/**
 * Runs `command` with bash. Resolves to { seconds, processorSeconds, memory, stdout }; `memory` is the sum over its processes, shell and cat left
 * out, of the most that each ever held. Rejects when the command fails.
 */
export function measure(command, env = {}) {
  return new Promise((resolve, reject) => {
    const marks = new Map();
    const started = process.hrtime.bigint();
    const child = spawn('bash', ['-o', 'pipefail', '-c', `TIMEFORMAT='CPU %U %S'; time { ${command}\n}`], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const timer = setInterval(() => {
      for (const pid of [child.pid, ...childrenOf(child.pid)]) if (!isPlumbing(pid)) sample(pid, marks);
    }, SAMPLE_MS);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      clearInterval(timer);
      if (code !== 0) return reject(new Error(`${command}\nended with exit code ${code}\n${stderr}`));
      const memory = [...marks.values()].reduce((sum, bytes) => sum + bytes, 0);
      const [, user, system] = /^CPU (\S+) (\S+)$/m.exec(stderr) ?? [];
      resolve({ seconds, processorSeconds: Number(user) + Number(system), memory, stdout: stdout.trim() });
    });
  });
}

function isPlumbing(pid) {
  try {
    return ['bash', 'cat'].includes(readFileSync(`/proc/${pid}/comm`, 'utf8').trim());
  } catch {
    return true;
  }
}

/** Bytes of all files under a directory. */
export function bytesUnder(dir) {
  const info = statSync(dir);
  if (!info.isDirectory()) return info.size;
  return readdirSync(dir).reduce((sum, name) => sum + bytesUnder(join(dir, name)), 0);
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
