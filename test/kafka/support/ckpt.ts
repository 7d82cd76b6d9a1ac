// SPDX-License-Identifier: Apache-2.0
//
// bin/ckpt as a child process against a log on Kafka, and catalogs made from its topics alone.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { loadCodec } from '../../../src/codec/native.js';
import { openKafkaLog } from '../../../src/store/kafka/kafka-log.js';
import { openStore, type Store } from '../../../src/store/index.js';
import { newDirectory, removeDirectory } from './topics.js';

const program = fileURLToPath(new URL('../../../bin/ckpt', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export function startCkpt(store: string, log: string, ...args: string[]): Running {
  const child = spawn(process.execPath, [program, '--store', store, '--log', log, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_ENV: '' },
  });
  const [out, err]: Buffer[][] = [[], []];
  child.stdout?.on('data', (chunk: Buffer) => out?.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => err?.push(chunk));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out ?? []), stderr: Buffer.concat(err ?? []).toString() }),
    );
  });
  return { child, ended };
}

export function runCkpt(store: string, log: string, ...args: string[]): Promise<Ended> {
  return startCkpt(store, log, ...args).ended;
}

/** What a machine that has nothing makes of the topics. */
export async function withFreshCatalog<T>(url: string, work: (store: Store) => Promise<T>): Promise<T> {
  const dir = newDirectory();
  try {
    const openLog = (): ReturnType<typeof openKafkaLog> => openKafkaLog({ dir, url, create: false });
    const store = await openStore({ dir, create: false, codec: loadCodec(), openLog });
    try {
      await store.catchUp();
      return await work(store);
    } finally {
      await store.close();
    }
  } finally {
    removeDirectory(dir);
  }
}

export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
