// SPDX-License-Identifier: Apache-2.0
//
// Directories of packs that are being brought, and who brings them. Each goes with its task; what a bringer left behind that was killed, or
// a machine that went down, goes with the next restart.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WriterIdentity } from '../format/events.js';
import { currentWriter, isGone } from '../machine/identity.js';

const PREFIX = 'packs-';
const OWNER = 'owner';

/** A new one of this process, private, in a directory that is there. */
export function makeBorrowedDir(parent: string): string {
  for (const name of readdirSync(parent)) {
    if (name.startsWith(PREFIX) && isAbandoned(join(parent, name))) rmSync(join(parent, name), { recursive: true });
  }
  const dir = mkdtempSync(join(parent, PREFIX));
  ownBorrowedDir(dir);
  return dir;
}

/** It is this process's from now on. */
export function ownBorrowedDir(dir: string): void {
  writeFileSync(join(dir, OWNER), JSON.stringify(currentWriter()), { mode: 0o600 });
}

function isAbandoned(dir: string): boolean {
  try {
    return isGone(JSON.parse(readFileSync(join(dir, OWNER), 'utf8')) as WriterIdentity);
  } catch {
    return false; // it is being made, or taken away
  }
}
