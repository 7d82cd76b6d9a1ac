// SPDX-License-Identifier: Apache-2.0
import { constants } from 'node:os';
import { CkptError, type ErrorKind } from '../format/errors.js';

/** Exit codes of the contract; 130 is what shells show for Ctrl-C (128 + SIGINT). */
export const exitCodes: Readonly<Record<ErrorKind, number>> = {
  failed: 1,
  usage: 2,
  missing: 3,
  damaged: 4,
  unsupported: 5,
  cancelled: 130,
};

/** `restart` hands its task's exit status on; its own failures need a code that tasks rarely use (as env and timeout do). */
export const RESTART_FAILED = 125;

let stopSignal: NodeJS.Signals | undefined;

/** Remembers the signal that stopped the work: it decides the exit code, as it does in shells. */
export function stoppedBy(signal: NodeJS.Signals): void {
  stopSignal ??= signal;
}

export function exitCodeOf(error: unknown): number {
  if (!(error instanceof CkptError)) return exitCodes.failed;
  return error.kind === 'cancelled' && stopSignal ? 128 + constants.signals[stopSignal] : exitCodes[error.kind];
}

/** A failure of a command whose exit code is not the usual one of its kind. */
export class CommandFailure extends Error {
  constructor(
    override readonly cause: unknown,
    readonly code: number,
  ) {
    super(cause instanceof Error ? cause.message : String(cause));
  }
}
