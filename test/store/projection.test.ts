// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { EventChain } from '../../src/format/chain.js';
import { decodeValue, encodeValue, type EventMessage } from '../../src/format/events.js';
import { digestTables } from '../../src/store/catalog/digest.js';
import { projected } from './support/catalog.js';
import { aborted, deleted, packId, smallImage, streamOf, type FakeImage } from './support/fake-image.js';

const ID = '01example0000000000000000000001';
const stream = streamOf(smallImage(ID, { name: 'one' }));

describe('a whole stream', () => {
  it('becomes a sealed checkpoint with its facts', async () => {
    const { queries } = await projected(stream);
    expect(queries.get(ID)).toMatchObject({
      state: 'sealed',
      name: 'one',
      pid: 4242,
      comm: 'worker',
      host: 'elsewhere',
      format_version: 1,
      kernel_release: '6.1.2',
      pages: 6,
      zero_pages: 2,
      new_pages: 4,
      records: 11,
    });
    expect(
      queries
        .vmas(ID)
        .map(({ start_addr, kind, prot, path, pages, zero_pages, new_pages }) => [
          start_addr,
          kind,
          prot,
          path,
          pages,
          zero_pages,
          new_pages,
        ]),
    ).toEqual([
      [0x10000n, 'anon', 'rw-p', null, 5, 2, 3],
      [0x7f0000000n, 'file', 'rw-p', '/lib/libc.so', 1, 0, 1],
      [0x7f0010000n, 'anon', 'rw-p', null, 0, 0, 0],
    ]);
    const records = queries.records(ID);
    expect(records.reduce((sum, record) => sum + record.bytes, 0)).toBe(queries.get(ID)?.image_bytes);
    expect(records.map((record) => record.type)).toEqual([
      'HEAD',
      'TASK',
      'MM',
      'VMA',
      'VMA',
      'STR',
      'VMA',
      'MM_CONTEXT',
      'THREAD',
      'CPU',
      'TAIL',
    ]);
    expect(queries.packsOf(ID)).toEqual([packId('pack a')]);
    expect(queries.stats()).toMatchObject({ checkpoints: 1, packs: 1, live_pages: 4, pack_pages: 20 });
  });

  it('gives its record and pages events back in order', async () => {
    const { queries } = await projected(stream);
    const events = [...queries.imageEvents(ID)].flat();
    expect(events).toEqual(stream.slice(1, -1).map(({ type, value }) => ({ type, value })));
  });

  it('of version 2 too', async () => {
    const { queries } = await projected(streamOf(smallImage(ID, { version: 2 })));
    expect(queries.get(ID)).toMatchObject({
      state: 'sealed',
      host: 'box',
      kernel_release: '6.1.0-test',
      comm: 'worker',
      pid: 4242,
    });
    expect(queries.vmas(ID).map((vma) => vma.pages)).toEqual([5, 1, 0]);
    expect(queries.records(ID).find((record) => record.number === 4000)).toMatchObject({ type: null, bytes: 5016 });
  });

  it('is the same whatever the batches', async () => {
    const whole = digestTables((await projected(stream, 1000)).db);
    for (const size of [1, 2, 3, 5]) expect(digestTables((await projected(stream, size)).db)).toEqual(whole);
  });

  it('may come in pieces of any size', async () => {
    const cut = streamOf(smallImage(ID)).flatMap((event) => {
      if (event.type !== 'record') return [event];
      const half = Math.floor(event.value.length / 3);
      return [0, 1, 2].map((n) => ({
        ...event,
        value: event.value.subarray(n * half, n === 2 ? undefined : (n + 1) * half),
      }));
    });
    const again = reseal(cut.slice(0, -1), smallImage(ID));
    const { queries } = await projected(again, 2);
    expect(queries.get(ID)).toMatchObject({ state: 'sealed', damage: null });
  });
});

/** Numbers events anew and seals them as they are. */
function reseal(events: readonly EventMessage[], image: FakeImage): EventMessage[] {
  const numbered = events.map((event, seq) => ({ ...event, seq }));
  const chain = EventChain.start(image.id);
  for (const event of numbered) chain.add(event);
  const last = streamOf(image).at(-1);
  const sealed = { ...decodeValue('sealed', last?.value ?? Buffer.alloc(0)), chain: chain.hex };
  return [
    ...numbered,
    { type: 'sealed', checkpoint: image.id, seq: numbered.length, value: encodeValue('sealed', sealed) },
  ];
}

