// SPDX-License-Identifier: Apache-2.0
//
// Many streams at once, clients that do not read, damage on the way, the end of the service: what a client sees, and what stays.
import { readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { cleanUp, until } from '../support/processes.js';
import { collect, TestService } from '../support/service.js';

const MIB = 1 << 20;
/** Noise does not compress, text does: packs of both kinds, and far more than any buffer on the way holds. */
const image = buildImage(plainShape(2, { seed: 7, mappings: [rowOfPages(24 * 256, 'noise', 'text', 'noise')] })).bytes;
const binary = { 'content-type': 'application/octet-stream' };

let store: TestStore;
let service: TestService | undefined;

beforeEach(() => {
  store = new TestStore();
});

afterEach(async () => {
  await cleanUp();
  service?.remove();
  service = undefined;
  store.remove();
});

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1024;
}

function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

function threads(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** An answer whose body nobody reads until it is asked for. */
async function unread(path: string): Promise<IncomingMessage> {
  const message = await service!.open(path);
  message.pause();
  return message;
}

describe('64 clients at once', () => {
  it('take a bounded amount of memory, and those that do not read hold nobody up', async () => {
    service = await TestService.start(store);
    const id = await service.ingest(image);
    const path = `/v1/checkpoints/${id}/image`;
    expect((await service.ask(path)).body.equals(image)).toBe(true);
    const { pid } = service;
    const before = { rss: residentBytes(pid), fds: descriptors(pid) };

    const slow = await Promise.all(Array.from({ length: 32 }, () => unread(path)));
    const quick = await Promise.all(Array.from({ length: 32 }, () => service!.ask(path)));
    for (const answer of quick) {
      expect(answer.whole).toBe(true);
      expect(answer.body.equals(image)).toBe(true);
    }
    // 32 are still on their way, each with its rebuilder, its pipe and its socket.
    const grown = residentBytes(pid) - before.rss;
    console.log(`64 streams of ${(image.length / MIB).toFixed(0)} MiB: ${(grown / MIB).toFixed(0)} MiB more resident`);
    expect(grown).toBeLessThan(64 * 8 * MIB);

    for (const answer of await Promise.all(slow.map(collect))) {
      expect(answer.whole).toBe(true);
      expect(answer.body.equals(image)).toBe(true);
      expect(answer.trailers['ckpt-image-digest']).toBe(answer.headers['ckpt-image-digest']);
    }
    expect(await service.stop()).toBe(0);
  });

  it('that go away leave no descriptor, thread or pipe behind', async () => {
    service = await TestService.start(store);
    const id = await service.ingest(image);
    const { pid } = service;
    const running = { fds: descriptors(pid), threads: threads(pid) };
    const left = await Promise.all(Array.from({ length: 64 }, () => unread(`/v1/checkpoints/${id}/image`)));
    expect(descriptors(pid)).toBeGreaterThan(running.fds + 64);
    for (const message of left) message.destroy();
    await until('the end of all streams', () => threads(pid) <= running.threads && descriptors(pid) <= running.fds + 1);
    expect((await service.ask('/healthz')).status).toBe(200);
    expect(await service.stop()).toBe(0);
  });

  it('more than may be are told to come again', async () => {
    service = await TestService.start(store, '--max-streams', '2');
    const id = await service.ingest(image);
    const path = `/v1/checkpoints/${id}/image`;
    const slow = [await unread(path), await unread(path)];
    const refused = await service.ask(path);
    expect(refused.status).toBe(503);
    expect(JSON.parse(refused.body.toString())).toMatchObject({ type: '/v1/problems/busy' });
    expect(refused.headers['retry-after']).toBe('1');
    for (const message of slow) message.destroy();
  });

  it('that stand still for long are given up', async () => {
    service = await TestService.start(store, '--stall', '1');
    const id = await service.ingest(image);
    const message = await unread(`/v1/checkpoints/${id}/image`);
    await until('the end', () => service!.process.err.text().includes('image stream given up'));
    expect((await collect(message)).whole).toBe(false);
  });
});

describe('damage on the way', () => {
  it('cuts the stream, so that nobody takes it for whole; nothing of the memory is in the log', async () => {
    service = await TestService.start(store);
    const id = await service.ingest(image);
    const packs = readdirSync(join(store.path, 'packs'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.pack'),
    );
    expect(packs.length).toBeGreaterThan(10);
    const sizes = packs.map((file) => join(store.path, 'packs', file));
    // The last one written holds the last pages: by then much has been sent.
    const last = sizes.sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs).at(-1)!;
    truncateSync(last, 1000);
    const answer = await service.ask(`/v1/checkpoints/${id}/image`);
    expect(answer.status).toBe(200);
    expect(answer.whole).toBe(false);
    expect(answer.body.length).toBeGreaterThan(0);
    expect(answer.body.length).toBeLessThan(image.length);
    expect(answer.trailers['ckpt-image-digest']).toBeUndefined();
    expect(service.process.err.text()).toContain('image stream cut');
    expect(service.process.err.text()).not.toContain(store.path);
    // A range that does not need it is whole.
    const range = await service.ask(`/v1/checkpoints/${id}/image`, { headers: { range: 'bytes=0-99999' } });
    expect(range.body.equals(image.subarray(0, 100_000))).toBe(true);
  });

  it('found before the first byte is an answer like any other', async () => {
    service = await TestService.start(store);
    const small = buildImage(plainShape(2, { seed: 9, mappings: [rowOfPages(3, 'noise')] })).bytes;
    const id = await service.ingest(small);
    for (const file of readdirSync(join(store.path, 'packs'), { recursive: true, encoding: 'utf8' })) {
      if (file.endsWith('.pack')) truncateSync(join(store.path, 'packs', file), 1000);
    }
    const answer = await service.ask(`/v1/checkpoints/${id}/image`);
    expect(answer.status).toBe(500);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ type: '/v1/problems/damaged' });
    expect(answer.body.toString()).not.toContain(store.path);
  });
});

