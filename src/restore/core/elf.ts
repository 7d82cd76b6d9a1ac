// SPDX-License-Identifier: Apache-2.0
//
// Headers of an ELF core: ELF header, program headers, notes, padding up to a page; then the stored segments one after the other.
// From 65,535 program headers on their number stands in section header 0 (PN_XNUM), as the ELF specification has it.
import { PAGE_BYTES } from '../../format/generated/image.js';
import type { CoreSegment } from './layout.js';

const EHDR_BYTES = 64;
const PHDR_BYTES = 56;
const SHDR_BYTES = 64;
const PN_XNUM = 0xffff;
const PT_LOAD = 1;
const PT_NOTE = 4;

/** All bytes before the first segment. */
export function coreHeaders(segments: readonly CoreSegment[], notes: Buffer): Buffer {
  const count = segments.length + 1;
  const extended = count >= PN_XNUM;
  const notesAt = EHDR_BYTES + count * PHDR_BYTES + (extended ? SHDR_BYTES : 0);
  const dataAt = Math.ceil((notesAt + notes.length) / PAGE_BYTES) * PAGE_BYTES;
  const headers = Buffer.alloc(dataAt);
  writeElfHeader(headers, count, extended);
  writeProgramHeader(headers, EHDR_BYTES, {
    type: PT_NOTE,
    flags: 0,
    offset: notesAt,
    address: 0n,
    fileBytes: notes.length,
    memoryBytes: 0,
    align: 4,
  });
  let offset = dataAt;
  segments.forEach(({ firstPage, endPage, stored, flags }, index) => {
    const memoryBytes = (endPage - firstPage) * PAGE_BYTES;
    const fileBytes = stored ? memoryBytes : 0;
    const address = BigInt(firstPage) * BigInt(PAGE_BYTES);
    writeProgramHeader(headers, EHDR_BYTES + (index + 1) * PHDR_BYTES, {
      type: PT_LOAD,
      flags,
      offset,
      address,
      fileBytes,
      memoryBytes,
      align: PAGE_BYTES,
    });
    offset += fileBytes;
  });
  if (extended) headers.writeUInt32LE(count, EHDR_BYTES + count * PHDR_BYTES + 44);
  notes.copy(headers, notesAt);
  return headers;
}

function writeElfHeader(into: Buffer, count: number, extended: boolean): void {
  into.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1], 0); // ELF, 64 bits, little endian, version 1
  into.writeUInt16LE(4, 16); // ET_CORE
  into.writeUInt16LE(62, 18); // EM_X86_64
  into.writeUInt32LE(1, 20);
  into.writeBigUInt64LE(BigInt(EHDR_BYTES), 32);
  into.writeBigUInt64LE(extended ? BigInt(EHDR_BYTES + count * PHDR_BYTES) : 0n, 40);
  into.writeUInt16LE(EHDR_BYTES, 52);
  into.writeUInt16LE(PHDR_BYTES, 54);
  into.writeUInt16LE(extended ? PN_XNUM : count, 56);
  into.writeUInt16LE(extended ? SHDR_BYTES : 0, 58);
  into.writeUInt16LE(extended ? 1 : 0, 60);
}

interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly align: number;
}

function writeProgramHeader(into: Buffer, at: number, header: ProgramHeader): void {
  into.writeUInt32LE(header.type, at);
  into.writeUInt32LE(header.flags, at + 4);
  into.writeBigUInt64LE(BigInt(header.offset), at + 8);
  into.writeBigUInt64LE(header.address, at + 16);
  into.writeBigUInt64LE(BigInt(header.fileBytes), at + 32);
  into.writeBigUInt64LE(BigInt(header.memoryBytes), at + 40);
  into.writeBigUInt64LE(BigInt(header.align), at + 48);
}
