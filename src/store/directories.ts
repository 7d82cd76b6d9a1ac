// SPDX-License-Identifier: Apache-2.0
//
// Directories of a store: private to their owner, and on the disk before anybody relies on a name in them.
import { closeSync, fsyncSync, mkdirSync, openSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { errorCode, storeError } from './errors.js';

/** Makes a directory and those above it that are missing, mode 0700. StoreError. */
export function makeDirectory(path: string): void {
  try {
    makeMissing(resolve(path));
  } catch (cause) {
    throw storeError('create', path, cause);
  }
}

/** Not mkdir's own `recursive`: where a file system allows no directories (/proc), Node 20 tries again for ever. */
function makeMissing(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const above = dirname(path);
  if (above !== path) makeMissing(above);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST' && statSync(path).isDirectory()) return; // another process was first
    throw cause;
  }
  syncSync(above);
}

/** A name is durable when its directory is. StoreError. */
export async function syncDirectory(path: string): Promise<void> {
  try {
    const directory = await open(path, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  } catch (cause) {
    throw storeError('sync', path, cause);
  }
}

/** The same for names that are made once in the life of a store. */
export function syncDirectoryNow(path: string): void {
  try {
    syncSync(path);
  } catch (cause) {
    throw storeError('sync', path, cause);
  }
}

function syncSync(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
