// SPDX-License-Identifier: Apache-2.0
//
// Retention: which checkpoints of a series a policy keeps. A series is what has the same name, or, without a name, what was saved of the
// same process. In each, the newest is kept of each of the last so many hours, days, ... that have one (UTC, by the time of the
// checkpoint: no clock of this machine is asked), and the last so many of all. Tags protect.
import type { CheckpointRow } from './store/index.js';

export const prunePeriods = ['hourly', 'daily', 'weekly', 'monthly', 'yearly'] as const;
export type PrunePeriod = (typeof prunePeriods)[number];

/** How many to keep of each kind in each series. */
export type PrunePolicy = Readonly<Partial<Record<PrunePeriod | 'last', number>>>;

export interface PruneFilter {
  /** Only the series with this name. */
  readonly name?: string;
}

export interface PrunedCheckpoint {
  readonly id: string;
  readonly name: string | null;
  readonly series: string;
  readonly created_at: string | null;
  /** Why it is kept: `last`, `hourly 2026-11-23T18`, `tag v1`; none when it goes. */
  readonly reasons: readonly string[];
}

/** Oldest first. */
export function planPrune(
  rows: readonly CheckpointRow[],
  tags: ReadonlyMap<string, readonly string[]>,
  policy: PrunePolicy,
  filter: PruneFilter,
): { keep: PrunedCheckpoint[]; remove: PrunedCheckpoint[] } {
  const series = new Map<string, CheckpointRow[]>();
  for (const row of rows) {
    if (filter.name !== undefined && row.name !== filter.name) continue;
    const key = seriesOf(row);
    series.set(key, [...(series.get(key) ?? []), row]);
  }
  const plan: { keep: PrunedCheckpoint[]; remove: PrunedCheckpoint[] } = { keep: [], remove: [] };
  for (const [key, members] of series) {
    const reasons = keptBy(members, policy);
    for (const row of members) {
      const own = [...(reasons.get(row.id) ?? []), ...(tags.get(row.id) ?? []).map((tag) => `tag ${tag}`)];
      const { id, name, created_at } = row;
      (own.length > 0 ? plan.keep : plan.remove).push({ id, name, series: key, created_at, reasons: own });
    }
  }
  const byId = (a: PrunedCheckpoint, b: PrunedCheckpoint): number => (a.id < b.id ? -1 : 1);
  return { keep: plan.keep.sort(byId), remove: plan.remove.sort(byId) };
}

function seriesOf(row: CheckpointRow): string {
  return row.name === null ? `process ${row.process ?? row.id}` : `name ${row.name}`;
}

function keptBy(members: readonly CheckpointRow[], policy: PrunePolicy): Map<string, string[]> {
  const reasons = new Map<string, string[]>();
  const keep = (row: CheckpointRow, why: string): void =>
    void reasons.set(row.id, [...(reasons.get(row.id) ?? []), why]);
  // By time, and by id where that is the same: ids ascend too.
  const newestFirst = [...members].sort((a, b) => (timeOf(b) + b.id < timeOf(a) + a.id ? -1 : 1));
  for (const row of newestFirst.slice(0, policy.last ?? 0)) keep(row, 'last');
  for (const period of prunePeriods) {
    const seen = new Set<string>();
    for (const row of newestFirst) {
      const bucket = bucketOf(period, timeOf(row));
      if (seen.has(bucket)) continue;
      if (seen.size === (policy[period] ?? 0)) break;
      seen.add(bucket);
      keep(row, `${period} ${bucket}`);
    }
  }
  return reasons;
}

function timeOf(row: CheckpointRow): string {
  return row.created_at ?? '';
}

const DAY_MS = 86_400_000;

/** `at` is ISO 8601, UTC. */
function bucketOf(period: PrunePeriod, at: string): string {
  switch (period) {
    case 'hourly':
      return at.slice(0, 13);
    case 'daily':
      return at.slice(0, 10);
    case 'weekly':
      return weekOf(at);
    case 'monthly':
      return at.slice(0, 7);
    case 'yearly':
      return at.slice(0, 4);
  }
}

/** The Monday that its week begins with. */
function weekOf(at: string): string {
  const day = Date.parse(`${at.slice(0, 10)}T00:00:00Z`);
  if (Number.isNaN(day)) return '';
  const sinceMonday = (new Date(day).getUTCDay() + 6) % 7;
  return new Date(day - sinceMonday * DAY_MS).toISOString().slice(0, 10);
}
