// SPDX-License-Identifier: Apache-2.0
//
// Makes the log of a large store without the processes: the events that ingest would write, and packs that have directories of
// random hashes and frames that are holes. Everything in front of the log is left out, so that what lies behind it can be
// measured at sizes that would take days to save.
//
// The model: processes that are saved again and again. Each checkpoint has the same number of pages; between two of them a
// share of the pages changes, in clusters of one to seven that lie anywhere; changed pages go into the checkpoint's own packs.
import { createHash, randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const PACK_PAGES = 2048;
const FRAME_PAGES = 8;
const FRAME_BYTES = 9000;
const PAGES_RECORD_MAX = 32767;

/** xorshift32: the same store from the same seed. */
function randomFrom(seed) {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** Modules of the build. */
export async function loadBuild() {
  const at = (path) => import(new URL(`../dist/${path}`, import.meta.url).href);
  const [image, store, chain, events, log, native] = await Promise.all(
    [
      'format/generated/image.js',
      'format/generated/store.js',
      'format/chain.js',
      'format/events.js',
      'store/embedded/embedded-log.js',
      'codec/native.js',
    ].map(at),
  );
  return { ...image, ...store, ...chain, ...events, ...log, ...native };
}

/** A process with the place of each of its pages. */
class Process {
  constructor(number, pages, random) {
    this.number = number;
    this.random = random;
    this.packs = new Int32Array(pages);
    this.slots = new Uint16Array(pages);
    this.fresh = new Uint8Array(pages);
    this.first = true;
  }

  /** Marks the pages that change before the next checkpoint. */
  change(share) {
    const { fresh, random } = this;
    fresh.fill(this.first ? 1 : 0);
    if (this.first) {
      this.first = false;
      return;
    }
    for (let wanted = Math.round(fresh.length * share); wanted > 0;) {
      const length = Math.min(1 + random(7), wanted);
      const start = random(fresh.length - length);
      for (let page = start; page < start + length; page++) {
        if (fresh[page]) continue;
        fresh[page] = 1;
        wanted--;
      }
    }
  }
}

/** LEB128 numbers into a buffer that is large enough. */
class Numbers {
  constructor() {
    this.bytes = Buffer.allocUnsafe(600 << 10);
    this.length = 0;
  }

  add(value) {
    while (value >= 128) {
      this.bytes[this.length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.bytes[this.length++] = value;
  }
}

export class ScaleStore {
  /** `pages`: of each checkpoint; `share`: of them that change between two. */
  constructor(build, dir, { processes, pages, share, seed = 1 }) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.build = build;
    this.log = build.openEmbeddedLog({ dir });
    this.random = randomFrom(seed);
    this.share = share;
    this.processes = Array.from({ length: processes }, (_, number) => new Process(number, pages, this.random));
    this.packIds = [];
    this.packHashes = [];
    this.checkpoints = [];
    this.references = 0;
    this.uniquePages = 0;
    this.numbers = new Numbers();
  }

  close() {
    return this.log.close();
  }

  /** Saves a process once more. */
  async checkpoint(number) {
    const process = this.processes[number];
    process.change(this.share);
    const time = Date.UTC(2026, 0, 1) + this.checkpoints.length * 60_000;
    const id = idOf(time, this.checkpoints.length);
    const packs = this.putPages(process, id);
    this.log.packs.register(packs);
    await this.log.append(this.eventsOf(process, id, time, packs));
    this.checkpoints.push(id);
    this.references += process.packs.length;
    return id;
  }

  /** New pages into packs of this checkpoint, in the order of their addresses. */
  putPages(process, id) {
    const packs = [];
    let slot = PACK_PAGES;
    let pack = -1;
    const counts = [];
    for (let page = 0; page < process.fresh.length; page++) {
      if (!process.fresh[page]) continue;
      if (slot === PACK_PAGES) {
        pack = this.packIds.length + counts.length;
        counts.push(0);
        slot = 0;
      }
      process.packs[page] = pack;
      process.slots[page] = slot++;
      counts[counts.length - 1]++;
    }
    for (const pages of counts) packs.push(this.writePack(pages, id));
    return packs;
  }

  writePack(pages, stream) {
    const { encodePackHeader, packPath } = this.build;
    const frames = Math.ceil(pages / FRAME_PAGES);
    const frameBytes = (frame) =>
      Math.min(FRAME_BYTES, (Math.min(pages, (frame + 1) * FRAME_PAGES) - frame * FRAME_PAGES) * 1100);
    let storedBytes = 0;
    const table = Buffer.alloc(frames * 4);
    for (let frame = 0; frame < frames; frame++) {
      table.writeUInt32LE(frameBytes(frame), frame * 4);
      storedBytes += frameBytes(frame);
    }
    const header = encodePackHeader({
      magic: 'ckptpack',
      version: 1,
      codec: 1,
      pages,
      frames,
      framePages: FRAME_PAGES,
      storedBytes: BigInt(storedBytes),
      logId: Buffer.from(this.log.opened.logId, 'hex'),
      stream,
      rawBytes: BigInt(pages * 4096),
    });
    const directory = randomFillSync(Buffer.allocUnsafe(pages * 32));
    const head = Buffer.concat([header, directory, table]);
    const id = createHash('sha256').update(head).digest('hex');
    const path = packPath(this.log.packs.dir, id);
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const fd = openSync(path, 'w', 0o600);
    writeSync(fd, head);
    const bytes = head.length + storedBytes + 32;
    ftruncateSync(fd, bytes);
    closeSync(fd);
    this.packIds.push(Buffer.from(id, 'hex'));
    this.uniquePages += pages;
    return { id, pages, rawBytes: pages * 4096, storedBytes: bytes, stream };
  }

  eventsOf(process, id, time, packs) {
    const { build } = this;
    const { RecordType } = build;
    const events = [];
    const chain = build.EventChain.start(id);
    const push = (type, value) => {
      const event = { type, checkpoint: id, seq: events.length, value };
      events.push(event);
      chain.add(event);
    };
    const pid = 1000 + process.number;
    let records = 0;
    let bytes = 0;
    const record = (type, task, payload, rest = 0) => {
      records++;
      const whole = Buffer.concat([build.encodeCr2Hdr({ type, len: payload.length + rest, id: task }), payload]);
      bytes += whole.length + rest;
      return whole;
    };
    push(
      'opened',
      build.encodeValue('opened', {
        name: `process-${process.number}`,
        createdAt: new Date(time).toISOString(),
        source: 'save',
        writer: { host: 'bench', bootId: 'boot', pidNamespace: 'pid:[1]', pid: 1, startTicks: 1 },
        dedupPosition: [1],
      }),
    );
    const headPayload = build.encodeCrHead({
      magic: build.HEAD_MAGIC,
      major: 6,
      minor: 1,
      version: 2,
      flags: build.CTX_CKPT,
    });
    const head = Buffer.concat([
      build.encodeCrHdr({ type: RecordType.HEAD, len: headPayload.length, id: 0 }),
      headPayload,
    ]);
    records++;
    bytes += head.length;
    const before = [
      head,
      record(
        RecordType.MACHINE,
        0,
        build.encodeCr2Machine({
          pageBytes: 4096,
          taskCount: 1,
          hostname: 'bench',
          kernelRelease: '6.1.0',
          bootId: Buffer.alloc(16, 1),
        }),
      ),
      record(
        RecordType.TASK2,
        pid,
        build.encodeCr2Task({
          pid,
          threadCount: 1,
          comm: `worker${process.number % 10}`,
          startTicks: BigInt(7000 + process.number),
        }),
      ),
    ];
    for (let library = 0; library < 8; library++) {
      const path = Buffer.from(`/usr/lib/x86_64-linux-gnu/library-${library}.so.${process.number % 3}\0`);
      const start = BigInt(0x7f0000 + library * 0x400) * 4096n;
      const payload = build.encodeCr2Vma({
        kind: build.Vma2Kind.FILE_PRIVATE,
        start,
        end: start + 0x200000n,
        prot: 5,
        pathBytes: path.length,
      });
      before.push(record(RecordType.VMA2, pid, Buffer.concat([payload, path])));
    }
    const total = process.packs.length;
    const firstPage = 0x10000;
    const vma = build.encodeCr2Vma({
      kind: build.Vma2Kind.ANON,
      start: BigInt(firstPage) * 4096n,
      end: BigInt(firstPage + total) * 4096n,
      prot: 3,
      flags: build.Vma2Flag.HEAP,
    });
    before.push(record(RecordType.VMA2, pid, vma));
    let pending = before;
    for (let done = 0; done < total; done += PAGES_RECORD_MAX) {
      const count = Math.min(PAGES_RECORD_MAX, total - done);
      pending.push(record(RecordType.PAGES, pid, build.encodeCr2Pages({ count }), count * 4104));
      push('record', Buffer.concat(pending));
      pending = [];
      push('pages', this.pagesEvent(process, firstPage, done, count));
    }
    pending.push(record(RecordType.THREAD2, pid, build.encodeCr2Thread({ tid: pid, comm: 'worker' })));
    pending.push(record(RecordType.REGS, pid, build.encodeCr2Regs({ ip: BigInt(time), sp: 0x7ffff000n })));
    pending.push(record(RecordType.TAIL2, 0, build.encodeCr2Tail({ magic: build.TAIL2_MAGIC })));
    push('record', Buffer.concat(pending));
    let newPages = 0;
    for (const one of process.fresh) newPages += one;
    const sealed = {
      formatVersion: 2,
      bytes,
      records,
      pages: total,
      zeroPages: 0,
      newPages,
      storedBytes: packs.reduce((sum, pack) => sum + pack.storedBytes, 0),
      digest: createHash('sha256').update(id).digest('hex'),
      parent: null,
      chain: chain.hex,
      frozenMs: 1,
    };
    push('sealed', build.encodeValue('sealed', sealed));
    return events;
  }

  /** Runs of pages that follow each other in memory and in a pack. */
  pagesEvent(process, firstPage, first, pages) {
    const { numbers } = this;
    const ids = new Map();
    numbers.length = 0;
    let newPages = 0;
    for (let page = first; page < first + pages;) {
      const [pack, slot] = [process.packs[page], process.slots[page]];
      let end = page + 1;
      while (end < first + pages && process.packs[end] === pack && process.slots[end] === slot + end - page) end++;
      let index = ids.get(pack);
      if (index === undefined) ids.set(pack, (index = ids.size));
      numbers.add(page === first ? firstPage + first : 0);
      numbers.add((end - page) * 2 + 1);
      numbers.add(index);
      numbers.add(slot);
      page = end;
    }
    for (let page = first; page < first + pages; page++) newPages += process.fresh[page];
    const header = this.build.encodePagesEvent({
      pages,
      first: 0, // each PAGES record has one event
      total: pages,
      packs: ids.size,
      runBytes: numbers.length,
      zeroPages: 0,
      newPages,
    });
    return Buffer.concat([
      header,
      ...[...ids.keys()].map((pack) => this.packIds[pack]),
      Buffer.from(numbers.bytes.subarray(0, numbers.length)),
    ]);
  }
}

/** 26 characters that sort by time, as newCheckpointId() makes them, but the same every time. */
function idOf(time, count) {
  const digits = '0123456789abcdefghjkmnpqrstvwxyz';
  const base32 = (value, length) => {
    let text = '';
    for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = digits[rest % 32] + text;
    return text;
  };
  return base32(time, 10) + base32(count, 16);
}
