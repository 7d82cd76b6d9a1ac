// SPDX-License-Identifier: Apache-2.0
import * as codec from '../../src/format/generated/image.js';
import {
  type GeneratedImage,
  ImageBytes,
  type ImageShape,
  type MappingShape,
  type UnknownRecordShape,
} from './image-generator.js';
import { FIRST_ADDRESS, placeMapping } from './image-v1.js';

const { RecordType } = codec;

/** A version-2 image: noise wherever the format sets no bounds. */
class Version2Builder {
  readonly image: ImageBytes;
  readonly shape: ImageShape;
  unknown: readonly UnknownRecordShape[];

  constructor(shape: ImageShape) {
    this.shape = shape;
    this.unknown = shape.unknown;
    this.image = new ImageBytes(shape.seed);
  }

  /** A record, after the unknown ones that were to stand before it. */
  record(type: keyof typeof RecordType, id: number, ...parts: Buffer[]): void {
    if (type !== 'MACHINE') this.unknownUpTo(this.image.recordOffsets.length);
    this.put(RecordType[type], id, ...parts);
  }

  unknownUpTo(index: number): void {
    const due = this.unknown.filter((unknown) => unknown.before <= index);
    this.unknown = this.unknown.filter((unknown) => unknown.before > index);
    for (const unknown of due) this.put(unknown.type, this.image.noise.next(), this.image.noise.bytes(unknown.bytes));
  }

  put(type: number, id: number, ...parts: Buffer[]): void {
    const len = parts.reduce((sum, part) => sum + part.length, 0);
    this.image.record(codec.encodeCr2Hdr({ type, flags: this.image.noise.below(2), len, id }), ...parts);
  }

  random<T>(decode: (buffer: Buffer) => T, bytes: number): T {
    return decode(this.image.noise.bytes(bytes));
  }

  build(): GeneratedImage {
    const { image, shape } = this;
    const head = codec.encodeCrHead({
      magic: codec.HEAD_MAGIC,
      major: 6,
      minor: 18,
      patch: 1,
      version: 2,
      flags: codec.CTX_CKPT,
      time: 1_700_000_000n,
    });
    image.record(codec.encodeCrHdr({ type: RecordType.HEAD, len: head.length, id: 0 }), head);
    this.record(
      'MACHINE',
      0,
      codec.encodeCr2Machine({
        ...this.random(codec.decodeCr2Machine, codec.CR2_MACHINE_BYTES),
        pageBytes: 4096,
        taskCount: shape.tasks,
      }),
    );
    for (let task = 0; task < shape.tasks; task++) this.task(task === 0 ? shape.mappings : []);
    // What was to stand behind the end stands before the tail, which counts it.
    this.unknownUpTo(Infinity);
    const tail = codec.encodeCr2Tail({
      magic: codec.TAIL2_MAGIC,
      crc32c: image.crc(),
      bytes: BigInt(image.bytes),
      pages: BigInt(image.pages),
      records: BigInt(image.recordOffsets.length),
      reserved: 0n,
    });
    this.put(RecordType.TAIL2, 0, tail);
    return image.done(2);
  }

  task(mappings: readonly MappingShape[]): void {
    const { shape } = this;
    const { noise } = this.image;
    const pid = noise.next();
    this.record(
      'TASK2',
      pid,
      codec.encodeCr2Task({
        ...this.random(codec.decodeCr2Task, codec.CR2_TASK_BYTES),
        pid,
        threadCount: shape.threads,
        fileCount: shape.files,
        state: 1 + noise.below(2),
      }),
    );
    const groups = noise.below(5);
    this.record(
      'CREDS',
      pid,
      codec.encodeCr2Creds({ ...this.random(codec.decodeCr2Creds, codec.CR2_CREDS_BYTES), groupCount: groups }),
      noise.bytes(groups * 4),
    );
    this.record('RLIMITS', pid, codec.encodeCr2Rlimits({ count: 16, reserved: 0 }), noise.bytes(16 * 16));
    for (const kind of noise.below(2) ? [1, 2, 3] : [1, 2]) {
      const pathBytes = 2 + noise.below(40);
      this.record(
        'PATH',
        pid,
        codec.encodeCr2Path({ ...this.random(codec.decodeCr2Path, codec.CR2_PATH_BYTES), kind, pathBytes }),
        noise.path(pathBytes),
      );
    }
    this.record('SIGACTIONS', pid, codec.encodeCr2Sigactions({ count: 64, reserved: 0 }), noise.bytes(64 * 32));
    this.pending(pid, 0);
    this.record('ITIMERS', pid, noise.bytes(codec.CR2_ITIMERS_BYTES));
    for (let i = 0; i < shape.timers; i++) this.record('POSIX_TIMER', pid, noise.bytes(codec.CR2_POSIX_TIMER_BYTES));
    for (let fd = 0; fd < shape.files; fd++) this.file(pid, fd);
    this.memory(pid, mappings);
    for (let thread = 0; thread < shape.threads; thread++) this.thread(pid + thread);
  }

