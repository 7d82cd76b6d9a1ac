// SPDX-License-Identifier: Apache-2.0
//
// Random logs against a model of the rules: whatever is doubled, lost, late or fenced, two catalogs of one log are equal, and
// nothing is sealed that is not whole.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outsideEvent, type EventMessage } from '../../src/format/events.js';
import { digestCatalog, digestTables } from '../../src/store/catalog/digest.js';
import { catalogOfLog } from '../../src/store/catalog/expected.js';
import { logOf, newCatalog } from './support/catalog.js';
import {
  aborted,
  deleted,
  fakeCodec,
  forgotten,
  packId,
  smallImage,
  streamOf,
  type FakeImage,
  type Run,
} from './support/fake-image.js';
import { seed } from './support/seed.js';

const runs: fc.Arbitrary<Run> = fc
  .record({
    gap: fc.nat(3),
    count: fc.integer({ min: 1, max: 9 }),
    pack: fc.constantFrom(null, packId('pack a'), packId('pack b'), packId('pack c')),
    slot: fc.nat(2000),
    fresh: fc.boolean(),
  })
  .map((run) => (run.pack === null ? { ...run, slot: 0, fresh: false } : run));

const image = (id: string): fc.Arbitrary<FakeImage> =>
  fc
    .record({
      version: fc.constantFrom(1 as const, 2 as const),
      name: fc.constantFrom(null, 'n'),
      vmas: fc.array(
        fc.record({ path: fc.constantFrom(null, '/lib/a.so', '/tmp/ü'), runs: fc.array(runs, { maxLength: 6 }) }),
        { maxLength: 5 },
      ),
    })
    .map(({ version, name, vmas }) =>
      smallImage(id, {
        version,
        name,
        vmas: vmas.map((vma, index) => {
          const pages = vma.runs.reduce((sum, run) => sum + run.gap + run.count, 0);
          return { start: 1024 * (index + 1), pages: pages + 1, path: vma.path, runs: vma.runs };
        }),
      }),
    );

/** What may befall a stream on its way. */
const everyFate = [
  'whole',
  'doubled',
  'repeated tail',
  'hole',
  'abort in the middle',
  'abort behind',
  'deleted',
  'forgotten',
  'aborted and forgotten',
  'cut',
] as const;
type Fate = (typeof everyFate)[number];
const forgettable: readonly Fate[] = ['forgotten', 'aborted and forgotten'];

function befall(stream: readonly EventMessage[], fate: Fate, at: number): EventMessage[] {
  const id = stream[0]?.checkpoint ?? '';
  const where = at % stream.length;
  switch (fate) {
    case 'whole':
      return [...stream];
    case 'doubled':
      return stream.flatMap((event) => [event, event]);
    case 'repeated tail':
      return [...stream.slice(0, where + 1), ...stream.slice(Math.max(0, where - 2))];
    case 'hole':
      return stream.filter((_, index) => index !== where);
    case 'abort in the middle':
      return [...stream.slice(0, where), aborted(id), ...stream.slice(where)];
    case 'abort behind':
      return [...stream, aborted(id)];
    case 'deleted':
      return [...stream, deleted(id)];
    case 'forgotten':
      return [...stream, outsideEvent('tagged', id, { name: 't', at: 't' }), signed(id), deleted(id), signed(id)];
    case 'aborted and forgotten':
      return [...stream.slice(0, where), aborted(id), ...stream.slice(where)];
    case 'cut':
      return stream.slice(0, where);
  }
}

function signed(id: string): EventMessage {
  return outsideEvent('signed', id, { keyId: 'k', algorithm: 'a', digest: 'd', at: 't', seal: 's' });
}

function expectedState(fate: Fate, at: number, length: number): string | undefined {
  const where = at % length;
  switch (fate) {
    case 'whole':
    case 'doubled':
    case 'repeated tail':
    case 'abort behind':
      return 'sealed';
    case 'hole':
      return where === length - 1 ? 'open' : 'damaged';
    case 'abort in the middle':
      return 'aborted';
    case 'deleted':
      return 'deleted';
    case 'forgotten':
    case 'aborted and forgotten':
      return undefined;
    case 'cut':
      return where === 0 ? undefined : 'open';
  }
}

