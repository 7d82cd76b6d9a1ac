// SPDX-License-Identifier: Apache-2.0
//
// A process of its own that brings packs from a service for one lazily restarted task: it outlives the command, and goes when nobody is
// connected any more. It listens in the directory of the packs (native/pager/pack_bringer.h says what is said there), and takes
// what to do from the first line of its standard input, whose end is the command's farewell.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { packPath } from '../codec/native.js';
import { ownBorrowedDir } from './borrowed-dir.js';
import { RemoteClient, type RemoteOptions } from './client.js';

export interface Errand {
  readonly service: RemoteOptions;
  readonly checkpoint: string;
  /** Of the packs; removed in the end. */
  readonly dir: string;
  /** Where the heads are that packs have to have, if that was proved before: a pack's name alone does not say what its pages are. */
  readonly heads?: string;
}

/** The name of its socket there. */
const SOCKET = 'supply';
/** The pager waits a little longer than this for an answer. */
const PATIENCE_MS = 10_000;
/** A pager connects while the command is still there; one that was killed is not replaced. */
const LINGER_MS = 500;
const PACK_BYTES_MAX = 16 << 20;
const ID_BYTES = 32;
const ANSWER_MAX = 400;

class PackBringer {
  readonly #client: RemoteClient;
  readonly #coming = new Map<string, Promise<void>>();

  constructor(private readonly errand: Errand) {
    this.#client = new RemoteClient(errand.service);
  }

  /** Resolves when the pack has its name. */
  bring(pack: string): Promise<void> {
    const known = this.#coming.get(pack);
    if (known) return known;
    const coming = this.#fetch(pack).finally(() => this.#coming.delete(pack));
    this.#coming.set(pack, coming);
    return coming;
  }

  async #fetch(pack: string): Promise<void> {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    try {
      const answer = await this.#client.open(`/v1/checkpoints/${this.errand.checkpoint}/packs/${pack}`, { signal });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        if ((bytes += chunk.length) > PACK_BYTES_MAX) throw new Error('the service sends too much');
      }
      keep(this.errand, pack, Buffer.concat(chunks));
    } catch (error) {
      if (signal.aborted) throw new Error(`${this.errand.service.url} does not answer`, { cause: error });
      throw error;
    }
  }
}

/** The last 32 bytes of a pack are the SHA-256 of the rest, and its name: what came is what the plan means, or is not kept. */
function keep({ dir, heads }: Errand, pack: string, bytes: Buffer): void {
  const body = bytes.subarray(0, Math.max(0, bytes.length - ID_BYTES));
  const digest = createHash('sha256').update(body).digest('hex');
  if (digest !== pack || bytes.subarray(body.length).toString('hex') !== pack) {
    throw new Error('what the service sends is not that pack');
  }
  if (heads !== undefined) {
    const head = readFileSync(packPath(heads, pack));
    if (!bytes.subarray(0, head.length).equals(head)) throw new Error('the pack has not the pages that were sealed');
  }
  const path = packPath(dir, pack);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.part`, bytes, { mode: 0o600 });
  renameSync(`${path}.part`, path);
}

async function answer(socket: Socket, bringer: PackBringer): Promise<void> {
  let asked = Buffer.alloc(0);
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    asked = Buffer.concat([asked, chunk]);
    if (asked.length >= ID_BYTES) break;
  }
  if (asked.length < ID_BYTES) return; // it only stayed connected
  const text = await bringer.bring(asked.subarray(0, ID_BYTES).toString('hex')).then(
    () => 'ok',
    (error: unknown) => (error as Error).message.split('\n', 1)[0]!.slice(0, ANSWER_MAX),
  );
  socket.end(text);
}

function serve(errand: Errand): void {
  const bringer = new PackBringer(errand);
  let users = 1; // the command
  const leave = (): void => {
    if (--users === 0) setTimeout(goIfAlone, LINGER_MS);
  };
  const goIfAlone = (): void => {
    if (users > 0) return;
    rmSync(errand.dir, { recursive: true, force: true });
    process.exit(0);
  };
  process.stdin.on('close', leave);
  const server = createServer((socket) => {
    users++;
    socket.on('close', leave);
    socket.on('error', () => undefined);
    void answer(socket, bringer).catch(() => socket.destroy());
  });
  ownBorrowedDir(errand.dir);
  process.chdir(errand.dir); // the name of a socket is short
  server.listen(SOCKET, () => process.stdout.write('ready\n'));
}

// Whoever can read the packs' directory is told no more than they could read; the token comes this way and no other.
createInterface({ input: process.stdin }).once('line', (line) => serve(JSON.parse(line) as Errand));
