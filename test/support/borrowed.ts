// SPDX-License-Identifier: Apache-2.0
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestStore } from './cli.js';
import { until } from './processes.js';

/** Names of the directories of packs that are being brought for lazy restarts out of a service; working sets stand beside them. */
export function borrowedDirs(here: TestStore): string[] {
  const cache = join(here.dir, 'ckpt');
  return existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith('packs-')) : [];
}

export function nothingBorrowed(here: TestStore): Promise<void> {
  return until('the end of whoever brought the packs', () => borrowedDirs(here).length === 0);
}
