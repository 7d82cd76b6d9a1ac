// SPDX-License-Identifier: Apache-2.0
//
// What a seal holds for, and what it does not; the file of keys.
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CkptError } from '../../src/format/errors.js';
import { Keyring, type KeyEntry } from '../../src/seals/keyring.js';
import { algorithms, isKey, keyIdOf, makeKey, signStatement, verifySeal } from '../../src/seals/seal.js';
import { distrust, judgeSeal } from '../../src/store-seals.js';

const hex = (bytes: number): fc.Arbitrary<string> =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value).toString('hex'));
const statements = fc.record({
  checkpoint: fc.string({ minLength: 1, maxLength: 26 }),
  digest: hex(32),
  at: fc.constant('2026-01-02T03:04:05.678Z'),
});

function failure(work: () => unknown): CkptError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(CkptError);
    return error as CkptError;
  }
  throw new Error('it did not fail');
}

describe.each(algorithms)('a seal by %s', (algorithm) => {
  const key = makeKey(algorithm);
  const other = makeKey(algorithm);

  it('holds for what it was made over, and for nothing else', () => {
    fc.assert(
      fc.property(statements, statements, fc.nat(), (statement, changed, at) => {
        const seal = signStatement(key, statement);
        expect(verifySeal(key, statement, seal)).toBe(true);
        expect(verifySeal(other, statement, seal)).toBe(false);
        for (const part of ['checkpoint', 'digest', 'at'] as const) {
          const tampered = { ...statement, [part]: part === 'at' ? `${statement.at}0` : changed[part] };
          if (tampered[part] !== statement[part]) expect(verifySeal(key, tampered, seal)).toBe(false);
        }
        const bytes = Buffer.from(seal, 'hex');
        bytes[at % bytes.length]! ^= 1 << (at % 8);
        expect(verifySeal(key, statement, bytes.toString('hex'))).toBe(false);
        expect(verifySeal(key, statement, seal.slice(2))).toBe(false);
      }),
      { numRuns: 50 },
    );
  });

  it('is none when it is no hex, or of another algorithm', () => {
    const statement = { checkpoint: 'a', digest: 'b', at: 'c' };
    for (const seal of ['', 'xyz', signStatement(key, statement).toUpperCase()]) {
      expect(verifySeal(key, statement, seal)).toBe(false);
    }
    for (const another of algorithms.filter((one) => one !== algorithm)) {
      expect(verifySeal(key, statement, signStatement(makeKey(another), statement))).toBe(false);
    }
  });

  it('comes from a key whose parts belong together', () => {
    expect(isKey(key)).toBe(true);
    expect(isKey({ ...key, secret: other.secret!.slice(2) })).toBe(false);
    if (key.public === null) return;
    expect(isKey({ ...key, secret: other.secret })).toBe(false);
    expect(isKey({ ...key, secret: null })).toBe(true);
    expect(keyIdOf({ ...key, secret: null })).toBe(keyIdOf(key));
  });
});

describe('a judgement', () => {
  const material = makeKey('ed25519');
  const key: KeyEntry = { ...material, id: keyIdOf(material), name: 'me', created_at: '', state: 'trusted' };
  const row = { id: '01jncrzh00webday2', image_digest: 'ab'.repeat(32) };
  const at = '2026-01-02T03:04:05.678Z';
  const seal = {
    key_id: key.id,
    algorithm: 'ed25519',
    digest: row.image_digest,
    at,
    seal: signStatement(key, { checkpoint: row.id, digest: row.image_digest, at }),
    salt: null,
    hash: null,
  };

  it('is good only for the image, the id, the time and the key that it was made with', () => {
    expect(judgeSeal([key], row, seal)).toBe('good');
    expect(judgeSeal([], row, seal)).toBe('unknown');
    expect(judgeSeal([{ ...key, state: 'revoked' }], row, seal)).toBe('revoked');
    expect(judgeSeal([key], { ...row, id: '01jncrzh00webday3' }, seal)).toBe('wrong');
    expect(judgeSeal([key], { ...row, image_digest: 'ac'.repeat(32) }, seal)).toBe('wrong');
    expect(judgeSeal([key], row, { ...seal, digest: 'ac'.repeat(32) })).toBe('wrong');
    expect(judgeSeal([key], row, { ...seal, at: '2026-01-02T03:04:05.679Z' })).toBe('wrong');
    expect(judgeSeal([key], row, { ...seal, algorithm: 'hmac-sha-256' })).toBe('wrong');
    expect(judgeSeal([key], row, { ...seal, algorithm: 'none' })).toBe('wrong');
    expect(judgeSeal([key], row, { ...seal, seal: '' })).toBe('wrong');
    expect(judgeSeal([key], row, { ...seal, key_id: '0'.repeat(32) })).toBe('unknown');
    expect(judgeSeal([key], row, { ...seal, salt: 'cd'.repeat(32) })).toBe('carried');
  });

  it('is said with the reason that says most', () => {
    expect(distrust('ID', []).message).toContain('it has no seal');
    expect(distrust('ID', ['unknown']).message).toContain('unknown key');
    expect(distrust('ID', ['unknown', 'revoked']).message).toContain('revoked key');
    expect(distrust('ID', ['unknown', 'revoked', 'wrong']).kind).toBe('damaged');
    expect(distrust('ID', ['unknown', 'revoked']).kind).toBe('unsupported');
  });
});

