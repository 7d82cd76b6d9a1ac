// SPDX-License-Identifier: Apache-2.0
//
// Packs of the embedded log: one immutable file each, packs/XX/ID.pack, and a row in log.db's table `pack`.
//
// A pack is put in this order: bytes into packs/tmp/, fsync, rename to its name, fsync of the directories, row. So a row
// always has its file; a file without a row is what a crash left, and the same pack put again completes it. Several packs
// of one put are written and synced at once, and registered in one transaction.
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readSync, renameSync, rmdirSync, rmSync } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Statement } from 'better-sqlite3';
import { packPath } from '../../codec/native.js';
import { decodePackHeader, PACK_HEADER_BYTES } from '../../format/generated/store.js';
import { makeDirectory, syncDirectory } from '../directories.js';
import { errorCode, guarded, StoreError, storeError } from '../errors.js';
import type { NewPack, PackBatch, PackInfo, PackStore } from '../log.js';
import { bootId, currentWriter, pidNamespace, processStartTicks } from '../machine.js';
import type { Db } from '../sqlite.js';

/** Rows of a batch of read(). */
const BATCH_PACKS = 1000;
/** Packs looked up at once. */
const STAT_CONCURRENCY = 64;
/** Times that a folder is made again before a file goes into it. */
const RENAME_ATTEMPTS = 10;

interface PackRow {
  readonly position: number;
  readonly id: string;
  readonly pages: number;
  readonly raw_bytes: number;
  readonly stored_bytes: number;
  readonly stream: string;
}

export class EmbeddedPacks implements PackStore {
  readonly dir: string;
  private readonly insert: Statement<[string, number, number, number, string]>;
  private readonly select: Statement<[number, number], PackRow>;
  private readonly last: Statement<[], number>;

  constructor(
    private readonly db: Db,
    private readonly place: string,
    storeDir: string,
  ) {
    this.dir = `${storeDir}/packs`;
    this.insert = db.prepare(
      'INSERT INTO pack (id, pages, raw_bytes, stored_bytes, stream) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING',
    );
    this.select = db.prepare('SELECT * FROM pack WHERE position >= ? ORDER BY position LIMIT ?');
    this.last = db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'pack'").pluck() as Statement<[], number>;
  }

  async put(packs: readonly NewPack[]): Promise<void> {
    await this.writeFiles(packs);
    guarded('register packs', this.place, () => this.register(packs));
  }

  /** The files, durable, but not yet listed. */
  async writeFiles(packs: readonly NewPack[]): Promise<void> {
    if (packs.length === 0) return;
    makeDirectory(this.temporaryDir);
    const settled = await Promise.allSettled(packs.map((pack) => this.writeFile(pack)));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const folders = new Set(packs.map((pack) => dirname(packPath(this.dir, pack.id))));
    // packs/ itself too: one of the folders may be new in it.
    await Promise.all([this.dir, ...folders].map((folder) => syncDirectory(folder)));
  }

  /** Lists packs whose files are written. */
  register(packs: readonly PackInfo[]): void {
    this.db
      .transaction(() => {
        for (const pack of packs) this.insert.run(pack.id, pack.pages, pack.rawBytes, pack.storedBytes, pack.stream);
      })
      .immediate();
  }

  async *read(from: number): AsyncGenerator<PackBatch> {
    const end = guarded('read packs', this.place, () => (this.last.get() ?? 0) + 1);
    for (let next = from; next < end;) {
      const rows = guarded('read packs', this.place, () => this.select.all(next, BATCH_PACKS));
      next =
        rows.length < BATCH_PACKS ? Math.max(end, (rows.at(-1)?.position ?? 0) + 1) : (rows.at(-1)?.position ?? 0) + 1;
      yield { packs: rows.map(packInfo), next };
    }
  }

  async ensureLocal(ids: readonly string[]): Promise<void> {
    const missing = await this.missing(ids);
    if (missing.length === 0) return;
    throw new StoreError({
      reason: 'damaged',
      operation: 'open packs',
      place: this.dir,
      problem: `${missing.length === 1 ? 'a pack is' : `${missing.length} packs are`} missing: ${missing.sort().join(' ')}`,
      hint: 'ckpt verify names the checkpoints that they touch',
    });
  }

  /** Those whose file is not there. */
  async missing(ids: readonly string[]): Promise<string[]> {
    const missing: string[] = [];
    for (let at = 0; at < ids.length; at += STAT_CONCURRENCY) {
      await Promise.all(
        ids.slice(at, at + STAT_CONCURRENCY).map(async (id) => {
          if ((await fileBytes(packPath(this.dir, id))) === null) missing.push(id);
        }),
      );
    }
    return missing;
  }