describe('the end of the service', () => {
  it('lets streams finish within the grace time, and takes nothing new', async () => {
    service = await TestService.start(store);
    const id = await service.ingest(image);
    const slow = await Promise.all(Array.from({ length: 8 }, () => unread(`/v1/checkpoints/${id}/image`)));
    service.process.child.kill('SIGTERM');
    await until('the end of listening', () => service!.process.err.text().includes('"stopping"'));
    await expect(service.ask('/healthz')).rejects.toThrow();
    // Read so that the service is always ahead, and has its last words left when it has nothing more to send.
    for (const message of slow) message.on('data', () => void (message.pause(), setTimeout(() => message.resume(), 2)));
    for (const answer of await Promise.all(slow.map(collect))) {
      expect(answer.whole).toBe(true);
      expect(answer.body.equals(image)).toBe(true);
    }
    expect(await service.process.end()).toEqual({ code: 0, signal: null });
    await store.expectWhole([id]);
  });

  it('cuts what does not finish, so that its client sees it, and loses nothing', async () => {
    service = await TestService.start(store, '--grace', '0');
    const id = await service.ingest(image);
    const slow = await unread(`/v1/checkpoints/${id}/image`);
    const asked = request(service.options('/v1/ingest', { method: 'POST', headers: binary }));
    const answered = once(asked, 'response').then(
      ([message]) => collect(message as IncomingMessage),
      () => undefined, // cut before an answer
    );
    asked.on('error', () => undefined);
    asked.write(image.subarray(0, 10 * MIB));
    await until('the ingest', () => readdirSync(join(store.path, 'packs')).length > 0);
    service.process.child.kill('SIGTERM');
    expect(await service.process.end()).toEqual({ code: 0, signal: null });
    expect((await collect(slow)).whole).toBe(false);
    const answer = await answered;
    if (answer) expect(answer.status).toBe(503);
    await store.expectWhole([id]);
    const open = await store.ok('sql', "SELECT count(*) AS n FROM checkpoint WHERE state = 'open'", '--json');
    expect(JSON.parse(open)).toEqual([{ n: 0 }]);
  });

  it('killed in the middle of an ingest leaves a whole store, and the next one starts', async () => {
    service = await TestService.start(store);
    const id = await service.ingest(image);
    const asked = request(service.options('/v1/ingest', { method: 'POST', headers: binary }));
    asked.on('error', () => undefined);
    asked.write(image.subarray(0, 10 * MIB));
    await until('the ingest', () => descriptors(service!.pid) > 0);
    await service.process.kill('SIGKILL');
    const again = await TestService.start(store);
    expect((await again.ask(`/v1/checkpoints/${id}/image`)).body.equals(image)).toBe(true);
    const other = await again.ingest(image);
    await store.expectWhole([id, other]);
    expect(await again.stop()).toBe(0);
    again.remove();
  });
});

describe('events', () => {
  it('tell what happens, whoever did it, and go on where a client left off', async () => {
    service = await TestService.start(store);
    const small = buildImage(plainShape(2, { mappings: [rowOfPages(3, 'text')] })).bytes;
    const stream = await service.open('/v1/events');
    expect(stream.headers['content-type']).toBe('text/event-stream');
    const heard = listen(stream);
    const id = await service.ingest(small);
    await heard.until((events) => events.some((one) => one.event === 'sealed' && one.checkpoint === id));
    await store.ok('rm', id); // by another process
    await heard.until((events) => events.some((one) => one.event === 'deleted' && one.checkpoint === id));
    stream.destroy();
    const logged = heard.events.filter((one) => one.id !== '');
    expect(logged.map((one) => one.event)).toEqual(['opened', 'sealed', 'deleted']);

    const resumed = await service.open('/v1/events', { headers: { 'last-event-id': logged[0]!.id } });
    const rest = listen(resumed);
    await rest.until((events) => events.some((one) => one.event === 'deleted'));
    expect(rest.events.filter((one) => one.id !== '').map((one) => one.id)).toEqual(
      logged.slice(1).map((one) => one.id),
    );
    service.process.child.kill('SIGTERM');
    await rest.until((events) => events.at(-1)?.event === 'stopping');
    expect(await service.process.end()).toEqual({ code: 0, signal: null });
  });

  it.each(['x', '1.x', '-1', '1..2', '9'.repeat(30)])('refuse the id %s', async (id) => {
    service = await TestService.start(store);
    expect((await service.ask('/v1/events', { headers: { 'last-event-id': id } })).status).toBe(400);
  });
});

interface Heard {
  readonly id: string;
  readonly event: string;
  readonly checkpoint: string | undefined;
}

/** The events of a stream as they come. */
function listen(stream: IncomingMessage): {
  readonly events: Heard[];
  until(done: (all: Heard[]) => boolean): Promise<void>;
} {
  const events: Heard[] = [];
  let rest = '';
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    const frames = (rest + chunk.toString()).split('\n\n');
    rest = frames.pop()!;
    for (const frame of frames) {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(frame)?.[1] ?? '';
      if (!field('data')) continue;
      const { checkpoint } = JSON.parse(field('data')) as { checkpoint?: string };
      events.push({ id: field('id'), event: field('event'), checkpoint });
    }
  });
  return { events, until: (done) => until('an event', () => done(events)) };
}
