// SPDX-License-Identifier: Apache-2.0
import { CkptError } from '../format/errors.js';

const unitMs: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** The moment so long ago, or a date, as ISO 8601 in UTC. CkptError `usage` names the option. */
export function ageAgo(text: string, option: string, now = Date.now()): string {
  const age = /^(\d+(?:\.\d+)?)\s*([smhdw])$/.exec(text);
  const ms = age ? now - Number(age[1]) * (unitMs[age[2] ?? ''] ?? 0) : /^\d{4}-/.test(text) ? Date.parse(text) : NaN;
  const time = new Date(ms);
  if (!Number.isNaN(time.getTime())) return time.toISOString();
  throw new CkptError(
    'usage',
    `${option}: '${text}' is neither an age (90s, 15m, 12h, 7d, 2w) nor a date (2026-03-01)`,
  );
}

/** Time between two moments, as people say it: `12 s`, `3 min`, `5.2 h`, `8 days`. */
export function humanTime(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0)} s`;
  if (seconds < 7200) return `${(seconds / 60).toFixed(0)} min`;
  if (seconds < 48 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  return `${(seconds / 86_400).toFixed(0)} days`;
}
