// SPDX-License-Identifier: Apache-2.0
//
// Leases: who reads in a store, so that collecting waits for them. A lease is a file DIR/leases/NAME.lease, locked (flock) by whoever holds
// it, and so gone with its process, however that ends; it says where the log's end was when it was taken. What was condemned,
// moved or deleted in the log behind that is left in place until the lease is gone.
//
// The order matters: the lease first, then the catalog brought to the log's end, then the look whether a checkpoint is there. A
// collector that did not see the lease had appended its events before, so whoever holds the lease sees them.
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Codec } from '../../codec/native.js';
import { temporaryName } from '../embedded/pack-folder.js';
import { errorCode, StoreError, storeError } from '../errors.js';
import type { LogPosition } from '../log.js';

const SUFFIX = '.lease';
/** A collector may take a file for a dead one's between its making and its locking; then another is made. */
const ATTEMPTS = 100;

export interface Lease {
  /** The locked descriptor: a process that inherits it holds the lease too. */
  readonly fd: number;
  release(): void;
}

export interface HeldLease {
  readonly position: LogPosition;
  /** Who and what for, in words. */
  readonly what: string;
}

export class Leases {
  private readonly dir: string;

  constructor(
    storeDir: string,
    private readonly locks: Pick<Codec, 'lockFile'>,
  ) {
    this.dir = `${storeDir}/leases`;
  }

  /** Takes a lease; `position` is the log's end. StoreError. */
  take(what: string, position: LogPosition): Lease {
    const words = `${what} (process ${process.pid})`;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const made = this.make(JSON.stringify({ what: words, position } satisfies HeldLease));
      if (made === null) continue;
      let held = true;
      return {
        fd: made.fd,
        release: () => {
          if (!held) return;
          held = false;
          rmSync(made.path, { force: true });
          closeSync(made.fd);
        },
      };
    }
    throw this.busy('take a lease', 'others keep removing it');
  }

  /** Leases that are held; what the dead have left is removed. */
  held(): HeldLease[] {
    const leases: HeldLease[] = [];
    for (const name of this.names()) {
      const path = `${this.dir}/${name}`;
      const text = this.unlessFree(path, () => readFileSync(path, 'utf8'));
      if (text !== null && name.endsWith(SUFFIX)) leases.push(JSON.parse(text) as HeldLease);
    }
    return leases;
  }

  /** One at a time: who collects, rewrites or repairs. StoreError `busy` when somebody does. */
  takeTurn(): Lease {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    const fd = openSync(`${this.dir}/turn`, 'a', 0o600);
    if (!this.locks.lockFile(fd)) {
      closeSync(fd);
      throw this.busy('collect', 'another process is collecting or repairing it');
    }
    return { fd, release: () => closeSync(fd) };
  }

  /** Null: try again. */
  private make(text: string): { fd: number; path: string } | null {
    const name = temporaryName();
    let fd: number | null = null;
    try {
      mkdirSync(this.dir, { recursive: true, mode: 0o700 });
      fd = openSync(`${this.dir}/${name}.new`, 'wx', 0o600);
      if (this.locks.lockFile(fd)) {
        writeSync(fd, text);
        // Only now do others read it.
        const path = `${this.dir}/${name}${SUFFIX}`;
        renameSync(`${this.dir}/${name}.new`, path);
        return { fd, path };
      }
    } catch (cause) {
      if (errorCode(cause) !== 'ENOENT') throw storeError('take a lease', this.dir, cause);
    }
    if (fd !== null) closeSync(fd);
    return null;
  }

  /** What `read` says of a file that somebody holds. One that nobody holds is removed. */
  private unlessFree(path: string, read: () => string): string | null {
    let fd: number;
    try {
      fd = openSync(path, 'r');
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return null;
      throw storeError('open lease', path, cause);
    }
    try {
      if (!this.locks.lockFile(fd)) return read();
      rmSync(path, { force: true });
      return null;
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return null;
      throw storeError('read lease', path, cause);
    } finally {
      closeSync(fd);
    }
  }

  private names(): string[] {
    try {
      return readdirSync(this.dir).filter((name) => name.endsWith(SUFFIX) || name.endsWith('.new'));
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return [];
      throw storeError('list leases', this.dir, cause);
    }
  }

  private busy(operation: string, problem: string): StoreError {
    return new StoreError({ reason: 'busy', operation, place: this.dir, problem, hint: 'try again' });
  }
}
