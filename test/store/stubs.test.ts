// SPDX-License-Identifier: Apache-2.0
//
// What is left of a forgotten stream in the embedded log: whoever reads only that comes to the same catalog as those who read all of it,
// or who had read a part before the rest went.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { outsideEvent, type EventMessage } from '../../src/format/events.js';
import { digestTables } from '../../src/store/catalog/digest.js';
import { LifeQueries } from '../../src/store/catalog/life-queries.js';
import { openEmbeddedLog, type EmbeddedLog } from '../../src/store/embedded/embedded-log.js';
import { newCatalog, type Catalog } from './support/catalog.js';
import { aborted, deleted, forgotten, smallImage, streamOf } from './support/fake-image.js';

const ID = '01example0000000000000000000001';
const whole = streamOf(smallImage(ID, { name: 'one' }));
const tag = outsideEvent('tagged', ID, { name: 'good', at: 't' });
const half = whole.slice(0, 3);

const seal = outsideEvent('signed', ID, { keyId: 'k', algorithm: 'a', digest: 'd', at: 't', seal: 's' });
const restored = outsideEvent('restored', ID, { restoreId: 'r', at: 't', host: 'h', pid: 1, result: 'exited 0' });

/** Events of a checkpoint that has ended, and the types of those that stay. */
const endings: Readonly<Record<string, readonly [events: readonly EventMessage[], stay: readonly string[]]>> = {
  deleted: [[...whole, tag, seal, restored, deleted(ID)], ['restored']],
  'aborted too late, then deleted': [[...whole, aborted(ID), deleted(ID)], ['aborted']],
  aborted: [[...half, aborted(ID)], ['aborted']],
  'damaged, then deleted': [[...half, ...whole.slice(4), deleted(ID)], []],
};

let dir: string;
let log: EmbeddedLog;
let catalogs: Catalog[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-stubs-'));
  log = openEmbeddedLog({ dir });
  catalogs = [];
});
afterEach(async () => {
  for (const { db } of catalogs) db.close();
  await log.close();
  rmSync(dir, { recursive: true });
});

async function catalogNow(): Promise<Catalog> {
  const catalog = newCatalog();
  catalogs.push(catalog);
  await catalog.projection.catchUp(log);
  return catalog;
}

/** What says that it is forgotten, and whether that stays in the log under its id. */
const words: Readonly<Record<string, readonly [event: () => EventMessage, stay: readonly string[]]>> = {
  'with others': [() => forgotten(log.opened.logId, [ID, 'never there']), []],
  'alone, as earlier releases said it': [
    () => outsideEvent('forgotten', ID, { at: 't', row: { state: 'deleted', name: 'one' } }),
    ['forgotten'],
  ],
};

const cases = Object.keys(endings).flatMap((ending) => Object.keys(words).map((word) => [ending, word] as const));

it.each(cases)('of one that was %s, forgotten %s', async (ending, word) => {
  const [events, stay] = endings[ending]!;
  const [said, staysToo] = words[word]!;
  const partial = [await catalogNow()];
  await log.append(streamOf(smallImage('02other')));
  for (const event of events) {
    await log.append([event]);
    partial.push(await catalogNow());
  }
  const full = partial.at(-1) as Catalog;
  expect(new LifeQueries(full.db, 'test').ended().map(({ id }) => id)).toEqual([ID]);
  await log.append([said()]);
  await full.projection.catchUp(log);
  await log.shrink([ID]);

  const left = [];
  for await (const batch of log.read([0])) left.push(...batch.events.filter(({ checkpoint }) => checkpoint === ID));
  expect(left.map(({ type }) => type)).toEqual([...stay, ...staysToo]);

  const expected = digestTables(full.db);
  expect(full.queries.get(ID)).toBeUndefined();
  expect(full.queries.isForgotten(ID)).toBe(true);
  expect(() => full.queries.find(ID)).toThrow(/was removed/);
  expect(digestTables((await catalogNow()).db)).toEqual(expected);
  for (const [seen, catalog] of partial.entries()) {
    await catalog.projection.catchUp(log);
    expect(digestTables(catalog.db), `after ${seen} events`).toEqual(expected);
  }
  // Whoever wrote it is not heard any more.
  if (!stay.includes('aborted')) await log.append(whole.slice(0, 2));
  await log.append([deleted(ID), seal, tag]);
  await full.projection.catchUp(log);
  expect({ ...digestTables(full.db), log_position: '' }).toEqual({ ...expected, log_position: '' });
  await log.shrink(new LifeQueries(full.db, 'test').forgotten());
  const late = [];
  for await (const batch of log.read([0])) late.push(...batch.events.filter(({ checkpoint }) => checkpoint === ID));
  expect(late.map(({ type }) => type)).toEqual([...stay, ...staysToo]);
});
