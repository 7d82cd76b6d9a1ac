// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';

/** Private memory of a process in bytes, about what its image will take; undefined when it cannot be told. */
export function residentBytes(pid: number): number | undefined {
  try {
    const match = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${String(pid)}/status`, 'latin1'));
    return match ? Number(match[1]) * 1024 : undefined;
  } catch {
    return undefined; // the checkpoint itself will say why
  }
}
