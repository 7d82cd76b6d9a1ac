// SPDX-License-Identifier: Apache-2.0
import type { RestartOptions } from './ckpt-options.js';
import type { TaskRestartOptions } from './restore/task-restart.js';

/** What a caller of the library said about a restart, with the defaults for the rest. */
export function restartOptions(options: RestartOptions): TaskRestartOptions {
  return {
    detach: options.detach ?? false,
    samePid: options.samePid ?? false,
    ignoreCpu: options.ignoreCpu ?? false,
    ...(options.via ? { via: options.via } : {}),
    ...(options.onWarning ? { onWarning: options.onWarning } : {}),
    ...(options.onPager ? { onPager: options.onPager } : {}),
  };
}
