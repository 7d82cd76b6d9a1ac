// SPDX-License-Identifier: Apache-2.0
import { expect, it } from 'vitest';
import { cacheSchema, skipPositionsOfOtherBoots } from '../../src/store/kafka/cache-schema.js';
import { openMemory } from '../../src/store/sqlite.js';

it('packs listed after a power cut stand behind all that were listed before it', () => {
  const db = openMemory(cacheSchema);
  const list = (id: string): number => {
    db.prepare("INSERT INTO pack (id, pages, raw_bytes, stored_bytes, stream) VALUES (?, 1, 1, 1, 's')").run(id);
    return db.prepare('SELECT position FROM pack WHERE id = ?').pluck().get(id) as number;
  };
  skipPositionsOfOtherBoots(db, 'one');
  const first = list('a');
  skipPositionsOfOtherBoots(db, 'one');
  expect(list('b')).toBe(first + 1);
  // What the power cut undid: rows and the sequence alike.
  const seen = list('c');
  db.prepare("DELETE FROM pack WHERE id <> 'a'").run();
  db.prepare("UPDATE sqlite_sequence SET seq = ? WHERE name = 'pack'").run(first);
  skipPositionsOfOtherBoots(db, 'two');
  expect(list('b')).toBeGreaterThan(seen);
  db.close();
});
