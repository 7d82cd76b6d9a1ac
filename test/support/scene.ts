// SPDX-License-Identifier: Apache-2.0
import { afterEach } from 'vitest';
import { TestStore } from './cli.js';
import { cleanUp } from './processes.js';
import { Run } from './programs.js';

/** What an end-to-end test plays with: programs and a store. All of it is gone after the test. */
export class Scene {
  #runs: Run[] = [];
  #store: TestStore | undefined;

  /** Of each test of the file that calls this at its top. */
  static ofEachTest(): Scene {
    const scene = new Scene();
    afterEach(() => scene.#end());
    return scene;
  }

  /** Made when it is first asked for. */
  get store(): TestStore {
    return (this.#store ??= new TestStore());
  }

  /** Starts a program and waits until it is where the checkpoint shall find it. */
  async start(...parameters: Parameters<typeof Run.start>): Promise<Run> {
    return this.keep(await Run.start(...parameters));
  }

  keep(run: Run): Run {
    this.#runs.push(run);
    return run;
  }

  async #end(): Promise<void> {
    await cleanUp();
    for (const run of this.#runs) run.remove();
    this.#store?.remove();
    this.#runs = [];
    this.#store = undefined;
  }
}
