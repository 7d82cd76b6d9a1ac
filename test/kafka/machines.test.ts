// SPDX-License-Identifier: Apache-2.0
//
// Machines that share nothing but the cluster: network namespaces and stores of their own, which ingest at the same time.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { digestOf } from './support/ckpt.js';
import { Network, networkProblem } from './support/network.js';
import { newDirectory, newPrefix, removeDirectory } from './support/topics.js';

const MACHINES = ['one', 'two', 'three'];
const IMAGES = 2;
/** Many commands one after the other, on machines that may be busy. */
const PATIENCE_MS = 600_000;
const problem = networkProblem();
if (problem) process.stdout.write(`machines: SKIPPED: ${problem}\n`);

function image(seed: number, pages = 400): Buffer {
  return buildImage(plainShape(2, { seed, mappings: [rowOfPages(pages, 'noise', 'text', 'repeated')] })).bytes;
}

describe.skipIf(problem)('machines with networks and stores of their own', () => {
  let dir: string;
  let network: Network;
  let brokers: string;
  let url: string;
  beforeAll(async () => {
    dir = newDirectory();
    network = Network.make([...MACHINES, 'late']);
    const version = process.env['CKPT_TEST_KAFKA'] ?? '';
    brokers = await network.start(/^\d+\.\d+\.\d+$/.test(version) ? ['--version', version] : []);
  });
  afterAll(async () => {
    await network.remove();
    removeDirectory(dir);
  });

  const ckpt = (machine: string, ...args: string[]): ReturnType<Network['ckpt']> =>
    network.ckpt(machine, join(dir, `${machine}-${url.split('/').at(-1)}`), url, ...args);
  const ingest = async (machine: string, name: string, bytes: Buffer): Promise<string> => {
    writeFileSync(join(dir, name), bytes);
    const { code, stdout } = await ckpt(machine, 'ingest', join(dir, name));
    expect(code).toBe(0);
    return stdout.toString().trim();
  };
  const newPages = async (machine: string, id: string): Promise<number> => {
    const { stdout } = await ckpt(machine, 'sql', '--json', `select new_pages from checkpoint where id = '${id}'`);
    return (JSON.parse(stdout.toString()) as { new_pages: number }[])[0]?.new_pages ?? -1;
  };
  const everything = async (machine: string): Promise<string> => {
    const queries = [
      'select * from checkpoint order by id',
      'select * from vma order by 1, 2, 3',
      'select * from pack order by id',
    ];
    const answers: string[] = [];
    for (const query of queries) answers.push((await ckpt(machine, 'sql', '--json', query)).stdout.toString());
    expect(answers[0]?.length).toBeGreaterThan(10);
    return digestOf(Buffer.from(answers.join('\n')));
  };

  it(
    'ingest at once, and each has what all of them took in',
    async () => {
      url = `kafka://${brokers}/${newPrefix()}`;
      const taken = new Map<string, Buffer>();
      await Promise.all(
        MACHINES.map(async (machine, at) => {
          for (let n = 0; n < IMAGES; n++) {
            const bytes = image(100 * at + n);
            taken.set(await ingest(machine, `${machine}-${n}.img`, bytes), bytes);
          }
        }),
      );
      expect(taken.size).toBe(MACHINES.length * IMAGES);
      for (const machine of [...MACHINES, 'late']) {
        for (const [id, bytes] of taken)
          expect((await ckpt(machine, 'export', id)).stdout.equals(bytes), id).toBe(true);
        expect((await ckpt(machine, 'verify')).code).toBe(0);
      }
      const catalogs = new Set<string>();
      for (const machine of [...MACHINES, 'late']) catalogs.add(await everything(machine));
      expect(catalogs.size).toBe(1);
    },
    PATIENCE_MS,
  );

  it(
    'know the pages of others as far as they have projected them; doubles are harmless',
    async () => {
      url = `kafka://${brokers}/${newPrefix()}`;
      const bytes = image(7);
      const first = await ingest('late', 'first.img', bytes);
      expect(await newPages('late', first)).toBeGreaterThan(0);
      // Whoever begins later has projected it.
      expect(await newPages('late', await ingest('late', 'again.img', bytes))).toBe(0);
      await network.ckpt('one', join(dir, 'elsewhere'), url, 'ls');
      writeFileSync(join(dir, 'other.img'), bytes);
      const other = await network.ckpt('one', join(dir, 'elsewhere'), url, 'ingest', join(dir, 'other.img'));
      expect(await newPages('late', other.stdout.toString().trim())).toBe(0);
      // At once, nobody knows of the other: pages may be stored twice, and every image is whole.
      const fresh = image(8);
      writeFileSync(join(dir, 'fresh.img'), fresh);
      const stores = ['two', 'three'].map((machine) => ({ machine, store: join(dir, `${machine}-fresh`) }));
      const ids = await Promise.all(
        stores.map(({ machine, store }) => network.ckpt(machine, store, url, 'ingest', join(dir, 'fresh.img'))),
      );
      for (const { code, stdout } of ids) {
        expect(code).toBe(0);
        for (const { machine, store } of stores) {
          const given = await network.ckpt(machine, store, url, 'export', stdout.toString().trim());
          expect(given.stdout.equals(fresh)).toBe(true);
          expect((await network.ckpt(machine, store, url, 'verify')).code).toBe(0);
        }
      }
    },
    PATIENCE_MS,
  );
});
