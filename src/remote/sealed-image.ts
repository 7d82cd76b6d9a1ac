// SPDX-License-Identifier: Apache-2.0
//
// An image of a service that this machine believes only as far as its own keys do. Its digest is computed here while it comes, and the
// last of it is held back until that is what was sealed: a restart lets nothing run of an image without its end.
import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Codec } from '../codec/native.js';
import { CkptError } from '../format/errors.js';
import { digestImage } from '../ingest/digest.js';
import type { KeyEntry } from '../seals/keyring.js';
import { distrust, judgeSeal, originOf, type LogHashing, type SealSubject, type SealView } from '../store-seals.js';
import { writeAll } from './image-transfer.js';

/** What an image has to come to. */
export interface SealedDigest {
  readonly checkpoint: string;
  readonly digest: string;
  /** Of the log in which that digest means something. */
  readonly hashing: LogHashing;
  /** The seal was made in another log: only all of the image tells whether it comes to that digest. */
  readonly isCarried: boolean;
}

/** The seals of a checkpoint as the service shows them. */
export interface RemoteSeals extends LogHashing {
  readonly seals: readonly SealView[];
}

/** By the keys here; what the service makes of a seal does not count. CkptError when nobody believed stands for it. */
export function sealedDigest(keys: readonly KeyEntry[], row: SealSubject, remote: RemoteSeals): SealedDigest {
  const judged = remote.seals.map((seal) => ({ seal, judgement: judgeSeal(keys, row, seal) }));
  const found =
    judged.find(({ judgement }) => judgement === 'good') ?? judged.find(({ judgement }) => judgement === 'carried');
  if (!found) {
    throw distrust(
      row.id,
      judged.map(({ judgement }) => judgement),
    );
  }
  const { seal, judgement } = found;
  const hashing = originOf(seal) ?? remote;
  return { checkpoint: row.id, digest: seal.digest, hashing, isCarried: judgement === 'carried' };
}

/** `fill` writes the image into a descriptor; what has been checked is written to `fd`. CkptError `damaged`: it is not what was sealed. */
export async function passSealed(
  codec: Codec,
  wanted: SealedDigest,
  fd: number,
  fill: (fd: number) => Promise<void>,
): Promise<void> {
  const { readFd, writeFd } = codec.pipe();
  const judge = codec.pipe();
  let judgeOpen = true;
  const closeJudge = (): void => {
    if (judgeOpen) closeSync(judge.writeFd);
    judgeOpen = false;
  };
  const filled = fill(writeFd).finally(() => closeSync(writeFd));
  filled.catch(() => undefined); // reported below
  const log = { opened: { ...wanted.hashing, logId: '00'.repeat(16) } };
  const judged = digestImage(judge.readFd, { codec, log }).finally(() => closeSync(judge.readFd));
  judged.catch(() => undefined);
  const source = new Socket({ fd: readFd, readable: true, writable: false });
  try {
    let held: Buffer = Buffer.alloc(0);
    for await (const chunk of source as AsyncIterable<Buffer>) {
      await writeAll(judge.writeFd, chunk);
      await writeAll(fd, held);
      held = chunk;
    }
    closeJudge();
    await filled;
    const { digest } = await judged;
    if (digest !== wanted.digest) throw distrust(wanted.checkpoint, ['wrong']);
    await writeAll(fd, held);
  } catch (error) {
    source.destroy();
    closeJudge();
    // What went wrong on the way says more than the torn image that it made, and that more than a pipe that nobody reads.
    const cut: unknown = await filled.catch((reason: unknown) => reason);
    if (cut instanceof CkptError && !cut.message.startsWith('cannot write')) throw cut;
    await judged;
    throw error;
  } finally {
    source.destroy();
    closeJudge();
  }
}
