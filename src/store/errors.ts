// SPDX-License-Identifier: Apache-2.0
//
// The errors of the store. Each says on one line which operation failed, where and why; `kind` decides the exit code,
// `reason` tells callers apart what they may do about it.
import { CkptError, type ErrorKind } from '../format/errors.js';

/** Why the store refused. */
export type StoreReason =
  /** No such checkpoint. */
  | 'missing'
  /** More than one checkpoint fits. */
  | 'ambiguous'
  /** The store's files, events or packs are not what they must be. */
  | 'damaged'
  /** Written by a newer release. */
  | 'newer'
  /** Somebody else holds the database for longer than the busy timeout. */
  | 'busy'
  /** The stream was aborted by somebody else: its writer must stop. */
  | 'fenced'
  /** A query that is not allowed or not valid SQL. */
  | 'query'
  /** Anything else: I/O, a full disk, no permission. */
  | 'failed';

const kinds: Readonly<Record<StoreReason, ErrorKind>> = {
  missing: 'missing',
  ambiguous: 'missing',
  damaged: 'damaged',
  newer: 'unsupported',
  busy: 'failed',
  fenced: 'failed',
  query: 'usage',
  failed: 'failed',
};

export interface StoreErrorDetails {
  readonly reason: StoreReason;
  /** What was being done, like `append`. */
  readonly operation: string;
  /** File, checkpoint or event at which it happened. */
  readonly place: string;
  /** What is wrong, in words. */
  readonly problem: string;
  readonly hint?: string;
  readonly cause?: unknown;
}

export class StoreError extends CkptError {
  override readonly name = 'StoreError';
  readonly reason: StoreReason;
  readonly operation: string;
  readonly place: string;

  constructor(details: StoreErrorDetails) {
    const { reason, operation, place, problem, hint, cause } = details;
    super(
      kinds[reason],
      oneLine(`${operation}: ${place}: ${problem}`),
      hint,
      cause === undefined ? undefined : { cause },
    );
    this.reason = reason;
    this.operation = operation;
    this.place = place;
  }
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ');
}

interface WithCode {
  readonly code: string;
  readonly message: string;
}

function hasCode(error: unknown): error is WithCode {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string';
}

/** The code of a system call's or SQLite's error, or an empty string. */
export function errorCode(error: unknown): string {
  return hasCode(error) ? error.code : '';
}

/** An error of the file system or of SQLite as a StoreError; a CkptError passes as it is. */
export function storeError(operation: string, place: string, cause: unknown): CkptError {
  if (cause instanceof CkptError) return cause;
  const problem = cause instanceof Error ? cause.message : String(cause);
  return new StoreError({ operation, place, cause, problem, ...reasonOf(errorCode(cause)) });
}

function reasonOf(code: string): { reason: StoreReason; hint?: string } {
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return { reason: 'busy', hint: 'another process is using the store: try again' };
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') {
    return { reason: 'damaged', hint: 'run ckpt verify; a damaged catalog.db is made anew by ckpt rebuild' };
  }
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === 'EDQUOT') {
    return { reason: 'failed', hint: 'the disk is full: make room and try again' };
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'SQLITE_READONLY' || code.startsWith('SQLITE_CANTOPEN')) {
    return { reason: 'failed', hint: 'check who owns the store and its permissions' };
  }
  return { reason: 'failed' };
}

/** Runs an operation on a place of the store; what it throws comes out as a StoreError. */
export function guarded<T>(operation: string, place: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw storeError(operation, place, cause);
  }
}
