// SPDX-License-Identifier: Apache-2.0
//
// How much of the packs is on this machine where they are brought when they are needed: files under packs/, counted in the table
// `pack_local`, and taken away, the least recently used first, when they come to more than the budget.
//
// Who uses a file holds it locked (flock, shared); who makes room takes only what it can lock for itself, so nothing goes that any
// process of this machine uses, and a process that dies holds nothing. Only what stands in the topic goes.
// A row is there before its file: a crash leaves a row too many, which counts what is not there until it is its turn to go.
import { closeSync, fstatSync, openSync, statSync, unlinkSync } from 'node:fs';
import type { Statement } from 'better-sqlite3';
import { loadCodec, packPath } from '../../codec/native.js';
import { errorCode, guarded, storeError } from '../errors.js';
import type { LocalPacks } from '../log.js';
import type { Db } from '../sqlite.js';

interface Row {
  readonly id: string;
  readonly bytes: number;
}

export class PackBudget {
  private readonly count: Statement<[string, number]>;
  private readonly sum: Statement<[], LocalPacks>;
  /** Those that stand in the topic. */
  private readonly byUse: Statement<[], Row>;
  private readonly forget: Statement<[string]>;
  private readonly isCounted: Statement<[string], number>;

  constructor(
    private readonly db: Db,
    private readonly place: string,
    private readonly dir: string,
    readonly bytesMax: number,
  ) {
    this.count = db.prepare(`
      INSERT INTO pack_local (id, bytes, used) VALUES (?, ?, (SELECT coalesce(max(used), 0) + 1 FROM pack_local))
      ON CONFLICT DO UPDATE SET bytes = excluded.bytes, used = excluded.used`);
    this.sum = db.prepare('SELECT count(*) AS packs, coalesce(sum(bytes), 0) AS bytes FROM pack_local');
    this.byUse = db.prepare(
      'SELECT id, bytes FROM pack_local WHERE id IN (SELECT id FROM pack_place) ORDER BY used, id',
    );
    this.isCounted = db.prepare('SELECT 1 FROM pack_local WHERE id = ?').pluck() as Statement<[string], number>;
    this.forget = db.prepare('DELETE FROM pack_local WHERE id = ?');
  }

  local(): LocalPacks {
    return this.sum.get() ?? { packs: 0, bytes: 0 };
  }

  /** Counts packs that are used now, or about to be written, and makes room for them. StoreError. */
  use(packs: readonly Row[]): void {
    this.change(() => {
      for (const { id, bytes } of packs) this.count.run(id, bytes);
      this.makeRoom(new Set(packs.map(({ id }) => id)));
    });
  }

  /** After something that was in use is not any more. StoreError. */
  trim(): void {
    if (this.local().bytes > this.bytesMax) this.change(() => this.makeRoom(new Set()));
  }

  /** These have no file any more. */
  drop(ids: readonly string[]): void {
    this.change(() => ids.forEach((id) => this.forget.run(id)));
  }

  /** Counts files that were here before they were counted. StoreError. */
  adopt(ids: readonly string[]): void {
    this.change(() => {
      for (const id of ids) {
        if (this.isCounted.get(id) !== undefined) continue;
        const status = statSync(packPath(this.dir, id), { throwIfNoEntry: false });
        if (status) this.count.run(id, status.size);
      }
      this.makeRoom(new Set());
    });
  }

  /** Opens a pack's file so that it stays as long as the descriptor is open. Null: it is not there. StoreError. */
  hold(id: string): number | null {
    const path = packPath(this.dir, id);
    const fd = openIfThere(path);
    if (fd === null) return null;
    // Not to be locked, or without a name by now: it is just going.
    if (loadCodec().lockFile(fd, true) && fstatSync(fd).nlink > 0) return fd;
    closeSync(fd);
    return null;
  }

  /** Inside of a transaction, so that no two do it at once. */
  private makeRoom(keep: ReadonlySet<string>): void {
    let over = this.local().bytes - this.bytesMax;
    if (over <= 0) return;
    for (const { id, bytes } of this.byUse.all()) {
      if (over <= 0) return;
      if (keep.has(id) || !this.evict(id)) continue;
      this.forget.run(id);
      over -= bytes;
    }
  }

  /** False: somebody uses it. */
  private evict(id: string): boolean {
    const path = packPath(this.dir, id);
    const fd = openIfThere(path);
    if (fd === null) return true;
    try {
      if (!loadCodec().lockFile(fd)) return false;
      unlinkSync(path);
      return true;
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return true;
      throw storeError('remove pack', path, cause);
    } finally {
      closeSync(fd);
    }
  }

  private change(work: () => void): void {
    guarded('count packs', this.place, () => this.db.transaction(work).immediate());
  }
}

function openIfThere(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    throw storeError('open pack', path, cause);
  }
}
