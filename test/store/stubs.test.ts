// SPDX-License-Identifier: Apache-2.0
//
// What is left of a forgotten stream in the embedded log: whoever reads only that comes to the same catalog as those who read all of it,
// or who had read a part before the rest went.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { outsideEvent, SEQ_OUTSIDE, type EventMessage } from '../../src/format/events.js';
import { digestTables } from '../../src/store/catalog/digest.js';
import { LifeQueries } from '../../src/store/catalog/life-queries.js';
import { openEmbeddedLog, type EmbeddedLog } from '../../src/store/embedded/embedded-log.js';
import { newCatalog, type Catalog } from './support/catalog.js';
import { aborted, deleted, smallImage, streamOf } from './support/fake-image.js';

const ID = '01example0000000000000000000001';
const whole = streamOf(smallImage(ID, { name: 'one' }));
const tag = outsideEvent('tagged', ID, { name: 'good', at: 't' });
const half = whole.slice(0, 3);

const endings: Readonly<Record<string, readonly [state: string, events: readonly EventMessage[]]>> = {
  deleted: ['deleted', [...whole, tag, deleted(ID)]],
  'aborted too late, then deleted': ['deleted', [...whole, aborted(ID), deleted(ID)]],
  aborted: ['aborted', [...half, aborted(ID)]],
  'damaged, then deleted': ['deleted', [...half, ...whole.slice(4), deleted(ID)]],
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

it.each(Object.entries(endings))('of one that was %s', async (_name, [state, events]) => {
  const partial = [await catalogNow()];
  await log.append(streamOf(smallImage('02other')));
  for (const event of events) {
    await log.append([event]);
    partial.push(await catalogNow());
  }
  const full = partial.at(-1) as Catalog;
  const [ended] = new LifeQueries(full.db, 'test').ended();
  expect(ended?.state).toBe(state);
  await log.append([outsideEvent('forgotten', ID, { at: 't', row: ended?.row ?? {} })]);
  await full.projection.catchUp(log);
  await log.shrink([ID]);

  const left = [];
  for await (const batch of log.read([0])) left.push(...batch.events.filter(({ checkpoint }) => checkpoint === ID));
  expect(left.length).toBeGreaterThan(1);
  expect(left.filter(({ seq }) => seq !== SEQ_OUTSIDE)).toEqual([]);

  const expected = digestTables(full.db);
  expect(full.queries.get(ID)).toMatchObject({ state, name: 'one', damage: null });
  expect(digestTables((await catalogNow()).db)).toEqual(expected);
  for (const [seen, catalog] of partial.entries()) {
    await catalog.projection.catchUp(log);
    expect(digestTables(catalog.db), `after ${seen} events`).toEqual(expected);
  }
});
