// SPDX-License-Identifier: Apache-2.0
//
// What /v1/events says that is not in the log: work going on, and how far it is. Handed to whoever listens at the moment, kept
// nowhere.

export type Progress =
  | { readonly what: 'ingest'; readonly request: string; readonly name: string | null; readonly bytes: number }
  | {
      readonly what: 'image' | 'core' | 'restart';
      readonly request: string;
      readonly id: string;
      readonly bytes: number;
    };

export type Listener = (progress: Progress) => void;

export class EventHub {
  readonly #listeners = new Set<Listener>();
  readonly #onStop = new Set<() => void>();

  get size(): number {
    return this.#listeners.size;
  }

  /** Returns what ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  progress(progress: Progress): void {
    for (const listener of this.#listeners) listener(progress);
  }

  /** Called when the service stops: followers would follow for ever. Returns what takes it back. */
  onStop(listener: () => void): () => void {
    this.#onStop.add(listener);
    return () => void this.#onStop.delete(listener);
  }

  stop(): void {
    for (const listener of this.#onStop) listener();
  }
}
