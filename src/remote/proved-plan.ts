// SPDX-License-Identifier: Apache-2.0
//
// The plan of a lazy restart out of a service that this machine believes only as far as its own keys do. The digest of the image is computed
// here before anything of it runs, from the events of its stream and the heads of its packs; whoever brings a pack later compares its head with
// these, and the pager each page with the hash in it. So no page is used that the sealed digest does not cover.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { packPath, pageIdentity, type Codec, type StreamEvent } from '../codec/native.js';
import { CkptError } from '../format/errors.js';
import { planRestart } from '../restore/plan.js';
import { rebuildImage, type StoredImage } from '../restore/rebuild.js';
import { distrust } from '../store-seals.js';
import type { RemoteClient } from './client.js';
import type { SealedDigest } from './sealed-image.js';

/** OutlinePart of lending.ts, a line each. That of an image of 4 GiB, all of it new, has some 40 MiB. */
const OUTLINE_BYTES_MAX = 1 << 30;

/**
 * Descriptor of the plan of an image of `imageBytes`, which the caller closes; the heads of its packs are in `headsDir` then. CkptError `damaged`: the
 * service shows another image than was sealed.
 */
export async function provePlan(
  client: RemoteClient,
  codec: Codec,
  wanted: SealedDigest,
  imageBytes: number,
  headsDir: string,
): Promise<number> {
  const events = await fetchOutline(client, wanted.checkpoint, headsDir);
  const image: StoredImage = {
    id: wanted.checkpoint,
    bytes: imageBytes,
    digest: wanted.digest,
    events: () => [events],
    packsMoved: () => '',
    prepare: () => Promise.resolve({ release: () => undefined }),
    touching: () => [],
  };
  const identity = pageIdentity(wanted.hashing);
  try {
    await rebuildImage(image, -1, { codec, identity, packsDir: headsDir, trustPacks: true });
  } catch (error) {
    if (error instanceof CkptError && error.kind === 'damaged') throw distrust(image.id, ['wrong']);
    throw error;
  }
  return planRestart(image, codec, identity);
}

/** What comes is anybody's word. */
type Told = { readonly [key in 'type' | 'pack' | 'value']?: unknown };

async function fetchOutline(client: RemoteClient, checkpoint: string, headsDir: string): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  let bytes = 0;
  for await (const { type, pack, value: text } of client.lines<Told>(`/v1/checkpoints/${checkpoint}/outline`)) {
    const value = Buffer.from(typeof text === 'string' ? text : '', 'base64');
    if ((bytes += value.length) > OUTLINE_BYTES_MAX) {
      const line = `the records of ${checkpoint} and the heads of its packs are more than ${String(OUTLINE_BYTES_MAX)} bytes`;
      throw new CkptError('unsupported', line, 'leave --lazy out');
    }
    if (type === 'head') writeHead(headsDir, pack, value);
    else if (type === 'record' || type === 'pages') events.push({ type, value });
  }
  return events;
}

function writeHead(dir: string, pack: unknown, head: Buffer): void {
  if (typeof pack !== 'string' || !/^[0-9a-f]{64}$/.test(pack)) {
    throw new CkptError('failed', 'the service names a pack that cannot be one');
  }
  const path = packPath(dir, pack);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, head, { mode: 0o600 });
}
