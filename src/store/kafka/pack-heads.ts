// SPDX-License-Identifier: Apache-2.0
//
// Heads of packs: heads/XX/ID.pack is the beginning of a pack, up to its first frame, so that dedup, queries and comparisons know the
// pages of packs that are not here. Made of whole packs whose digest was right.
import { readSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { packPath } from '../../codec/native.js';
import { PackFolder, type NamedBytes } from '../embedded/pack-folder.js';
import { headOf } from '../pack-head.js';

export class PackHeads {
  readonly folder: PackFolder;

  constructor(readonly dir: string) {
    this.folder = new PackFolder(dir);
  }

  /** StoreError. */
  write(packs: readonly NamedBytes[]): Promise<void> {
    return this.folder.write(packs.map(({ id, bytes }) => ({ id, bytes: headOf(bytes) })));
  }

  /** Whether an open pack file begins with its head. */
  async agrees(id: string, fd: number): Promise<boolean> {
    const head = await readFile(packPath(this.dir, id)).catch(() => null);
    if (!head || head.length === 0) return false;
    const beginning = Buffer.alloc(head.length);
    return readSync(fd, beginning, 0, beginning.length, 0) === head.length && beginning.equals(head);
  }
}
