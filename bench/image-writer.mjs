// SPDX-License-Identifier: Apache-2.0
//
// Writes a version-2 image of stopped processes for the benchmark: every mapping and page as it stands, the rest as small
// as the format allows. It is good for storing, not for restarting: registers and descriptors are left out, so that processes
// with many threads serve too. Layouts come from the generated codec.
import { closeSync, openSync, readFileSync, readSync, readlinkSync, writeSync } from 'node:fs';
import * as image from '../dist/format/generated/image.js';

const PAGE = image.PAGE_BYTES;
/** pagemap(5): the page is in memory; it belongs to a file or is shared. */
const PRESENT = 1n << 63n;
const OF_FILE = 1n << 61n;

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

function crc32c(crc, bytes) {
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]) & 0xff] ^ (crc >>> 8);
  return crc;
}

export class ImageWriter {
  #fd;
  #crc = 0xffffffff;
  #bytes = 0;
  #records = 0;
  pages = 0;

  constructor(path, taskCount) {
    this.#fd = openSync(path, 'w', 0o600);
    const head = {
      magic: image.HEAD_MAGIC,
      version: 2,
      flags: image.CTX_CKPT,
      time: BigInt(Math.floor(Date.now() / 1000)),
    };
    const payload = image.encodeCrHead(head);
    this.#write(image.encodeCrHdr({ type: image.RecordType.HEAD, len: payload.length }), payload);
    this.#records++;
    this.record('MACHINE', 0, image.encodeCr2Machine({ pageBytes: PAGE, taskCount }));
  }

  #write(...pieces) {
    for (const piece of pieces) {
      this.#crc = crc32c(this.#crc, piece);
      this.#bytes += piece.length;
      for (let at = 0; at < piece.length;) at += writeSync(this.#fd, piece, at);
    }
  }

  record(name, id, ...pieces) {
    const len = pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.#write(image.encodeCr2Hdr({ type: image.RecordType[name], len, id }), ...pieces);
    this.#records++;
  }

  /** A process that is stopped already. */
  task(pid) {
    const comm = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    const mappings = mappingsOf(pid);
    this.record('TASK2', pid, image.encodeCr2Task({ pid, threadCount: 1, state: image.TaskState.RUNNING, comm }));
    this.record('CREDS', pid, image.encodeCr2Creds({}));
    this.record('RLIMITS', pid, image.encodeCr2Rlimits({}));
    this.#path(pid, image.PathKind.EXE, readlinkSync(`/proc/${pid}/exe`));
    this.#path(pid, image.PathKind.CWD, readlinkSync(`/proc/${pid}/cwd`));
    this.record('SIGACTIONS', pid, image.encodeCr2Sigactions({ count: 64 }), Buffer.alloc(64 * 32));
    this.record('SIGPENDING', pid, image.encodeCr2Sigpending({ siginfoBytes: 128 }));
    this.record('ITIMERS', pid, image.encodeCr2Itimers({}));
    this.record('MM2', pid, image.encodeCr2Mm({ mapCount: mappings.length }));
    this.record('VDSO', pid, image.encodeCr2Vdso({}));
    const memory = openSync(`/proc/${pid}/mem`, 'r');
    const pagemap = openSync(`/proc/${pid}/pagemap`, 'r');
    try {
      for (const mapping of mappings) this.#mapping(pid, mapping, memory, pagemap);
    } finally {
      closeSync(memory);
      closeSync(pagemap);
    }
    this.record('THREAD2', pid, image.encodeCr2Thread({ tid: pid, comm }));
    this.record('REGS', pid, image.encodeCr2Regs({}));
    this.record('XSTATE', pid, image.encodeCr2Xstate({}));
  }

