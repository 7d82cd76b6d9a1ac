// SPDX-License-Identifier: Apache-2.0
//
// Page hashes straight from the pack files, for code that cannot wait for a promise. A few directories are kept: 64 KiB each.
import { closeSync, openSync, readSync } from 'node:fs';
import { packPath } from '../../codec/native.js';
import {
  decodePackHeader,
  HASH_BYTES,
  PACK_HEADER_BYTES,
  PACK_PAGES_MAX,
  PACK_VERSION,
} from '../../format/generated/store.js';
import { StoreError, storeError } from '../errors.js';

const KEPT_DIRECTORIES = 256;

export class PackDirectories {
  /** Least recently used first. */
  private readonly kept = new Map<string, Buffer>();

  constructor(private readonly packsDir: string) {}

  /** Hex hash of the page in a slot. StoreError when the pack cannot be read or has no such slot. */
  hash(pack: string, slot: number): string {
    return this.directory(pack, slot).toString('hex', slot * HASH_BYTES, (slot + 1) * HASH_BYTES);
  }

  /** Hashes of consecutive slots, 32 bytes each. StoreError likewise. */
  hashes(pack: string, slot: number, count: number): Buffer {
    return this.directory(pack, slot + count - 1).subarray(slot * HASH_BYTES, (slot + count) * HASH_BYTES);
  }

  private directory(pack: string, slot: number): Buffer {
    let directory = this.kept.get(pack);
    if (directory) this.kept.delete(pack);
    else directory = this.read(pack);
    this.kept.set(pack, directory);
    if (this.kept.size > KEPT_DIRECTORIES) this.kept.delete(this.kept.keys().next().value ?? '');
    if ((slot + 1) * HASH_BYTES > directory.length) this.refuse(pack, `has no slot ${slot}`);
    return directory;
  }

  private read(pack: string): Buffer {
    const path = packPath(this.packsDir, pack);
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (cause) {
      throw storeError('open pack', path, cause);
    }
    try {
      const header = Buffer.alloc(PACK_HEADER_BYTES);
      if (readSync(fd, header, 0, header.length, 0) < header.length) this.refuse(pack, 'is cut off');
      const { magic, version, pages } = decodePackHeader(header);
      if (magic !== 'ckptpack') this.refuse(pack, 'is no pack');
      if (version !== PACK_VERSION) this.refuse(pack, `has version ${version}`);
      if (pages < 1 || pages > PACK_PAGES_MAX) this.refuse(pack, `claims ${pages} pages`);
      const directory = Buffer.alloc(pages * HASH_BYTES);
      if (readSync(fd, directory, 0, directory.length, PACK_HEADER_BYTES) < directory.length)
        this.refuse(pack, 'is cut off');
      return directory;
    } finally {
      closeSync(fd);
    }
  }

  private refuse(pack: string, problem: string): never {
    throw new StoreError({
      reason: 'damaged',
      operation: 'read pack',
      place: packPath(this.packsDir, pack),
      problem,
      hint: 'ckpt verify names the checkpoints that it touches',
    });
  }
}
