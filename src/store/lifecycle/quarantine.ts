// SPDX-License-Identifier: Apache-2.0
//
// Damaged pack files, moved aside to DIR/quarantine/ID.pack: nobody chooses their pages any more, and what is still sound in them can be
// taken out. This is a matter of one machine's files; the log knows nothing of it until pages have a new place.
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { packPath } from '../../codec/native.js';
import { makeDirectory, syncDirectoryNow } from '../directories.js';
import { temporaryName } from '../embedded/pack-folder.js';
import { errorCode, storeError } from '../errors.js';

export class Quarantine {
  private readonly dir: string;

  constructor(
    storeDir: string,
    private readonly packsDir: string,
  ) {
    this.dir = `${storeDir}/quarantine`;
  }

  ids(): string[] {
    try {
      return readdirSync(this.dir).flatMap((name) => /^([0-9a-f]{64})\.pack$/.exec(name)?.[1] ?? []);
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return [];
      throw storeError('list', this.dir, cause);
    }
  }

  /** Moves a pack's file aside, if there is one. */
  put(id: string): void {
    makeDirectory(this.dir);
    try {
      renameSync(packPath(this.packsDir, id), this.path(id));
      syncDirectoryNow(this.dir);
    } catch (cause) {
      if (errorCode(cause) !== 'ENOENT') throw storeError('quarantine', packPath(this.packsDir, id), cause);
    }
  }

  has(id: string): boolean {
    return existsSync(this.path(id));
  }

  read(id: string): Buffer {
    try {
      return readFileSync(this.path(id));
    } catch (cause) {
      throw storeError('read', this.path(id), cause);
    }
  }

  /** Other bytes in the place of a file, at once or not at all. */
  replace(id: string, bytes: Buffer): void {
    if (this.read(id).equals(bytes)) return;
    const temporary = `${this.dir}/${temporaryName()}.new`;
    try {
      const fd = openSync(temporary, 'wx', 0o600);
      try {
        writeFileSync(fd, bytes);
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, this.path(id));
      syncDirectoryNow(this.dir);
    } catch (cause) {
      rmSync(temporary, { force: true });
      throw storeError('mend', this.path(id), cause);
    }
  }

  path(id: string): string {
    return `${this.dir}/${id}.pack`;
  }

  drop(id: string): void {
    rmSync(this.path(id), { force: true });
  }
}
