// SPDX-License-Identifier: Apache-2.0
//
// The seals of a store's checkpoints against the keys of whoever works with it. As long as no key is configured nothing is asked. From
// the first on, an image counts only with a seal that verifies, by a key that is known and not revoked, over the digest of what is
// really there: nobody runs what nobody stands for.
import { closeSync } from 'node:fs';
import type { Codec } from './codec/native.js';
import { CkptError } from './format/errors.js';
import { outsideEvent, pageHashes, type EventMessage, type LogOpened } from './format/events.js';
import { digestImage } from './ingest/digest.js';
import { rebuildImage, type RebuildEnvironment } from './restore/rebuild.js';
import type { KeyEntry, Keyring } from './seals/keyring.js';
import { isAlgorithm, signStatement, verifySeal } from './seals/seal.js';
import type { CheckpointRow, SealEntry, Store } from './store/index.js';
import { storedImage } from './stored-image.js';

/** What is to be said of one seal, by the keys alone. `carried`: made in another store, over a digest that only reading all can tell. */
export type Judgement = 'good' | 'carried' | 'wrong' | 'revoked' | 'unknown';

export type SealFacts = Omit<SealEntry, 'checkpoint_id'>;

/** A seal, and what the keys here say of it. */
export interface SealView extends SealFacts {
  /** As the keyring here calls it. */
  readonly key_name: string | null;
  readonly judgement: Judgement;
}

/** What was proved last, so that a service proves a checkpoint once. */
const PROVED_MAX = 64;

/** Keys, checkpoint and digest make a judgement; nothing is read. */
export function judgeSeal(keys: readonly KeyEntry[], row: SealSubject, seal: SealFacts): Judgement {
  const key = keys.find(({ id }) => id === seal.key_id);
  if (!key) return 'unknown';
  if (key.state === 'revoked') return 'revoked';
  const statement = { checkpoint: row.id, digest: seal.digest, at: seal.at };
  if (!isAlgorithm(seal.algorithm) || seal.algorithm !== key.algorithm) return 'wrong';
  if (!verifySeal(key, statement, seal.seal)) return 'wrong';
  if (seal.salt !== null) return 'carried';
  return seal.digest === row.image_digest ? 'good' : 'wrong';
}

export type SealSubject = Pick<CheckpointRow, 'id' | 'image_digest'>;

/** Why an image is not believed. `damaged`: a seal that is none; `unsupported`: nobody stands for it whom this machine believes. */
export function distrust(id: string, judgements: readonly Judgement[]): CkptError {
  const said = (judgement: Judgement): boolean => judgements.includes(judgement);
  if (said('wrong')) {
    const line = `checkpoint ${id}: its seal does not verify: it was made for another image, or changed`;
    return new CkptError('damaged', line, 'do not run it; ckpt log --type signed shows its seals');
  }
  const why = said('revoked')
    ? 'it is sealed by a revoked key only'
    : said('unknown')
      ? 'it is sealed by an unknown key only'
      : 'it has no seal';
  const line = `checkpoint ${id} is not believed, as keys are configured: ${why}`;
  return new CkptError('unsupported', line, 'ckpt key import takes in a key, ckpt key seal stands for the image');
}

export function viewSeals(keys: readonly KeyEntry[], row: SealSubject, seals: readonly SealFacts[]): SealView[] {
  return seals.map((seal) => ({
    key_id: seal.key_id,
    key_name: keys.find(({ id }) => id === seal.key_id)?.name ?? null,
    algorithm: seal.algorithm,
    digest: seal.digest,
    at: seal.at,
    seal: seal.seal,
    salt: seal.salt,
    hash: seal.hash,
    judgement: judgeSeal(keys, row, seal),
  }));
}

/** What the pages of the log were hashed with where a carried seal was made; undefined when it names nothing that can be. */
export function originOf({ salt, hash }: Pick<SealEntry, 'salt' | 'hash'>): LogHashing | undefined {
  const known = pageHashes.find((name) => name === hash);
  return known && salt !== null && /^[0-9a-f]{64}$/.test(salt) ? { salt, hash: known } : undefined;
}

/** With these the digest of an image can be computed elsewhere. */
export type LogHashing = Pick<LogOpened, 'hash' | 'salt'>;

/** Who stands for a checkpoint of another store. */
export interface OriginSeals {
  /** Its seals, and what the pages of that store's log are hashed with. */
  readonly seals: LogHashing & { readonly seals: readonly SealFacts[] };
  /** By the keys of whoever copies. */
  readonly isBelieved: boolean;
}

export class StoreSeals {
  readonly #proved = new Set<string>();

  constructor(
    private readonly store: Store,
    private readonly codec: Codec,
    private readonly keyring: Keyring | undefined,
    private readonly environment: () => RebuildEnvironment,
  ) {}

