// SPDX-License-Identifier: Apache-2.0
import type { RestartOptions } from './ckpt-options.js';
import type { Restored } from './format/events.js';
import type { TaskRestartOptions } from './restore/task-restart.js';

/** What a restart's caller may leave out, as the restarter wants it. */
export function restartOptions(options: RestartOptions): TaskRestartOptions {
  return {
    detach: options.detach ?? false,
    samePid: options.samePid ?? false,
    ignoreCpu: options.ignoreCpu ?? false,
    ...(options.via ? { via: options.via } : {}),
    newPid: options.newPid ?? false,
    stopped: options.stopped ?? false,
    ...(options.onWarning ? { onWarning: options.onWarning } : {}),
    ...(options.onPager ? { onPager: options.onPager } : {}),
  };
}

/** A restore's number and who asked for it, the same in all its events. */
export type RestoreName = Pick<Restored, 'restoreId' | 'by'>;