  async remove(ids: readonly string[]): Promise<void> {
    const unlist = this.db.prepare('DELETE FROM pack WHERE id = ?');
    guarded('remove packs', this.place, () =>
      this.db.transaction(() => ids.forEach((id) => unlist.run(id))).immediate(),
    );
    for (const id of ids) await this.removeFile(packPath(this.dir, id));
  }

  async sweep(mayGo: (id: string, stream: string | null) => boolean): Promise<number> {
    const listed = this.db.prepare('SELECT 1 FROM pack WHERE id = ?').pluck();
    let removed = 0;
    for (const folder of this.folders()) {
      for (const name of readdirSync(folder)) {
        const id = /^([0-9a-f]{64})\.pack$/.exec(name)?.[1];
        if (id === undefined || listed.get(id) !== undefined || !mayGo(id, streamOf(`${folder}/${name}`))) continue;
        await this.removeFile(`${folder}/${name}`);
        removed++;
      }
      removeEmpty(folder);
    }
    return removed;
  }

  private folders(): string[] {
    try {
      return readdirSync(this.dir)
        .filter((name) => /^[0-9a-f]{2}$/.test(name))
        .map((name) => `${this.dir}/${name}`);
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return [];
      throw storeError('list packs', this.dir, cause);
    }
  }

  private async removeFile(path: string): Promise<void> {
    try {
      await rm(path, { force: true });
    } catch (cause) {
      throw storeError('remove pack', path, cause);
    }
  }

  /** Removes what writers that have died left in packs/tmp/. Those that live keep theirs. */
  removeLeftovers(): void {
    let names: string[];
    try {
      names = readdirSync(this.temporaryDir);
    } catch {
      return;
    }
    for (const name of names) if (isLeftover(name)) rmSync(`${this.temporaryDir}/${name}`, { force: true });
  }

  private get temporaryDir(): string {
    return `${this.dir}/tmp`;
  }

  private async writeFile(pack: NewPack): Promise<void> {
    const path = packPath(this.dir, pack.id);
    // Of another length it can only be what a file system lost in a crash: written again, over it.
    if ((await fileBytes(path)) === pack.bytes.length) return;
    const temporary = `${this.temporaryDir}/${temporaryName()}`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(pack.bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      renameInto(temporary, path);
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw storeError('write pack', path, cause);
    }
  }
}

/** A collector may remove an empty folder at any moment, also one that was made just now: both steps at once, and again where it did. */
function renameInto(temporary: string, path: string): void {
  for (let attempt = 0; ; attempt++) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      renameSync(temporary, path);
      return;
    } catch (cause) {
      if (errorCode(cause) !== 'ENOENT' || attempt === RENAME_ATTEMPTS) throw cause;
    }
  }
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (cause) {
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(cause))) throw storeError('remove', folder, cause);
  }
}

/** The checkpoint whose stream wrote a pack file, by its header. */
function streamOf(path: string): string | null {
  const header = Buffer.alloc(PACK_HEADER_BYTES);
  try {
    const fd = openSync(path, 'r');
    try {
      if (readSync(fd, header, 0, header.length, 0) < header.length) return null;
    } finally {
      closeSync(fd);
    }
  } catch {
    return null;
  }
  const { magic, stream } = decodePackHeader(header);
  return magic === 'ckptpack' ? stream.replace(/\0+$/, '') : null;
}

function packInfo(row: PackRow): PackInfo {
  return { id: row.id, pages: row.pages, rawBytes: row.raw_bytes, storedBytes: row.stored_bytes, stream: row.stream };
}

/** Bytes of a file; null when it is not there. */
async function fileBytes(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    throw storeError('open pack', path, cause);
  }
}

let scope: { readonly host: string; readonly boot: string; readonly namespace: string } | undefined;

/** Where a pid means something: short digests of host, boot and pid namespace. */
function pidScope(): NonNullable<typeof scope> {
  scope ??= { host: short(currentWriter().host), boot: short(bootId()), namespace: short(pidNamespace()) };
  return scope;
}

function short(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}

let temporaries = 0;

/** HOST-BOOT-NAMESPACE-PID-START-COUNT: says whose it is. */
export function temporaryName(): string {
  const { host, boot, namespace } = pidScope();
  return [host, boot, namespace, process.pid, currentWriter().startTicks, ++temporaries].join('-');
}

/** Files of another host, or of a pid namespace that this process cannot look into, are left to those who can judge them. */
function isLeftover(name: string): boolean {
  const [host, boot, namespace, pid, startTicks] = name.split('-');
  const here = pidScope();
  if (host !== here.host) return false;
  if (boot !== here.boot) return true;
  return namespace === here.namespace && processStartTicks(Number(pid)) !== Number(startTicks);
}
