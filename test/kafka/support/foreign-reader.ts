// SPDX-License-Identifier: Apache-2.0
//
// An image out of two topics with nothing of this project: kcat reads the messages, docs/format.md says what they are. The pages
// of a mapping follow its record as all addresses, then all contents.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { decompress } from 'zstd-napi';

const PAGE = 4096;
const FRAME_PAGES = 8;
const FRAME_RAW = 0x80000000;
const PACK_HEADER = 128;
const PAGES_EVENT = 32;
const HASH = 32;

export interface Message {
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly value: Buffer;
}

/** All messages of a topic, partition after partition. */
export function consume(brokers: string, topic: string): Message[] {
  const args = ['-b', brokers, '-C', '-e', '-q', '-t', topic, '-o', 'beginning', '-f', '%k\t%h\t%S\n%s'];
  const out = execFileSync('kcat', args, { maxBuffer: 1 << 29 });
  const messages: Message[] = [];
  for (let at = 0; at < out.length;) {
    const line = out.indexOf('\n', at);
    const [key = '', headers = '', bytes = ''] = out.toString('utf8', at, line).split('\t');
    at = line + 1 + Number(bytes);
    const pairs = headers.split(',').map((pair) => pair.split('=') as [string, string]);
    messages.push({ key, headers: Object.fromEntries(pairs), value: out.subarray(line + 1, at) });
  }
  return messages;
}

/** Pages of a pack, slot 0 first. */
function unpack(pack: Buffer): Buffer[] {
  const pages = pack.readUInt32LE(12);
  const frames = pack.readUInt32LE(16);
  const table = PACK_HEADER + pages * HASH;
  let at = table + frames * 4;
  const unpacked: Buffer[] = [];
  for (let frame = 0; frame < frames; frame++) {
    const entry = pack.readUInt32LE(table + frame * 4);
    const isRaw = entry >= FRAME_RAW;
    const stored = pack.subarray(at, at + (isRaw ? entry - FRAME_RAW : entry));
    at += stored.length;
    const raw = isRaw ? stored : decompress(stored);
    const count = Math.min(FRAME_PAGES, pages - frame * FRAME_PAGES);
    for (let page = 0; page < count; page++) unpacked.push(raw.subarray(page * PAGE, (page + 1) * PAGE));
  }
  return unpacked;
}

/** Unsigned LEB128 numbers, one after the other. */
function* numbers(bytes: Buffer): Generator<number> {
  let value = 0;
  let unit = 1;
  for (const byte of bytes) {
    value += (byte & 0x7f) * unit;
    unit *= 128;
    if (byte & 0x80) continue;
    yield value;
    [value, unit] = [0, 1];
  }
}

/** The image of a checkpoint. `seq` tells messages that stand there twice. */
export function imageOf(id: string, images: readonly Message[], packTopic: readonly Message[]): Buffer {
  const packs = new Map<string, Buffer[]>();
  const pagesOf = (pack: string): Buffer[] => {
    const found = packs.get(pack) ?? unpack(packTopic.find(({ key }) => key === pack)?.value ?? Buffer.alloc(0));
    packs.set(pack, found);
    return found;
  };
  const stream = new Map<number, Message>();
  for (const message of images) {
    const seq = Number(message.headers['seq']);
    if (message.key === id && seq >= 0 && !stream.has(seq)) stream.set(seq, message);
  }
  const parts: Buffer[] = [];
  let [addresses, contents]: [Buffer[], Buffer[]] = [[], []];
  for (let seq = 0; seq < stream.size; seq++) {
    const { headers, value } = stream.get(seq) as Message;
    if (headers['type'] === 'record') parts.push(value);
    if (headers['type'] !== 'pages') continue;
    const [, first, total] = [0, 4, 8].map((at) => value.readUInt32LE(at)) as [number, number, number];
    const packCount = value.readUInt32LE(12);
    const ids = Array.from({ length: packCount }, (_, index) =>
      value.toString('hex', PAGES_EVENT + index * HASH, PAGES_EVENT + (index + 1) * HASH),
    );
    const runs = numbers(value.subarray(PAGES_EVENT + packCount * HASH));
    const next = (): number => Number(runs.next().value);
    let page = 0;
    for (let left = value.readUInt32LE(0); left > 0;) {
      page += next();
      const head = next();
      const count = Math.floor(head / 2);
      const [pack, slot] = head % 2 ? [pagesOf(ids[next()] ?? ''), next()] : [null, 0];
      for (let index = 0; index < count; index++, page++) {
        const address = Buffer.alloc(8);
        address.writeBigUInt64LE(BigInt(page) * BigInt(PAGE));
        addresses.push(address);
        contents.push(pack ? (pack[slot + index] ?? Buffer.alloc(0)) : Buffer.alloc(PAGE));
      }
      left -= count;
    }
    if (first + value.readUInt32LE(0) < total) continue;
    parts.push(...addresses, ...contents);
    [addresses, contents] = [[], []];
  }
  return Buffer.concat(parts);
}

/** Whether a pack is what its key says. */
export function isPack({ key, value }: Message): boolean {
  return createHash('sha256').update(value.subarray(0, -HASH)).digest('hex') === key;
}

/** Whether the program is installed. */
export function hasKcat(): boolean {
  try {
    execFileSync('kcat', ['-V'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
