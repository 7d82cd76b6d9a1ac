// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { EventChain } from '../../src/format/chain.js';

const sha256 = (...parts: (string | Buffer)[]): Buffer => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};

describe('the chain of a stream', () => {
  const events = [
    { type: 'opened', seq: 0, value: Buffer.from('{}') },
    { type: 'record', seq: 1, value: Buffer.alloc(0) },
    { type: 'pages', seq: 2, value: Buffer.from([1, 2, 3]) },
  ];

  it('is what its file says', () => {
    let link = sha256('ckpt chain 1\0', 'id');
    const chain = EventChain.start('id');
    expect(chain.hex).toBe(link.toString('hex'));
    for (const event of events) {
      chain.add(event);
      link = sha256(link, event.type, '\0', String(event.seq), '\0', event.value);
      expect(chain.link).toEqual(link);
    }
  });

  it('goes on from any link', () => {
    const whole = EventChain.start('id');
    for (const event of events) whole.add(event);
    const half = EventChain.start('id');
    half.add(events[0]!);
    const rest = EventChain.from(half.link);
    for (const event of events.slice(1)) rest.add(event);
    expect(rest.hex).toBe(whole.hex);
    expect(() => EventChain.from(Buffer.alloc(31))).toThrow(RangeError);
  });

  it('is another one for another checkpoint, order, type, number or value', () => {
    const links = new Set<string>();
    const variants = [
      ['id', events],
      ['other', events],
      ['id', [...events].reverse()],
      ['id', events.slice(1)],
      ['id', events.map((event) => ({ ...event, type: 'record' }))],
      ['id', events.map((event) => ({ ...event, seq: event.seq + 1 }))],
      ['id', events.map((event) => ({ ...event, value: Buffer.from('x') }))],
    ] as const;
    for (const [id, list] of variants) {
      const chain = EventChain.start(id);
      for (const event of list) chain.add(event);
      links.add(chain.hex);
    }
    expect(links.size).toBe(variants.length);
  });
});