const fates: fc.Arbitrary<Fate> = fc.constantFrom(...everyFate);

/** Mixes streams, each in its own order, as `turns` says. */
function mix(streams: readonly (readonly EventMessage[])[], turns: readonly number[]): EventMessage[] {
  const left = streams.map((stream) => [...stream]);
  const mixed: EventMessage[] = [];
  for (let turn = 0; left.some((stream) => stream.length > 0); turn++) {
    const waiting = left.filter((stream) => stream.length > 0);
    const next = waiting[(turns[turn % turns.length] ?? 0) % waiting.length]?.shift();
    if (next) mixed.push(next);
  }
  return mixed;
}

const ids = ['01a', '01b', '02c', '03d'];

describe('random logs', () => {
  it('have one catalog, whatever the batches, and only whole images in it', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(...ids.map((id) => image(id))),
        fc.array(fates, { minLength: ids.length, maxLength: ids.length }),
        fc.array(fc.nat(100), { minLength: ids.length, maxLength: ids.length }),
        fc.array(fc.nat(20), { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        async (images, fate, at, turns, batch, partitions) => {
          const whole = images.map((one) => streamOf(one));
          const streams = whole.map((stream, index) => befall(stream, fate[index] ?? 'whole', at[index] ?? 0));
          const gone = ids.filter((_, index) => forgettable.includes(fate[index] ?? 'whole'));
          const log = await logOf([], batch, partitions);
          // In another partition than the streams: its place among their events means nothing.
          if (gone.length > 0) streams.push([forgotten(log.opened.logId, gone)]);
          for (const event of mix(streams, turns)) await log.append([event]);
          const [one, two] = [newCatalog(), newCatalog()];
          try {
            await one.projection.catchUp(log);
            whole.forEach((stream, index) => {
              const expected = expectedState(fate[index] ?? 'whole', at[index] ?? 0, stream.length);
              expect(one.queries.get(ids[index] ?? '')?.state).toBe(expected);
              expect(one.queries.isForgotten(ids[index] ?? '')).toBe(gone.includes(ids[index] ?? ''));
              if (expected !== 'sealed') return;
              const events = [...one.queries.imageEvents(ids[index] ?? '')].flat();
              expect(events).toEqual(stream.slice(1, -1).map(({ type, value }) => ({ type, value })));
            });
            checkLivePages(
              one.queries.list().map((row) => row.id),
              images,
              one,
            );
            // Another catalog that was there from the start sees the log grow; a rebuilt one sees it at once.
            const grown = await logOf([], 3, partitions);
            for (const event of mix(streams, turns)) {
              await grown.append([event]);
              if ((event.seq + event.value.length) % 3 === 0) await two.projection.catchUp(grown);
            }
            await two.projection.catchUp(grown);
            expect(digestTables(two.db)).toEqual(digestTables(one.db));
            expect(await catalogOfLog(log, fakeCodec)).toBe(digestCatalog(one.db));
          } finally {
            one.db.close();
            two.db.close();
          }
        },
      ),
      { seed, numRuns: 150 },
    );
  });
});

/** Live slots of each pack, counted from the images themselves. */
function checkLivePages(
  sealed: readonly string[],
  images: readonly FakeImage[],
  catalog: ReturnType<typeof newCatalog>,
): void {
  const live = new Map<string, Set<number>>();
  for (const one of images) {
    if (!sealed.includes(one.id)) continue;
    for (const run of one.vmas.flatMap((vma) => vma.runs)) {
      if (run.pack === null) continue;
      const slots = live.get(run.pack) ?? new Set();
      live.set(run.pack, slots);
      for (let slot = run.slot; slot < run.slot + run.count; slot++) slots.add(slot);
    }
  }
  const rows = catalog.db.prepare('SELECT id, live_pages FROM pack_file WHERE live_pages > 0').all() as {
    id: string;
    live_pages: number;
  }[];
  expect(new Map(rows.map((row) => [row.id, row.live_pages]))).toEqual(
    new Map([...live].map(([id, slots]) => [id, slots.size])),
  );
}