describe('a stream that is not whole', () => {
  it.each(stream.map((event, index) => [index, event.type] as const))(
    'without event %i (%s) is never sealed',
    async (index) => {
      const { queries } = await projected(stream.filter((_, at) => at !== index));
      expect(queries.get(ID)?.state).toBe(index === stream.length - 1 ? 'open' : 'damaged');
      expect(queries.list()).toEqual([]);
    },
  );

  it('with doubled events is the same as without', async () => {
    const once = digestTables((await projected(stream)).db);
    const doubled = stream.flatMap((event) => [event, event]);
    const repeated = [...stream.slice(0, 5), ...stream.slice(2, 5), ...stream.slice(5), ...stream];
    for (const events of [doubled, repeated]) {
      expect({ ...digestTables((await projected(events)).db), log_position: '' }).toEqual({
        ...once,
        log_position: '',
      });
    }
  });

  it('with a changed byte is damaged', async () => {
    for (let index = 1; index < stream.length - 1; index++) {
      const changed = stream.map((event, at) => {
        if (at !== index) return event;
        const value = Buffer.from(event.value);
        value[value.length - 1] = (value.at(-1) ?? 0) ^ 1;
        return { ...event, value };
      });
      const { queries } = await projected(changed);
      expect(queries.get(ID)?.state, `event ${index}`).toBe('damaged');
      expect(queries.get(ID)?.damage).toBeTruthy();
    }
  });

  it('with a seal that promises something else is damaged', async () => {
    for (const sealed of [
      { bytes: 1 },
      { records: 1 },
      { pages: 7 },
      { zeroPages: 1 },
      { newPages: 0 },
      { formatVersion: 2 },
      { chain: packId('no') },
    ]) {
      const { queries } = await projected(streamOf(smallImage(ID), { sealed }));
      expect(queries.get(ID)?.state).toBe('damaged');
    }
  });

  it('with nonsense in place of JSON is damaged', async () => {
    const bad = stream.map((event, at) => (at === stream.length - 1 ? { ...event, value: Buffer.from('{') } : event));
    expect((await projected(bad)).queries.get(ID)).toMatchObject({
      state: 'damaged',
      damage: 'its sealed event is no JSON',
    });
  });
});

describe('aborted, sealed, deleted', () => {
  it('the first of aborted and sealed wins', async () => {
    for (let at = 0; at <= stream.length; at++) {
      const { queries, db } = await projected([...stream.slice(0, at), aborted(ID), ...stream.slice(at)]);
      expect(queries.get(ID)?.state).toBe(at === stream.length ? 'sealed' : 'aborted');
      if (at < stream.length) expect(db.prepare('SELECT count(*) FROM record').pluck().get()).toBe(0);
    }
  });

  it('a deleted checkpoint is not found, and its pages are not live', async () => {
    const { queries } = await projected([...stream, deleted(ID), deleted(ID)]);
    expect(queries.get(ID)?.state).toBe('deleted');
    expect(() => queries.find(ID)).toThrow(/was removed/);
    expect(queries.stats()).toMatchObject({ checkpoints: 0, live_pages: 0 });
  });

  it('pages stay live while another checkpoint has them', async () => {
    const other = smallImage('02other');
    const { queries } = await projected([...stream, ...streamOf(other), deleted(ID)]);
    expect(queries.stats()).toMatchObject({ checkpoints: 1, live_pages: 4 });
    expect(queries.usersOf(packId('pack a'))).toEqual([{ checkpoint_id: '02other', state: 'sealed', pages: 4 }]);
  });
});

describe('finding', () => {
  it('takes an id, a name, a prefix and @last, in that order', async () => {
    const images = [
      smallImage('01aa', { name: 'x' }),
      smallImage('01ab', { name: 'x' }),
      smallImage('02', { name: '01aa' }),
      smallImage('03bb', { name: null }),
    ];
    const { queries } = await projected([...images.flatMap((image) => streamOf(image)), deleted('03bb')]);
    expect(queries.find('01aa').id).toBe('01aa');
    expect(queries.find('x').id).toBe('01ab');
    expect(queries.find('02').id).toBe('02');
    expect(queries.find('01ab').id).toBe('01ab');
    expect(queries.find('@last').id).toBe('02');
    expect(() => queries.find('0')).toThrow(/fits 02 01ab 01aa/);
    for (const argument of ['', '03', '%', '0_']) expect(() => queries.find(argument)).toThrow(/no such checkpoint/);
  });
});
