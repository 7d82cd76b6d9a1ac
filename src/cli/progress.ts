// SPDX-License-Identifier: Apache-2.0
import { humanBytes } from './text.js';

const WIDTH = 24;
const QUIET_MS = 400;

/**
 * A progress bar on standard error, only when that is a terminal and only once the work has taken a moment. With an unknown
 * total it shows bytes and rate alone.
 */
export class Progress {
  readonly #started = performance.now();
  readonly #shown: boolean;
  #drawn = false;

  constructor(
    readonly label: string,
    readonly totalBytes: number | undefined,
    quiet: boolean,
  ) {
    this.#shown = !quiet && process.stderr.isTTY;
  }

  update(bytes: number): void {
    const elapsedMs = performance.now() - this.#started;
    if (!this.#shown || elapsedMs < QUIET_MS) return;
    const rate = `${humanBytes((bytes / elapsedMs) * 1000)}/s`;
    let text = `${this.label} ${humanBytes(bytes)} ${rate}`;
    if (this.totalBytes) {
      const share = Math.min(1, bytes / this.totalBytes);
      const bar = '#'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '.');
      text = `${this.label} [${bar}] ${(share * 100).toFixed(0).padStart(3)} % ${humanBytes(bytes)} ${rate}`;
    }
    this.#drawn = true;
    process.stderr.write(`\r\x1b[K${text}`);
  }

  /** Wipes the bar, so that what is said next starts on a clean line. */
  done(): void {
    if (this.#drawn) process.stderr.write('\r\x1b[K');
    this.#drawn = false;
  }
}