  pending(id: number, ofThread: 0 | 1): void {
    const count = this.shape.pendingSignals;
    this.record(
      'SIGPENDING',
      id >>> 0,
      codec.encodeCr2Sigpending({ count, siginfoBytes: 128, ofThread, reserved: 0 }),
      this.image.noise.bytes(count * 128),
    );
  }

  file(pid: number, fd: number): void {
    const { noise } = this.image;
    const kind = 1 + noise.below(4);
    const pathBytes = kind === 4 ? 0 : 2 + noise.below(60);
    const file = {
      ...this.random(codec.decodeCr2File, codec.CR2_FILE_BYTES),
      fd,
      kind,
      sameAs: fd ? noise.below(fd + 1) - 1 : -1,
      pathBytes,
    };
    this.record('FILE', pid, codec.encodeCr2File(file), pathBytes ? noise.path(pathBytes) : Buffer.alloc(0));
  }

  memory(pid: number, mappings: readonly MappingShape[]): void {
    const { noise } = this.image;
    const mm = this.random(codec.decodeCr2Mm, codec.CR2_MM_BYTES);
    const auxvBytes = 16 * noise.below(20);
    this.record(
      'MM2',
      pid,
      codec.encodeCr2Mm({ ...mm, startCode: 0n, startData: 0n, mapCount: mappings.length, auxvBytes }),
      noise.bytes(auxvBytes),
    );
    this.record(
      'VDSO',
      pid,
      codec.encodeCr2Vdso({ ...this.random(codec.decodeCr2Vdso, codec.CR2_VDSO_BYTES), buildIdBytes: noise.below(33) }),
    );
    let start = FIRST_ADDRESS;
    for (const mapping of mappings) {
      const placed = placeMapping(mapping, start, noise.below(3));
      start = placed.end + BigInt(noise.below(2) * codec.PAGE_BYTES);
      const vma = {
        ...this.random(codec.decodeCr2Vma, codec.CR2_VMA_BYTES),
        start: placed.start,
        end: placed.end,
        kind: mapping.pathBytes ? 2 : 1,
      };
      this.record(
        'VMA2',
        pid,
        codec.encodeCr2Vma({ ...vma, buildIdBytes: noise.below(33), pathBytes: mapping.pathBytes }),
        mapping.pathBytes ? noise.path(mapping.pathBytes) : Buffer.alloc(0),
      );
      // A mapping's pages come in one PAGES record or in several.
      const step = noise.below(2) ? codec.PAGES_PER_RECORD_MAX : 1 + noise.below(100);
      for (let first = 0; first < mapping.pages.length; first += step) {
        const pages = mapping.pages.slice(first, first + step);
        const addresses = placed.addresses.subarray(first * 8, (first + pages.length) * 8);
        this.record('PAGES', pid, codec.encodeCr2Pages({ count: pages.length }), addresses, this.image.contents(pages));
      }
    }
    if (this.shape.ldt)
      this.record(
        'LDT',
        pid,
        codec.encodeCr2Ldt({ count: this.shape.ldt, reserved: 0 }),
        noise.bytes(this.shape.ldt * 8),
      );
  }

  thread(tid: number): void {
    const { noise } = this.image;
    const id = tid >>> 0;
    this.record(
      'THREAD2',
      id,
      codec.encodeCr2Thread({ ...this.random(codec.decodeCr2Thread, codec.CR2_THREAD_BYTES), tid: id }),
    );
    if (noise.below(2)) this.pending(id, 1);
    this.record('REGS', id, noise.bytes(codec.CR2_REGS_BYTES));
    const areaBytes = 576 + 64 * noise.below(40);
    this.record(
      'XSTATE',
      id,
      codec.encodeCr2Xstate({ ...this.random(codec.decodeCr2Xstate, codec.CR2_XSTATE_BYTES), areaBytes }),
      noise.bytes(areaBytes),
    );
    if (this.shape.tls) this.record('TLS', id, codec.encodeCr2Tls({ count: 3, firstEntry: 12 }), noise.bytes(24));
  }
}

export function buildVersion2(shape: ImageShape): GeneratedImage {
  return new Version2Builder(shape).build();
}
