// SPDX-License-Identifier: Apache-2.0
import type { CkptOptions } from './ckpt-options.js';
import { CkptError } from './format/errors.js';
import type { StoreOptions } from './store/index.js';

/** How the store opens a log that is not its own. Its driver is loaded only when it is asked for. CkptError `usage`. */
export async function logOf({
  log = 'embedded',
  access,
  pageHash,
}: CkptOptions): Promise<Pick<StoreOptions, 'openLog'>> {
  if (log === 'embedded') return {};
  if (!log.startsWith('kafka://')) {
    throw new CkptError(
      'usage',
      `log '${log}': there is no such log`,
      'embedded, or kafka://HOST:PORT[,HOST:PORT]/PREFIX',
    );
  }
  const { openKafkaLog } = await import('./store/kafka/kafka-log.js');
  const made = { create: access === 'create', ...(pageHash ? { pageHash } : {}) };
  return { openLog: (dir) => openKafkaLog({ dir, url: log, ...made }) };
}
