// SPDX-License-Identifier: Apache-2.0
//
// What every driver of the log promises, as tests. A driver's own test file calls this with a harness.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { packPath } from '../../src/codec/native.js';
import { EVENT_SCHEMA } from '../../src/format/generated/store.js';
import {
  encodeValue,
  outsideEvent,
  SEQ_OUTSIDE,
  type EventMessage,
  type LoggedEvent,
} from '../../src/format/events.js';
import type { EventLog, LogPosition, NewPack, PackInfo } from '../../src/store/log.js';

export interface LogHarness {
  /** Opens the same log again, as another process would. */
  open(): Promise<EventLog>;
  /** How a child process opens it: see programs/open-log.mjs. */
  readonly spec: object;
  /** Puts an event into the log that this release would not write. */
  appendForeign(event: { type: string; schema: number }): Promise<void>;
  /** Whether append() refuses numbered events of an aborted stream. */
  readonly refusesFenced: boolean;
  dispose(): Promise<void>;
}

const program = (name: string): string => fileURLToPath(new URL(`programs/${name}`, import.meta.url));

function message(checkpoint: string, seq: number, value: string | Buffer = `${checkpoint} ${seq}`): EventMessage {
  return { type: 'record', checkpoint, seq, value: Buffer.from(value) };
}

function messages(checkpoint: string, from: number, count: number, bytes = 100): EventMessage[] {
  return Array.from({ length: count }, (_, index) =>
    message(checkpoint, from + index, Buffer.alloc(bytes, from + index)),
  );
}

async function readAll(log: EventLog, from: LogPosition = [], to?: LogPosition): Promise<LoggedEvent[]> {
  const events: LoggedEvent[] = [];
  for await (const batch of log.read(from, to)) events.push(...batch.events);
  return events;
}

/** Of one checkpoint, without log-opened. */
async function streamIn(log: EventLog, checkpoint: string): Promise<LoggedEvent[]> {
  return (await readAll(log)).filter((event) => event.checkpoint === checkpoint);
}

/** Events as short strings: comparing thousands of buffers takes a test runner minutes. */
function briefly(events: readonly LoggedEvent[]): string[] {
  return events.map(({ partition, offset, checkpoint, seq, value }) =>
    [partition, offset, checkpoint, seq, createHash('sha256').update(value).digest('hex')].join(' '),
  );
}

async function readPacks(log: EventLog, from = 0): Promise<PackInfo[]> {
  const packs: PackInfo[] = [];
  for await (const batch of log.packs.read(from)) packs.push(...batch.packs);
  return packs;
}

/** Closed with its digest, as a pack is: a driver may look. */
function newPack(text: string): NewPack {
  const body = Buffer.from(`pack of ${text}`);
  const digest = createHash('sha256').update(body).digest();
  const [id, bytes] = [digest.toString('hex'), Buffer.concat([body, digest])];
  return { id, bytes, pages: 3, rawBytes: 12288, storedBytes: bytes.length, stream: 'stream' };
}