  #keys(): readonly KeyEntry[] {
    return this.keyring?.list() ?? [];
  }

  /** Whether an image needs a seal. CkptError when the keys cannot be read: then too nothing runs. */
  get required(): boolean {
    return this.#keys().length > 0;
  }

  /** The event that seals an image with the signing key; none when there is no such key. */
  sign(checkpoint: string, digest: string): EventMessage[] {
    const key = this.keyring?.signing;
    if (!key) return [];
    const at = new Date().toISOString();
    const seal = signStatement(key, { checkpoint, digest, at });
    return [outsideEvent('signed', checkpoint, { keyId: key.id, algorithm: key.algorithm, digest, at, seal })];
  }

  views(row: SealSubject): SealView[] {
    return viewSeals(this.#keys(), row, this.store.catalog.sealsOf(row.id));
  }

  /**
   * Resolves when the image may be used. `prove`: the digest is computed over what is there now, by the directories of its packs, before
   * anything of it runs; else whoever reads the image compares it at the end, as an export does. `once`: what was proved before, of the
   * same packs, is believed. CkptError `damaged` or `unsupported`.
   */
  async require(row: SealSubject, { prove, once = false }: { prove: boolean; once?: boolean }): Promise<void> {
    if (!this.required) return;
    const keys = this.#keys();
    const seals = this.store.catalog.sealsOf(row.id);
    const judged = seals.map((seal) => ({ seal, judgement: judgeSeal(keys, row, seal) }));
    if (judged.some(({ judgement }) => judgement === 'good')) {
      if (prove) await this.#once(once, row, () => this.#proveDigest(row));
      return;
    }
    const judgements = judged.map(({ judgement }) => judgement).filter((judgement) => judgement !== 'carried');
    for (const { seal, judgement } of judged) {
      if (judgement !== 'carried') continue;
      if (await this.#once(once, row, () => this.#isCarried(row, seal))) return;
      judgements.push('wrong');
    }
    throw distrust(row.id, judgements);
  }

  /** Stands for an image that is there already: reads it through, and says so in the log. CkptError. */
  async seal(row: SealSubject): Promise<EventMessage> {
    const [event] = row.image_digest === null ? [] : this.sign(row.id, row.image_digest);
    if (!event) throw new CkptError('usage', 'there is no key to seal with', 'ckpt key make');
    await rebuildImage(storedImage(this.store, row.id), -1, this.environment());
    return event;
  }

  /** Whether somebody who is believed stands for it; false too when no key is configured. */
  async isBelieved(row: SealSubject): Promise<boolean> {
    if (!this.required) return false;
    try {
      await this.require(row, { prove: true });
      return true;
    } catch (error) {
      if (error instanceof CkptError && (error.kind === 'damaged' || error.kind === 'unsupported')) return false;
      throw error;
    }
  }

  /**
   * The seals of a checkpoint of another store as a copy of it carries them into this log. They hold for the id that they were made for. A copy
   * is sealed anew only when the original is believed: copying makes nothing better.
   */
  signCopy(
    original: string,
    { seals, isBelieved }: OriginSeals,
  ): (id: string, digest: string) => readonly EventMessage[] {
    const here = this.store.log.opened;
    const carried = seals.seals.map(({ key_id: keyId, algorithm, digest, at, seal, ...origin }) => {
      const { salt, hash } = originOf(origin) ?? seals;
      return { ...{ keyId, algorithm, digest, at, seal }, ...(salt === here.salt ? {} : { salt, hash }) };
    });
    return (id, digest) => [
      ...(id === original ? carried.map((seal) => outsideEvent('signed', id, seal)) : []),
      ...(isBelieved ? this.sign(id, digest) : []),
    ];
  }

  async #once(once: boolean, row: SealSubject, prove: () => Promise<boolean>): Promise<boolean> {
    if (!once) return prove();
    const what = `${row.id} ${String(row.image_digest)} ${this.store.life.packsMoved()}`;
    if (this.#proved.has(what)) return true;
    if (!(await prove())) return false;
    if (this.#proved.size >= PROVED_MAX) this.#proved.clear();
    this.#proved.add(what);
    return true;
  }

  /** That what is there comes to the digest that was sealed: throws if not. Pages are verified against the same hashes when they are read. */
  async #proveDigest(row: SealSubject): Promise<boolean> {
    await rebuildImage(storedImage(this.store, row.id), -1, { ...this.environment(), trustPacks: true });
    return true;
  }

  /** Whether the image comes to a digest of another log: every byte is read and hashed anew. */
  async #isCarried(row: SealSubject, seal: SealEntry): Promise<boolean> {
    const origin = originOf(seal);
    if (!origin) return false;
    const { codec } = this;
    const { readFd, writeFd } = codec.pipe();
    const written = rebuildImage(storedImage(this.store, row.id), writeFd, this.environment()).finally(() =>
      closeSync(writeFd),
    );
    written.catch(() => undefined); // reported below
    try {
      const log = { opened: { ...this.store.log.opened, ...origin } };
      const image = await digestImage(readFd, { codec, log });
      await written;
      return image.digest === seal.digest;
    } catch (error) {
      // The image itself is damaged: that says more.
      await written;
      throw error;
    } finally {
      closeSync(readFd);
    }
  }
}
