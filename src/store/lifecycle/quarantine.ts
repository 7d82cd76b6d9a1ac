// SPDX-License-Identifier: Apache-2.0
//
// Damaged pack files, moved aside to DIR/quarantine/ID.pack: nobody chooses their pages any more, and what is still sound in them can be
// taken out. This is a matter of one machine's files; the log knows nothing of it until pages have a new place.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { packPath } from '../../codec/native.js';
import { makeDirectory, syncDirectoryNow } from '../directories.js';
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

  path(id: string): string {
    return `${this.dir}/${id}.pack`;
  }

  drop(id: string): void {
    rmSync(this.path(id), { force: true });
  }
}
