// SPDX-License-Identifier: Apache-2.0
//
// A load of ingests on several machines (stores of their own), which goes on until it is told to stop.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage, plainShape, rowOfPages } from '../../support/image-generator.js';
import { digestOf, startCkpt, type Running } from './ckpt.js';

/** Pages of an image: large enough for some batches and packs. */
const PAGES = 1500;

type Kind = 'ingester' | 'projector';

export class Load {
  /** Acknowledged checkpoints, and the digest of what was given. */
  readonly acknowledged = new Map<string, string>();
  readonly failures: string[] = [];
  /** Of every image that was given to a command, whatever became of it: its name, and its digest. */
  readonly given = new Map<string, string>();
  private stopped = false;
  private made = 0;
  private readonly running = new Set<Running & { kind: Kind }>();
  private readonly work: Promise<void>[] = [];
  private waiting: (() => void)[] = [];

  constructor(
    readonly dir: string,
    readonly url: string,
    private readonly seed: number,
  ) {}

  /** Machines that ingest one image after the other. */
  ingest(...machines: string[]): this {
    for (const machine of machines) this.work.push(this.goOnIngesting(machine));
    return this;
  }

  /** Machines that do nothing but project. */
  project(...machines: string[]): this {
    for (const machine of machines) this.work.push(this.goOnProjecting(machine));
    return this;
  }

  machine(name: string): string {
    return join(this.dir, name);
  }

  /** Resolves when so many more checkpoints have been acknowledged. */
  async more(count: number): Promise<void> {
    const wanted = this.acknowledged.size + count;
    while (this.acknowledged.size < wanted) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Ends one of the processes that run now, at any moment of its life. False: none runs. */
  kill(kind: Kind, random: (bound: number) => number): boolean {
    const some = [...this.running].filter((one) => one.kind === kind);
    return some[random(some.length)]?.child.kill('SIGKILL') ?? false;
  }

  /** Resolves when everything under way has come to its end. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.work);
  }

  private async goOnIngesting(machine: string): Promise<void> {
    while (!this.stopped) {
      const number = ++this.made;
      const mappings = [rowOfPages(PAGES, 'noise', 'text', 'repeated', 'noise')];
      const { bytes } = buildImage(plainShape(2, { seed: this.seed + number, mappings }));
      const file = join(this.dir, `${number}.img`);
      writeFileSync(file, bytes);
      this.given.set(`n${number}`, digestOf(bytes));
      const { code, stdout, stderr } = await this.run('ingester', machine, 'ingest', file, '--name', `n${number}`);
      rmSync(file);
      if (code === 0) {
        this.acknowledged.set(stdout.toString().trim(), digestOf(bytes));
        for (const resolve of this.waiting.splice(0)) resolve();
      } else {
        this.failures.push(stderr.trim());
      }
    }
  }

  private async goOnProjecting(machine: string): Promise<void> {
    while (!this.stopped) await this.run('projector', machine, 'ls');
  }

  private async run(kind: Kind, machine: string, ...args: string[]): Promise<Awaited<Running['ended']>> {
    const running = { ...startCkpt(this.machine(machine), this.url, ...args), kind };
    this.running.add(running);
    try {
      return await running.ended;
    } finally {
      this.running.delete(running);
    }
  }
}
