// SPDX-License-Identifier: Apache-2.0
//
// The one base of every error that this project raises on purpose.

/** What a failure means to whoever called; the command line has one exit code for each. */
export type ErrorKind =
  /** The operation failed: I/O, a lost race, a full disk. */
  | 'failed'
  /** The call makes no sense: bad arguments. */
  | 'usage'
  /** No such checkpoint. */
  | 'missing'
  /** The image or the store is damaged or invalid. */
  | 'damaged'
  /** This machine cannot do it: privilege, kernel, CPU feature, unsupported state, newer schema. */
  | 'unsupported'
  /** The caller asked to stop. */
  | 'cancelled';

/** An error with one line that says what and where, and optionally what to do. */
export class CkptError extends Error {
  override readonly name: string = 'CkptError';
  constructor(
    readonly kind: ErrorKind,
    message: string,
    /** What the user can do about it. */
    readonly hint?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
