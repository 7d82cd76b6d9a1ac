// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { CkptError } from '../../src/format/errors.js';
import { guarded, StoreError, storeError } from '../../src/store/errors.js';

const withCode = (code: string): Error => Object.assign(new Error(`${code} happened\nhere`), { code });

describe('errors of the store', () => {
  it('say operation, place and cause on one line, with a hint', () => {
    const error = storeError('write pack', 'packs/ab.pack', withCode('ENOSPC'));
    expect(error.message).toBe('write pack: packs/ab.pack: ENOSPC happened here');
    expect(error.hint).toContain('full');
    expect(error.cause).toBeInstanceOf(Error);
    expect(error).toBeInstanceOf(CkptError);
  });

  it.each([
    ['SQLITE_BUSY', 'busy', 'failed'],
    ['SQLITE_BUSY_SNAPSHOT', 'busy', 'failed'],
    ['SQLITE_CORRUPT', 'damaged', 'damaged'],
    ['SQLITE_CORRUPT_VTAB', 'damaged', 'damaged'],
    ['SQLITE_NOTADB', 'damaged', 'damaged'],
    ['SQLITE_FULL', 'failed', 'failed'],
    ['EACCES', 'failed', 'failed'],
    ['EIO', 'failed', 'failed'],
  ])('%s is %s', (code, reason, kind) => {
    expect(storeError('o', 'p', withCode(code))).toMatchObject({ reason, kind });
  });

  it('are wrapped once', () => {
    const inner = new StoreError({ reason: 'missing', operation: 'find', place: 'x', problem: 'no such checkpoint' });
    expect(storeError('outer', 'y', inner)).toBe(inner);
    expect(() =>
      guarded('outer', 'y', () => {
        throw inner;
      }),
    ).toThrow(inner);
    expect(inner.kind).toBe('missing');
  });
});
