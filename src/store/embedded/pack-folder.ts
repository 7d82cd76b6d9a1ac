// SPDX-License-Identifier: Apache-2.0
//
// Files named by pack ids in a folder: DIR/XX/ID.pack. A file is made in DIR/tmp/, synced, given its name, and its directories
// are synced: what has its name is whole and durable.
import { createHash } from 'node:crypto';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { packPath } from '../../codec/native.js';
import { decodePackHeader, PACK_HEADER_BYTES } from '../../format/generated/store.js';
import { makeDirectory, syncDirectory } from '../directories.js';
import { errorCode, StoreError, storeError } from '../errors.js';
import { bootId, currentWriter, pidNamespace, processStartTicks } from '../../machine/identity.js';

/** Packs looked up at once. */
const STAT_CONCURRENCY = 64;
/** Times that a folder is made again before a file goes into it. */
const NAME_ATTEMPTS = 10;

export interface NamedBytes {
  readonly id: string;
  readonly bytes: Buffer;
}

export class PackFolder {
  constructor(readonly dir: string) {}

  /** Writes those that are not there yet; durable when it resolves. StoreError. */
  async write(packs: readonly NamedBytes[]): Promise<void> {
    if (packs.length === 0) return;
    makeDirectory(this.temporaryDir);
    const settled = await Promise.allSettled(packs.map((pack) => this.writeFile(pack)));
    const failed = settled.find((result) => result.status === 'rejected');
    if (failed) throw failed.reason;
    const folders = new Set(packs.map((pack) => dirname(packPath(this.dir, pack.id))));
    // The folder itself too: one of those below may be new in it.
    await Promise.all([this.dir, ...folders].map((folder) => syncDirectory(folder)));
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

  /** What is said of packs that cannot be had. */
  missingError(ids: readonly string[]): StoreError {
    return new StoreError({
      reason: 'damaged',
      operation: 'open packs',
      place: this.dir,
      problem: `${ids.length === 1 ? 'a pack is' : `${ids.length} packs are`} missing: ${[...ids].sort().join(' ')}`,
      hint: 'ckpt verify names the checkpoints that they touch',
    });
  }

  /** Those that are not there are passed over. StoreError. */
  async remove(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const path = packPath(this.dir, id);
      try {
        await rm(path, { force: true });
      } catch (cause) {
        throw storeError('remove pack', path, cause);
      }
    }
  }

  /** Removes files that may go, and empty folders; returns how many went. `stream` is the checkpoint whose stream wrote it, if it says so. */
  async sweep(mayGo: (id: string, stream: () => string | null) => boolean): Promise<number> {
    let removed = 0;
    for (const folder of this.folders()) {
      for (const id of idsIn(folder)) {
        if (!mayGo(id, () => streamOf(packPath(this.dir, id)))) continue;
        await this.remove([id]);
        removed++;
      }
      removeEmpty(folder);
    }
    return removed;
  }

  /** Ids that have a file. StoreError. */
  ids(): string[] {
    return this.folders().flatMap(idsIn);
  }

  /** Removes what writers that have died left in tmp/. Those that live keep theirs. */
  removeLeftovers(): void {
    let names: string[];
    try {
      names = readdirSync(this.temporaryDir);
    } catch {
      return;
    }
    for (const name of names) if (isLeftover(name)) rmSync(`${this.temporaryDir}/${name}`, { force: true });
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

  private get temporaryDir(): string {
    return `${this.dir}/tmp`;
  }

  private async writeFile({ id, bytes }: NamedBytes): Promise<void> {
    const path = packPath(this.dir, id);
    // Of another length it can only be what a file system lost in a crash: written again, over it.
    const found = await fileBytes(path);
    if (found === bytes.length) return;
    const temporary = `${this.temporaryDir}/${temporaryName()}`;
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      nameIt(temporary, path, found !== null);
    } catch (cause) {
      await rm(temporary, { force: true }).catch(() => undefined);
      throw storeError('write pack', path, cause);
    }
  }
}

function idsIn(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => /^([0-9a-f]{64})\.pack$/.exec(name)?.[1] ?? []);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return [];
    throw storeError('list packs', folder, cause);
  }
}

/**
 * A collector may remove an empty folder at any moment, also one that was made just now: both steps at once, and again where it did.
 * A file that another process has named meanwhile is left: somebody may hold it.
 */
function nameIt(temporary: string, path: string, replace: boolean): void {
  for (let attempt = 0; ; attempt++) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      if (replace || !linked(temporary, path)) renameSync(temporary, path);
      return;
    } catch (cause) {
      if (errorCode(cause) !== 'ENOENT' || attempt === NAME_ATTEMPTS) throw cause;
    }
  }
}

/** False: the file system has no links. */
function linked(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
  } catch (cause) {
    const code = errorCode(cause);
    if (['EPERM', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK'].includes(code)) return false;
    if (code !== 'EEXIST') throw cause;
  }
  rmSync(temporary);
  return true;
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
