// SPDX-License-Identifier: Apache-2.0
//
// A seal says who stands for an image. It is made by a key over
//
//   "ckpt seal 1\0" algorithm "\0" checkpoint "\0" digest "\0" at "\0"        all as text, the digest in hex
//
// and so holds for this image under this id and nothing else: the digest covers every record, every page address and every page (its
// hash, salted by the log), and nobody else's text begins like that. Node's crypto does Ed25519 and HMAC-SHA-256.
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import type { Signed } from '../format/events.js';

export const algorithms = ['ed25519', 'hmac-sha-256'] as const;
export type Algorithm = (typeof algorithms)[number];

const KEY_BYTES = 32;

/** A key as numbers; all hex. */
export interface KeyMaterial {
  readonly algorithm: Algorithm;
  /** 32 bytes; null for HMAC, which has no such part. */
  readonly public: string | null;
  /** 32 bytes: the seed of Ed25519, the key of HMAC; null where only seals are to be verified. */
  readonly secret: string | null;
}

/** What a seal is made over. */
export interface Statement {
  readonly checkpoint: string;
  /** Image digest, hex. */
  readonly digest: string;
  /** ISO 8601. */
  readonly at: string;
}

function messageOf(algorithm: Algorithm, { checkpoint, digest, at }: Statement): Buffer {
  return Buffer.from(`ckpt seal 1\0${algorithm}\0${checkpoint}\0${digest}\0${at}\0`);
}

export function isAlgorithm(text: unknown): text is Algorithm {
  return (algorithms as readonly unknown[]).includes(text);
}

export function makeKey(algorithm: Algorithm): KeyMaterial {
  if (algorithm === 'hmac-sha-256') {
    return { algorithm, public: null, secret: randomBytes(KEY_BYTES).toString('hex') };
  }
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  return { algorithm, public: fromUrl(x!), secret: fromUrl(d!) };
}

/** 32 hex digits that name a key; of a key of HMAC too it says nothing about the secret. */
export function keyIdOf({ algorithm, public: open, secret }: KeyMaterial): string {
  const hash = createHash('sha256').update(`ckpt key 1\0${algorithm}\0`);
  return hash
    .update(Buffer.from(open ?? secret!, 'hex'))
    .digest('hex')
    .slice(0, 32);
}

/** Whether these numbers are a key: the public part belongs to the secret one. */
export function isKey({ algorithm, public: open, secret }: KeyMaterial): boolean {
  const number = /^[0-9a-f]{64}$/;
  if ((open !== null && !number.test(open)) || (secret !== null && !number.test(secret))) return false;
  if (algorithm === 'hmac-sha-256') return open === null && secret !== null;
  if (open === null) return false;
  const statement: Statement = { checkpoint: '', digest: '', at: '' };
  try {
    const key = { algorithm, public: open, secret };
    if (secret !== null) return verifySeal(key, statement, signStatement(key, statement));
    createPublicKey({ key: jwk(open), format: 'jwk' });
    return true;
  } catch {
    return false;
  }
}

/** The seal, hex. The key has its secret. */
export function signStatement(key: KeyMaterial, statement: Statement): string {
  const message = messageOf(key.algorithm, statement);
  const secret = Buffer.from(key.secret!, 'hex');
  if (key.algorithm === 'hmac-sha-256') return createHmac('sha256', secret).update(message).digest('hex');
  const signing = createPrivateKey({
    key: { ...jwk(key.public!), d: secret.toString('base64url') },
    format: 'jwk',
  });
  return sign(null, message, signing).toString('hex');
}

export function verifySeal(key: KeyMaterial, statement: Statement, seal: string): boolean {
  if (!/^([0-9a-f]{2})+$/.test(seal)) return false;
  const bytes = Buffer.from(seal, 'hex');
  const message = messageOf(key.algorithm, statement);
  if (key.algorithm === 'hmac-sha-256') {
    const expected = createHmac('sha256', Buffer.from(key.secret!, 'hex')).update(message).digest();
    return bytes.length === expected.length && timingSafeEqual(bytes, expected);
  }
  return verify(null, message, createPublicKey({ key: jwk(key.public!), format: 'jwk' }), bytes);
}

/** A seal as an event says it. `checkpoint` is what the event is about. */
export interface Seal extends Signed {
  readonly checkpoint: string;
}

function jwk(open: string): { kty: string; crv: string; x: string } {
  return { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(open, 'hex').toString('base64url') };
}

function fromUrl(text: string): string {
  return Buffer.from(text, 'base64url').toString('hex');
}