export function eventLogContract(name: string, makeHarness: () => Promise<LogHarness>): void {
  describe(`event log: ${name}`, () => {
    let harness: LogHarness;
    const logs: EventLog[] = [];
    const children: ChildProcess[] = [];

    const open = async (): Promise<EventLog> => {
      const log = await harness.open();
      logs.push(log);
      return log;
    };
    const start = (file: string, ...args: string[]): { child: ChildProcess; lines: AsyncIterator<string> } => {
      const child = spawn(process.execPath, [program(file), JSON.stringify(harness.spec), ...args], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      children.push(child);
      if (!child.stdout) throw new Error('no pipe');
      return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
    };

    beforeEach(async () => {
      harness = await makeHarness();
    });
    afterEach(async () => {
      for (const child of children.splice(0))
        if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
      for (const log of logs.splice(0)) await log.close();
      await harness.dispose();
    });

    it('starts with one log-opened event, the same for everybody', async () => {
      const [first, second] = [await open(), await open()];
      expect(first.opened).toEqual(second.opened);
      expect(first.opened).toMatchObject({ schema: EVENT_SCHEMA, hash: 'blake3', keyId: null });
      expect(first.opened.logId).toMatch(/^[0-9a-f]{32}$/);
      expect(first.opened.salt).toMatch(/^[0-9a-f]{64}$/);
      const opened = (await readAll(first)).filter((event) => event.type === 'log-opened' && event.partition === 0);
      expect(opened[0]?.offset).toBe(0);
      expect(JSON.parse(opened[0]?.value.toString() ?? '')).toEqual(first.opened);
    });

    it('opened by many processes at once has one log-opened event', async () => {
      const starters = Array.from({ length: 6 }, (_, index) => start('append.mjs', `c${index}`, '1', '1', '1'));
      const ids = await Promise.all(starters.map(async ({ lines }) => (await lines.next()).value as string));
      expect(new Set(ids).size).toBe(1);
      expect(ids[0]).toBe(`ready ${(await open()).opened.logId}`);
    });

    it('gives a stream back in the order of its appends, byte for byte', async () => {
      const log = await open();
      const written = [...messages('a', 0, 3), message('a', 3, Buffer.alloc(512 << 10, 7)), message('a', 4, '')];
      await log.append(written.slice(0, 2));
      await log.append(written.slice(2));
      await log.append([]);
      const read = await streamIn(await open(), 'a');
      expect(read.map(({ type, checkpoint, seq, value }) => ({ type, checkpoint, seq, value }))).toEqual(written);
      expect(new Set(read.map((event) => event.partition)).size).toBe(1);
      expect(read.every((event) => event.schema === EVENT_SCHEMA)).toBe(true);
      const offsets = read.map((event) => event.offset);
      expect(offsets).toEqual([...offsets].sort((x, y) => x - y));
    });

    it('takes an append of several checkpoints for a mistake', async () => {
      const log = await open();
      await expect(log.append([message('a', 0), message('b', 0)])).rejects.toThrow();
      expect(await streamIn(log, 'a')).toEqual([]);
    });

    it('reads on from any position that a batch gave', async () => {
      const log = await open();
      for (let round = 0; round < 40; round++)
        await log.append(messages(`c${round % 5}`, Math.floor(round / 5) * 50, 50, 4000));
      const all = briefly(await readAll(log));
      const batches = [];
      for await (const batch of log.read([])) batches.push({ next: batch.next, events: briefly(batch.events) });
      expect(batches.length).toBeGreaterThan(1);
      expect(batches.flatMap((batch) => batch.events)).toEqual(all);
      for (const [index, { next }] of batches.entries()) {
        expect(briefly(await readAll(log, next))).toEqual(batches.slice(index + 1).flatMap((later) => later.events));
        expect(briefly(await readAll(log, [], next))).toEqual(
          batches.slice(0, index + 1).flatMap((earlier) => earlier.events),
        );
      }
      expect(batches.at(-1)?.next).toEqual(await log.end());
      expect(await readAll(log, await log.end())).toEqual([]);
    });

    it('ends a read at the end that it had when it was called', async () => {
      const log = await open();
      await log.append(messages('a', 0, 10));
      const end = await log.end();
      await log.append(messages('a', 10, 10));
      expect((await readAll(log, [], end)).filter((event) => event.type === 'record')).toHaveLength(10);
      const reading = log.read(end)[Symbol.asyncIterator]();
      const first = await reading.next();
      await log.append(messages('a', 20, 10));
      let count = first.done ? 0 : first.value.events.length;
      for (let next = await reading.next(); !next.done; next = await reading.next()) count += next.value.events.length;
      expect(count).toBe(10);
    });

    it('hands out bounded batches', async () => {
      const log = await open();
      for (let round = 0; round < 12; round++) await log.append(messages('a', round * 4, 4, 500_000));
      for await (const batch of log.read([])) {
        expect(batch.events.reduce((sum, event) => sum + event.value.length, 0)).toBeLessThan(8 << 20);
      }
    });

    it('keeps what it acknowledged after a reopening', async () => {
      const log = await open();
      await log.append(messages('a', 0, 5));
      await log.close();
      logs.splice(0);
      const again = await open();
      expect(await streamIn(again, 'a')).toHaveLength(5);
      await again.append(messages('a', 5, 5));
      expect((await streamIn(again, 'a')).map((event) => event.seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    it('takes events of many processes at once, none lost, none mixed up', async () => {
      const writers = 5;
      const started = Array.from({ length: writers }, (_, index) =>
        start('append.mjs', `writer-${index}`, '30', '7', '300'),
      );
      for (const { lines } of started) await lines.next();
      const ends = started.map(({ child }) => once(child, 'exit'));
      for (const { child } of started) child.stdin?.write('go\n');
      for (const end of ends) expect(await end).toEqual([0, null]);
      const all = await readAll(await open());
      for (let index = 0; index < writers; index++) {
        const own = all.filter((event) => event.checkpoint === `writer-${index}`);
        expect(own.map((event) => event.seq)).toEqual(Array.from({ length: 210 }, (_, seq) => seq));
        // An append is not torn apart by others.
        if (harness.refusesFenced)
          for (let at = 0; at < 210; at += 7) expect((own[at + 6]?.offset ?? 0) - (own[at]?.offset ?? 0)).toBe(6);
      }
    });

    it('holds whole appends only when a writer is killed', async () => {
      const seed = Number(process.env['CKPT_TEST_SEED'] ?? randomInt(1 << 30));
      for (let round = 0; round < 6; round++) {
        const checkpoint = `killed-${round}`;
        const { child, lines } = start('append.mjs', checkpoint, '100000', '9', '5000');
        await lines.next();
        child.stdin?.write('go\n');
        let acknowledged = -1;
        const appends = 1 + ((seed >> round) % 13);
        for (let append = 0; append < appends; append++) acknowledged = Number((await lines.next()).value);
        const delay = (seed * (round + 1)) % 7;
        await new Promise((resolve) => setTimeout(resolve, delay));
        const exit = once(child, 'exit');
        child.kill('SIGKILL');
        await exit;
        const found = await streamIn(await open(), checkpoint);
        expect(found.length % 9, `seed ${seed}`).toBe(0);
        expect(found.length, `seed ${seed}`).toBeGreaterThan(acknowledged);
        expect(found.map((event) => event.seq)).toEqual(found.map((_, index) => index));
      }
    });

    it('refuses to read events of a newer schema', async () => {
      const log = await open();
      await log.append(messages('a', 0, 3));
      await harness.appendForeign({ type: 'record', schema: EVENT_SCHEMA + 1 });
      await expect(readAll(log)).rejects.toMatchObject({ reason: 'newer', kind: 'unsupported' });
    });

    it('refuses to read events of an unknown type', async () => {
      const log = await open();
      await harness.appendForeign({ type: 'gossip', schema: EVENT_SCHEMA });
      await expect(readAll(log)).rejects.toMatchObject({ reason: 'damaged', kind: 'damaged' });
    });

    it('takes aborted and deleted events of a stream, repeatedly', async () => {
      const log = await open();
      const aborted = {
        type: 'aborted',
        checkpoint: 'a',
        seq: SEQ_OUTSIDE,
        value: encodeValue('aborted', { reason: 'r', at: 't' }),
      } as const;
      await log.append(messages('a', 0, 3));
      await log.append([aborted]);
      await log.append([aborted]);
      expect(await streamIn(log, 'a')).toHaveLength(5);
      if (!harness.refusesFenced) return;
      await expect(log.append(messages('a', 3, 3))).rejects.toMatchObject({ reason: 'fenced' });
      expect(await streamIn(log, 'a')).toHaveLength(5);
      await log.append(messages('b', 0, 1));
    });

    it('takes who stands for an image together with its seal, in that order, and repeatedly', async () => {
      const log = await open();
      const value = { keyId: 'k', algorithm: 'ed25519', digest: 'd', at: 't', seal: 's' };
      const signed = outsideEvent('signed', 'a', value);
      const sealed: EventMessage = { type: 'sealed', checkpoint: 'a', seq: 3, value: Buffer.from('{}') };
      await log.append(messages('a', 0, 3));
      await log.append([signed, sealed]);
      await log.append([signed]);
      const events = await streamIn(log, 'a');
      expect(events.map(({ type, seq }) => `${type} ${String(seq)}`).slice(-3)).toEqual([
        `signed ${String(SEQ_OUTSIDE)}`,
        'sealed 3',
        `signed ${String(SEQ_OUTSIDE)}`,
      ]);
      expect(JSON.parse(events.at(-1)!.value.toString())).toEqual(value);
    });

    it('drops nothing but events of the checkpoints it is told, of some types none, and keeps offsets', async () => {
      const log = await open();
      const said = (type: 'deleted' | 'aborted' | 'restored' | 'forgotten', checkpoint: string): EventMessage => ({
        type,
        checkpoint,
        seq: SEQ_OUTSIDE,
        value: Buffer.from('{}'),
      });
      const stays: ReadonlySet<string> = new Set(['aborted', 'restored', 'forgotten']);
      for (const checkpoint of ['gone', 'stays']) {
        const opened: EventMessage = { type: 'opened', checkpoint, seq: 0, value: Buffer.from('{}') };
        await log.append([opened, ...messages(checkpoint, 1, 20, 2000)]);
      }
      for (const checkpoint of ['gone', 'stays']) {
        await log.append([said('deleted', checkpoint), said('restored', checkpoint), said('aborted', checkpoint)]);
        await log.append([said('forgotten', checkpoint)]);
      }
      const { logId } = log.opened;
      await log.append([outsideEvent('checkpoints-forgotten', logId, { at: 't', checkpoints: ['gone'] })]);
      const before = await readAll(log);
      const end = await log.end();
      await log.shrink(['gone', 'never there']);
      await log.shrink([]);
      const after = await readAll(await open());
      const dropped = (event: LoggedEvent): boolean => event.checkpoint === 'gone' && !stays.has(event.type);
      expect(briefly(after.filter((event) => !dropped(event)))).toEqual(
        briefly(before.filter((event) => !dropped(event))),
      );
      expect(await log.end()).toEqual(end);
      await log.append(messages('other', 21, 1));
      expect((await streamIn(log, 'other')).at(-1)?.seq).toBe(21);
      if (!harness.refusesFenced) return;
      await expect(log.append(messages('gone', 21, 1))).rejects.toMatchObject({ reason: 'fenced' });
    });

    describe('packs', () => {
      it('that are removed are neither listed nor there, for anybody, and removed again without harm', async () => {
        const [log, other] = [await open(), await open()];
        const [gone, stays] = [newPack('gone'), newPack('stays')];
        await log.packs.put([gone, stays]);
        expect(await readPacks(other)).toHaveLength(2);
        await log.packs.remove([gone.id]);
        await log.packs.remove([gone.id, newPack('never there').id]);
        for (const one of [log, other, await open()]) {
          expect((await readPacks(one)).map(({ id }) => id)).toEqual([stays.id]);
          await one.packs.ensureLocal([stays.id]);
        }
        expect(existsSync(packPath(log.packs.dir, gone.id))).toBe(false);
        await expect(log.packs.ensureLocal([gone.id])).rejects.toMatchObject({ kind: 'damaged' });
      });

      it('that are put while others are swept away lose nothing', async () => {
        const [log, other] = [await open(), await open()];
        const packs = Array.from({ length: 12 }, (_, index) => newPack(`swept ${index}`));
        let sweeping = true;
        const sweeper = (async () => {
          while (sweeping) {
            await other.packs.sweep(() => false);
            await new Promise((resolve) => setImmediate(resolve));
          }
        })();
        try {
          for (const [index, pack] of packs.entries()) {
            await log.packs.put([pack]);
            if (index % 2 === 0) await log.packs.remove([pack.id]);
          }
        } finally {
          sweeping = false;
          await sweeper;
        }
        const left = packs.filter((_, index) => index % 2 === 1);
        await log.packs.ensureLocal(left.map(({ id }) => id));
        expect((await readPacks(await open())).map(({ id }) => id).sort()).toEqual(left.map(({ id }) => id).sort());
      });

      it('whose files nobody lists are swept when they may go', async () => {
        const log = await open();
        const [listed, orphan, kept] = [newPack('listed'), newPack('orphan'), newPack('kept')];
        await log.packs.put([listed]);
        for (const { id, bytes } of [orphan, kept]) {
          mkdirSync(dirname(packPath(log.packs.dir, id)), { recursive: true });
          writeFileSync(packPath(log.packs.dir, id), bytes);
        }
        const asked: string[] = [];
        expect(await log.packs.sweep((id) => asked.push(id) > 0 && id === orphan.id)).toBe(1);
        expect(asked.sort()).toEqual([orphan.id, kept.id].sort());
        await log.packs.ensureLocal([listed.id]);
        expect([listed, orphan, kept].map(({ id }) => existsSync(packPath(log.packs.dir, id)))).toEqual([
          true,
          false,
          true,
        ]);
      });

      it('are there, whole, once they are put', async () => {
        const log = await open();
        const packs = ['a', 'b', 'c'].map((text) => newPack(text));
        await log.packs.put(packs);
        await log.packs.put([]);
        const other = await open();
        expect(await readPacks(other)).toEqual(packs.map(({ bytes: _, ...info }) => info));
        await other.packs.ensureLocal(packs.map((pack) => pack.id));
        for (const pack of packs) expect(readFileSync(packPath(other.packs.dir, pack.id))).toEqual(pack.bytes);
      });

      it('put twice, or by two at once, are there once', async () => {
        const [log, other] = [await open(), await open()];
        const [a, b, c] = [newPack('a'), newPack('b'), newPack('c')];
        await log.packs.put([a, b]);
        await Promise.all([log.packs.put([b, c]), other.packs.put([a, b, c])]);
        expect((await readPacks(log)).map((pack) => pack.id).sort()).toEqual([a.id, b.id, c.id].sort());
      });

      it('are read on from where one was', async () => {
        const log = await open();
        let position = 0;
        for (let round = 0; round < 4; round++) {
          const pack = newPack(`round ${round}`);
          await log.packs.put([pack]);
          const seen: string[] = [];
          for await (const batch of log.packs.read(position)) {
            seen.push(...batch.packs.map((info) => info.id));
            position = batch.next;
          }
          expect(seen).toEqual([pack.id]);
        }
        expect(await readPacks(log, position)).toEqual([]);
      });

      it('that are missing are named', async () => {
        const log = await open();
        const [there, gone] = [newPack('there'), newPack('gone')];
        await log.packs.put([there]);
        await expect(log.packs.ensureLocal([there.id, gone.id])).rejects.toMatchObject({
          kind: 'damaged',
          message: expect.stringContaining(gone.id),
        });
      });

      it('acknowledged before a kill are whole, and nothing else is listed', async () => {
        for (let round = 0; round < 4; round++) {
          const { child, lines } = start('put-packs.mjs', `${round}`);
          const acknowledged: string[] = [];
          for (let put = 0; put <= round; put++)
            acknowledged.push(...((await lines.next()).value as string).split(' '));
          const exit = once(child, 'exit');
          child.kill('SIGKILL');
          await exit;
          const log = await open();
          const listed = (await readPacks(log)).map((pack) => pack.id);
          for (const id of acknowledged) expect(listed).toContain(id);
          await log.packs.ensureLocal(listed);
          for (const id of listed) {
            const path = packPath(log.packs.dir, id);
            expect(existsSync(path)).toBe(true);
            expect(createHash('sha256').update(readFileSync(path).subarray(0, -32)).digest('hex')).toBe(id);
          }
        }
      });
    });
  });
}