describe('the file of keys', () => {
  let dir: string;
  let path: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'ckpt-keys-'));
    path = join(dir, 'deep', 'keys.json');
  });

  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('is made for its owner alone, and is not there before', () => {
    const keys = new Keyring(path);
    expect(keys.list()).toEqual([]);
    expect(existsSync(path)).toBe(false);
    keys.add(makeKey('ed25519'), 'me', 'signing');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, 'deep')).mode & 0o777).toBe(0o700);
    expect(new Keyring(path).list()).toEqual(keys.list());
  });

  it.each([0o640, 0o604, 0o620, 0o602])('with mode %o is not used', (mode) => {
    const keys = new Keyring(path);
    keys.add(makeKey('ed25519'), 'me', 'signing');
    chmodSync(path, mode);
    expect(failure(() => new Keyring(path).list()).message).toContain('others may read or write it');
    expect(failure(() => keys.signing).kind).toBe('failed');
  });

  it('keeps a secret only while it is needed', () => {
    const keys = new Keyring(path);
    const [first, mac] = [makeKey('ed25519'), makeKey('hmac-sha-256')];
    const a = keys.add(first, 'a', 'signing');
    const b = keys.add(mac, 'b', 'signing');
    expect(keys.find(a.id)).toMatchObject({ state: 'trusted', secret: null });
    const c = keys.add(makeKey('ed25519'), 'c', 'signing');
    expect(keys.find('b')).toMatchObject({ state: 'trusted', secret: mac.secret }); // HMAC verifies with it
    expect(keys.signing?.id).toBe(c.id);
    keys.revoke('b');
    expect(keys.find(b.id.slice(0, 8))).toMatchObject({ state: 'revoked', secret: null });
    const text = readFileSync(path, 'utf8');
    for (const secret of [first.secret!, mac.secret!]) expect(text).not.toContain(secret);
    keys.remove('a');
    expect(keys.list().map(({ id }) => id)).toEqual([b.id, c.id]);
    expect(failure(() => keys.find('a')).kind).toBe('missing');
  });

  it('does not take a key twice, and says which of several it cannot tell apart', () => {
    const keys = new Keyring(path);
    const key = makeKey('ed25519');
    keys.add(key, 'same', 'trusted');
    expect(failure(() => keys.add({ ...key, secret: null }, 'again', 'trusted')).message).toContain('there already');
    keys.add(makeKey('ed25519'), 'same', 'trusted');
    expect(failure(() => keys.find('same')).kind).toBe('usage');
  });

  it('that is torn, changed or of another release is refused without a word of it', () => {
    const keys = new Keyring(path);
    const { secret } = keys.add(makeKey('ed25519'), 'me', 'signing');
    const text = readFileSync(path, 'utf8');
    const changed = [
      text.slice(0, -20),
      text.replace('"version": 1', '"version": 2'),
      text.replace(keys.signing!.id, '0'.repeat(32)),
      text.replace(
        secret!,
        secret!.replace(/^./, (digit) => (digit === '0' ? '1' : '0')),
      ),
      text.replace('"signing"', '"owner"'),
      '[]',
    ];
    for (const bad of changed) {
      writeFileSync(path, bad);
      const error = failure(() => new Keyring(path).list());
      expect(error.kind).toBe('damaged');
      expect(`${error.message} ${String(error.cause)}`).not.toContain(secret!.slice(1));
    }
  });

  it('is seen to change by whoever has it open', () => {
    const open = new Keyring(path);
    expect(open.signing).toBeUndefined();
    const { id } = new Keyring(path).add(makeKey('ed25519'), 'me', 'signing');
    expect(open.signing?.id).toBe(id);
    new Keyring(path).revoke(id);
    expect(open.signing).toBeUndefined();
  });
});
