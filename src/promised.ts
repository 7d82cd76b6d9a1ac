// SPDX-License-Identifier: Apache-2.0

/** What a synchronous part of the store returns or throws, as a promise, so that callers need not know which part that is. */
export function promised<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
