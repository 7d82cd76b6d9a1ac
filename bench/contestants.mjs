// SPDX-License-Identifier: Apache-2.0
//
// What is measured: each contestant has a place of its own to write to and one method per measured step. Steps return
// { seconds, memory?, stored?, bytes? }; `bytes` where a step handles other bytes than the benchmark's image.
import { spawn } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { installed, root } from '../scripts/lib/run.mjs';
import { bytesUnder, measure } from './lib/measure.mjs';

const ckpt = join(root, 'bin', 'ckpt');
const q = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

function fresh(dir) {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
}

/** Bytes through a pipe: what no program on this machine can beat. */
function cat(image) {
  return { 'cat through a pipe': () => measure(`cat ${q(image)} | cat > /dev/null`) };
}

function zstd(image, dir) {
  const file = join(dir, 'image.zst');
  return {
    'zstd -1 -T0': async () => {
      const run = await measure(`cat ${q(image)} | zstd -1 -T0 -q -f -o ${q(file)}`);
      return { ...run, stored: bytesUnder(file) };
    },
    'zstd -d': () => measure(`zstd -d -q -c ${q(file)} > /dev/null`),
  };
}

function store(image, dir) {
  const env = { CKPT_STORE: join(dir, 'store'), CKPT_LOG: 'embedded' };
  const ingest = async () => {
    const run = await measure(`cat ${q(image)} | ${q(ckpt)} ingest - --quiet`, env);
    return { ...run, stored: bytesUnder(env.CKPT_STORE) };
  };
  return {
    'ckpt ingest, fresh': () => {
      fresh(env.CKPT_STORE);
      return ingest();
    },
    'ckpt ingest, repeated': ingest,
    'ckpt export to /dev/null': () => measure(`${q(ckpt)} export @last --quiet > /dev/null`, env),
    'ckpt export through a pipe': () => measure(`${q(ckpt)} export @last --quiet | cat > /dev/null`, env),
  };
}

/** A python process with a large heap, saved and killed: what `ckpt restart` brings back. */
async function savedProcess(dir, mib) {
  const env = { CKPT_STORE: join(dir, 'restart'), CKPT_LOG: 'embedded' };
  fresh(env.CKPT_STORE);
  const child = spawn('python3', [join(root, 'bench', 'heaps', 'python.py'), String(mib)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  try {
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('error', reject);
      child.once('close', (code) => reject(new Error(`python3 ended with ${code}`)));
    });
    const save = await measure(`${q(ckpt)} save ${child.pid} --quiet`, env);
    const listed = await measure(`${q(ckpt)} ls --json`, env);
    return { env, save, bytes: Number(JSON.parse(listed.stdout)[0].image_bytes) };
  } finally {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;
  }
}

function liveProcess(dir, mib) {
  let saved;
  return {
    'ckpt save of a process': async () => {
      saved = await savedProcess(dir, mib);
      return { ...saved.save, bytes: saved.bytes, stored: bytesUnder(saved.env.CKPT_STORE) };
    },
    // The copy finds the end of its standard input, /dev/null, and ends by itself.
    'ckpt restart': async () => ({
      ...(await measure(`${q(ckpt)} restart @last --detach --quiet`, saved.env)),
      bytes: saved.bytes,
    }),
  };
}

function restic(image, dir) {
  const repository = join(dir, 'restic');
  const env = { RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: 'bench', RESTIC_CACHE_DIR: join(dir, 'restic-cache') };
  const backup = async () => {
    const run = await measure(`cat ${q(image)} | restic backup -q --stdin --stdin-filename image`, env);
    return { ...run, stored: bytesUnder(repository) };
  };
  return {
    'restic backup --stdin, fresh': async () => {
      fresh(repository);
      await measure('restic init -q', env);
      return backup();
    },
    'restic backup --stdin, repeated': backup,
    'restic dump': () => measure('restic dump -q latest image > /dev/null', env),
  };
}

function borg(image, dir) {
  const repository = join(dir, 'borg');
  const env = {
    BORG_REPO: repository,
    BORG_BASE_DIR: join(dir, 'borg-base'),
    BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
    BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
  };
  let count = 0;
  const create = async () => {
    const run = await measure(`cat ${q(image)} | borg create --compression zstd,1 ::image-${++count} -`, env);
    return { ...run, stored: bytesUnder(repository) };
  };
  return {
    'borg create -C zstd,1, fresh': async () => {
      fresh(repository);
      rmSync(env.BORG_BASE_DIR, { recursive: true, force: true });
      await measure('borg init -e none', env);
      return create();
    },
    'borg create -C zstd,1, repeated': create,
    'borg extract --stdout': () => measure(`borg extract --stdout ::image-${count} > /dev/null`, env),
  };
}

/** The steps in the order in which a round runs them, by name. `others`: other stores too, when they are installed. */
export function contestants(image, dir, mib, others) {
  return {
    ...cat(image),
    ...zstd(image, dir),
    ...store(image, dir),
    ...liveProcess(dir, Math.round(mib / 2)),
    ...(others && installed('restic') ? restic(image, dir) : {}),
    ...(others && installed('borg') ? borg(image, dir) : {}),
  };
}
