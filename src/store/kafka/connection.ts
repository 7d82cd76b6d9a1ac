// SPDX-License-Identifier: Apache-2.0
//
// One connection to the cluster, made when it is needed and thrown away after any error: nothing that was under way on it
// can be taken for the answer to something later.
import { newCluster, type Cluster } from './kafkajs-cluster.js';
import { isTransient, isUnknownHost, isUnreachable } from './kafka-errors.js';
import type { KafkaSettings } from './url.js';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
/** How long a log is tried to be opened when none of its brokers is there. */
const UNREACHABLE_MS = 3000;

export class Connection {
  #cluster: Promise<Cluster> | undefined;
  #closed = false;

  constructor(
    private readonly settings: KafkaSettings,
    private readonly topics: readonly string[],
  ) {}

  /** Does the work once. Whatever it throws, the next work gets a new connection. */
  async once<T>(work: (cluster: Cluster) => Promise<T>): Promise<T> {
    const connecting = (this.#cluster ??= this.#connect());
    try {
      const cluster = await connecting;
      await cluster.refreshMetadataIfNecessary();
      return await work(cluster);
    } catch (error) {
      if (this.#cluster === connecting) this.#cluster = undefined;
      void connecting.then((cluster) => cluster.disconnect()).catch(() => undefined);
      throw error;
    }
  }

  /** Does the work until it succeeds, fails for good, or the time that the settings give has passed. */
  retried<T>(work: (cluster: Cluster) => Promise<T>): Promise<T> {
    return this.tryAgain(() => this.once(work));
  }

  /** `opening`: when nobody is there at all, whichever of the brokers is asked, that is said sooner. */
  async tryAgain<T>(work: () => Promise<T>, opening = false): Promise<T> {
    const started = performance.now();
    const { retryMs, brokers } = this.settings;
    let unreachable = 0;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        unreachable = isUnreachable(error) ? unreachable + 1 : 0;
        const allTried = opening && unreachable >= brokers.length;
        if (allTried && isUnknownHost(error)) throw error;
        const limit = allTried ? Math.min(UNREACHABLE_MS, retryMs) : retryMs;
        if (this.#closed || !isTransient(error) || performance.now() - started + pause > limit) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random())));
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const connecting = this.#cluster;
    this.#cluster = undefined;
    await connecting?.then((cluster) => cluster.disconnect()).catch(() => undefined);
  }

  async #connect(): Promise<Cluster> {
    const cluster = newCluster(this.settings);
    try {
      await cluster.connect();
      await cluster.addMultipleTargetTopics(this.topics);
      return cluster;
    } catch (error) {
      await cluster.disconnect().catch(() => undefined);
      throw error;
    }
  }
}
