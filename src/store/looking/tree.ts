// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints as the lives of processes: each process with its checkpoints in order, and below a checkpoint the processes that
// were restarted from it and checkpointed again. That one continues another is found by host, pid and time of the restart.
import { guarded } from '../errors.js';
import type { CheckpointRow, RestoreEntry } from '../catalog/queries.js';
import type { Db } from '../sqlite.js';

export interface ProcessSeries {
  /** Host, boot, pid and start; null where the image does not say. */
  readonly process: string | null;
  readonly host: string | null;
  readonly pid: number | null;
  readonly comm: string | null;
  /** The restart that it came from, when that is known. */
  readonly restored: RestoreEntry | null;
  /** Oldest first. */
  readonly checkpoints: readonly TreeCheckpoint[];
}

export interface TreeCheckpoint {
  readonly row: CheckpointRow;
  /** Restarts of it that no checkpoint of this store continues. */
  readonly restores: readonly RestoreEntry[];
  readonly restarted: readonly ProcessSeries[];
}

/** Series of the sealed checkpoints; roots by their first checkpoint. */
export function seriesOf(db: Db, place: string): ProcessSeries[] {
  const { rows, restores } = guarded('query', place, () => ({
    rows: db.prepare<[], CheckpointRow>("SELECT * FROM checkpoint WHERE state = 'sealed' ORDER BY id").all(),
    restores: db.prepare<[], RestoreEntry>('SELECT * FROM restore ORDER BY at, restore_id').all(),
  }));
  const processes = new Map<string, CheckpointRow[]>();
  for (const row of rows) {
    const key = row.process ?? row.id;
    const found = processes.get(key);
    if (found) found.push(row);
    else processes.set(key, [row]);
  }
  const byId = new Set(rows.map(({ id }) => id));
  const origins = new Map<string, RestoreEntry>();
  for (const [key, [first]] of processes) {
    const origin =
      first &&
      originOf(
        first,
        restores.filter(({ checkpoint_id }) => byId.has(checkpoint_id)),
      );
    if (origin) origins.set(key, origin);
  }
  const continued = new Set([...origins.values()].map(({ restore_id }) => restore_id));
  const build = (key: string, checkpoints: readonly CheckpointRow[]): ProcessSeries => {
    const [first] = checkpoints;
    return {
      process: first?.process ?? null,
      host: first?.host ?? null,
      pid: first?.pid ?? null,
      comm: first?.comm ?? null,
      restored: origins.get(key) ?? null,
      checkpoints: checkpoints.map((row) => ({
        row,
        restores: restores.filter((r) => r.checkpoint_id === row.id && !continued.has(r.restore_id)),
        restarted: [...processes]
          .filter(([other]) => origins.get(other)?.checkpoint_id === row.id)
          .map(([other, of]) => build(other, of)),
      })),
    };
  };
  return [...processes].filter(([key]) => !origins.has(key)).map(([key, checkpoints]) => build(key, checkpoints));
}

/** The newest restart before a checkpoint that gave a process of its host its pid. */
function originOf(first: CheckpointRow, restores: readonly RestoreEntry[]): RestoreEntry | undefined {
  return restores.findLast(
    ({ host, pid, at, checkpoint_id }) =>
      pid !== null &&
      pid === first.pid &&
      host === first.host &&
      at <= (first.created_at ?? '') &&
      checkpoint_id < first.id,
  );
}