  #path(pid, kind, path) {
    const text = Buffer.from(`${path}\0`);
    this.record('PATH', pid, image.encodeCr2Path({ kind, pathBytes: text.length }), text);
  }

  #mapping(pid, mapping, memory, pagemap) {
    const path = mapping.path ? Buffer.from(`${mapping.path}\0`) : Buffer.alloc(0);
    const kind = mapping.path ? image.Vma2Kind.FILE_PRIVATE : image.Vma2Kind.ANON;
    const vma = {
      start: BigInt(mapping.start),
      end: BigInt(mapping.end),
      kind,
      prot: mapping.prot,
      pathBytes: path.length,
    };
    this.record('VMA2', pid, image.encodeCr2Vma(vma), path);
    if (!mapping.anonymous) return;
    const addresses = privatePages(mapping, pagemap);
    for (let first = 0; first < addresses.length; first += image.PAGES_PER_RECORD_MAX) {
      this.#pages(pid, addresses.slice(first, first + image.PAGES_PER_RECORD_MAX), memory);
    }
  }

  #pages(pid, addresses, memory) {
    const list = Buffer.alloc(addresses.length * 8);
    const contents = Buffer.alloc(addresses.length * PAGE);
    for (const [index, address] of addresses.entries()) list.writeBigUInt64LE(BigInt(address), index * 8);
    for (let first = 0, next; first < addresses.length; first = next) {
      for (next = first + 1; next < addresses.length && addresses[next] === addresses[next - 1] + PAGE; next++);
      const bytes = (next - first) * PAGE;
      for (let got = 0; got < bytes;) {
        const read = readSync(memory, contents, first * PAGE + got, bytes - got, addresses[first] + got);
        if (read <= 0) throw new Error(`/proc/${pid}/mem: short read`);
        got += read;
      }
    }
    this.record('PAGES', pid, image.encodeCr2Pages({ count: addresses.length }), list, contents);
    this.pages += addresses.length;
  }

  /** Returns the bytes of the image. */
  finish() {
    const tail = {
      magic: image.TAIL2_MAGIC,
      crc32c: ~this.#crc >>> 0,
      bytes: BigInt(this.#bytes),
      pages: BigInt(this.pages),
      records: BigInt(this.#records),
    };
    this.record('TAIL2', 0, image.encodeCr2Tail(tail));
    closeSync(this.#fd);
    return this.#bytes;
  }
}

/** Private mappings of a process, with whether they hold anonymous pages. Addresses fit a number: 47 bits. */
function mappingsOf(pid) {
  const mappings = [];
  for (const line of readFileSync(`/proc/${pid}/smaps`, 'utf8').split('\n')) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) ([r-])([w-])([x-])([sp]) \S+ \S+ \d+\s*(.*)$/.exec(line);
    if (head) {
      const [, start, end, r, w, x, shared, path] = head;
      mappings.push({
        start: parseInt(start, 16),
        end: parseInt(end, 16),
        prot: (r === 'r' ? 1 : 0) | (w === 'w' ? 2 : 0) | (x === 'x' ? 4 : 0),
        shared: shared === 's',
        path: path.startsWith('/') ? path : '',
        special: /^\[v/.test(path),
        anonymous: false,
      });
    } else if (/^Anonymous:\s+[1-9]/.test(line)) {
      mappings.at(-1).anonymous = true;
    }
  }
  return mappings.filter((mapping) => !mapping.shared && !mapping.special);
}

function privatePages(mapping, pagemap) {
  const addresses = [];
  const chunk = Buffer.alloc(1 << 20);
  for (let at = mapping.start; at < mapping.end;) {
    const wanted = Math.min(chunk.length, ((mapping.end - at) / PAGE) * 8);
    const got = readSync(pagemap, chunk, 0, wanted, (at / PAGE) * 8);
    if (got <= 0) break;
    for (let offset = 0; offset < got; offset += 8, at += PAGE) {
      const entry = chunk.readBigUInt64LE(offset);
      if (entry & PRESENT && !(entry & OF_FILE)) addresses.push(at);
    }
  }
  return addresses;
}
