// SPDX-License-Identifier: Apache-2.0
//
// Child processes for the scripts: shown as they run, captured, or run quietly with their output kept for a failure.
import { spawn, spawnSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Lines of a failed step's output that are shown. */
const TAIL_LINES = 80;

/** Ends the script with words for people instead of a stack. */
export class Failure extends Error {}

/** Runs a command with its output on this terminal. Resolves to its exit code, 128 + signal when it was killed. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: 'inherit', ...options });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(code ?? (signal ? 128 : 1)));
  });
}

/** Runs a command to its end and returns status, stdout and stderr as text. A command that is not there has status 127. */
export function capture(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options });
  return {
    status: result.error ? 127 : (result.status ?? 128),
    stdout: result.stdout ?? '',
    stderr: result.stderr ?? '',
  };
}

/** true when the command can be found in PATH. */
export function installed(command) {
  return spawnSync('sh', ['-c', `command -v "$1"`, 'sh', command], { stdio: 'ignore' }).status === 0;
}

/**
 * Runs a command quietly under a title. Its output goes to a temporary file; when it fails, the end of it is shown and a
 * Failure is thrown. Resolves to the seconds it took.
 */
export async function step(title, command, args, options = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'ckpt-step-'));
  const log = join(dir, 'output');
  const started = process.hrtime.bigint();
  process.stderr.write(`${title} ... `);
  try {
    const file = createWriteStream(log);
    const code = await new Promise((resolve, reject) => {
      const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
      child.stdout.pipe(file, { end: false });
      child.stderr.pipe(file, { end: false });
      child.on('error', reject);
      child.on('close', (status) => file.end(() => resolve(status ?? 128)));
    });
    const seconds = Number(process.hrtime.bigint() - started) / 1e9;
    if (code !== 0) {
      process.stderr.write(`failed (exit code ${code})\n`);
      const lines = readFileSync(log, 'utf8').trimEnd().split('\n');
      process.stderr.write(lines.slice(-TAIL_LINES).join('\n') + '\n');
      throw new Failure(`${title}: ${command} ${args.join(' ')} ended with exit code ${code}`);
    }
    process.stderr.write(`${seconds.toFixed(1)} s\n`);
    return seconds;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Runs a script's main function; a Failure becomes one line and exit code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}

/** true when `url` (import.meta.url) is the script that node was started with. */
export function isMain(url) {
  return process.argv[1] !== undefined && fileURLToPath(url) === realpathSync(process.argv[1]);
}
