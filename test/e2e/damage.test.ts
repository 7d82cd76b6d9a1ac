// SPDX-License-Identifier: Apache-2.0
//
// Images that are cut off or broken never become checkpoints: `ckpt ingest` ends with exit code 4 and one line that names the byte and the
// record, and the store stays whole. Real images of both versions and the golden ones. CKPT_TEST_SEED replays a run's random places.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { Random, records, seed, sha256sum } from '../support/images.js';
import { checkpoint } from '../support/native.js';
import { cleanUp } from '../support/processes.js';
import { reader, Run, v1 } from '../support/programs.js';

const golden = fileURLToPath(new URL('../golden/', import.meta.url));
const place = /at byte (\d+), record (after )?([A-Za-z_0-9]+ \(\d+\))/;
/** Damaged images per image and kind of damage. */
const randomPlaces = 8;

let dir: string;
const images = new Map<string, Buffer>();

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'ckpt-damage-'));
  for (const name of ['mixed', 'ldt-tls']) images.set(name, readFileSync(join(golden, `${name}.img`)));
  for (const [program, format] of [
    [v1, '1'],
    [reader, '2'],
  ] as const) {
    const run = await Run.start(program);
    const path = join(dir, `real-${format}`);
    const result = await checkpoint(run.original.pid, path, '--format', format);
    expect(result.ending.code, JSON.stringify(result.events)).toBe(0);
    images.set(`real version ${format}`, readFileSync(path));
    await cleanUp();
    run.remove();
  }
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));
afterEach(cleanUp);

function image(name: string): Buffer {
  const bytes = images.get(name);
  if (!bytes) throw new Error(`no image ${name}`);
  return bytes;
}

/** A store that holds one sound checkpoint already, and must hold only it afterwards. */
async function withStore(work: (store: TestStore) => Promise<readonly string[]>): Promise<void> {
  const store = new TestStore();
  try {
    const sound = await store.ok('ingest', join(golden, 'one-page.img'));
    const more = await work(store);
    await store.expectWhole([sound, ...more]);
  } finally {
    store.remove();
  }
}

let files = 0;

async function ingest(
  store: TestStore,
  bytes: Buffer,
): Promise<{ code: number | null; stdout: string; stderr: string; path: string }> {
  const path = join(dir, `damaged-${files++}`);
  writeFileSync(path, bytes);
  return { ...(await store.run('ingest', path)), path };
}

async function expectRefused(store: TestStore, bytes: Buffer, what: string): Promise<void> {
  const { code, stdout, stderr, path } = await ingest(store, bytes);
  expect({ code, stdout }, `${what}: ${stderr}`).toEqual({ code: 4, stdout: '' });
  expect(stderr.trimEnd().split('\n'), what).toHaveLength(1);
  const offset = Number(place.exec(stderr)?.[1] ?? NaN);
  expect(offset, `${what}: ${stderr}`).toBeLessThanOrEqual(bytes.length);
  rmSync(path);
}

describe.each(['mixed', 'ldt-tls', 'real version 1', 'real version 2'])('%s', (name) => {
  it('round trips when it is whole', async () => {
    await withStore(async (store) => {
      const { stdout, path } = await ingest(store, image(name));
      const back = join(dir, 'back');
      await store.ok('export', stdout.trim(), '-o', back);
      expect(sha256sum(back)).toBe(sha256sum(path));
      return [stdout.trim()];
    });
  });

  it('is refused when it ends at a record boundary', async () => {
    const whole = image(name);
    const all = records(whole);
    // Every boundary of the small ones; of many alike mappings the first and the last of each type of record.
    const boundaries = all.filter(
      (record, i) =>
        all.length < 40 || all[i - 1]?.type !== record.type || all.findIndex((one) => one.type === record.type) === i,
    );
    const kept = new Set(boundaries.map((record) => record.offset));
    const some = [...kept].filter((_offset, i) => kept.size <= 60 || i % Math.ceil(kept.size / 60) === 0);
    await withStore(async (store) => {
      for (const offset of some) await expectRefused(store, whole.subarray(0, offset), `the first ${offset} bytes`);
      return [];
    });
  });

  it(`is refused when it ends at a random byte (seed ${seed})`, async () => {
    const random = new Random(seed);
    const whole = image(name);
    await withStore(async (store) => {
      for (let i = 0; i < randomPlaces; i++) {
        const bytes = random.below(whole.length);
        await expectRefused(store, whole.subarray(0, bytes), `seed ${seed}: the first ${bytes} bytes`);
      }
      return [];
    });
  });

  it('is refused when bytes follow it', async () => {
    await withStore(async (store) => {
      await expectRefused(store, Buffer.concat([image(name), Buffer.from([0])]), 'a byte after the tail');
      await expectRefused(store, Buffer.concat([image(name), image(name)]), 'twice the image');
      return [];
    });
  });

  it(`is refused when a record's header is broken (seed ${seed})`, async () => {
    const random = new Random(seed + 1);
    const whole = image(name);
    const all = records(whole);
    const version1 = name !== 'real version 2';
    await withStore(async (store) => {
      for (let i = 0; i < randomPlaces; i++) {
        const record = all[random.below(all.length)];
        if (!record) throw new Error('no record');
        // type, then length: in version 1 two bytes each, in version 2 four, with the flags in between
        const at =
          record.offset +
          (version1 || record.offset === 0 ? random.below(4) : ([0, 1, 2, 3, 8, 9, 10, 11][random.below(8)] ?? 0));
        const bit = random.below(8);
        const broken = Buffer.from(whole);
        broken[at] = (broken[at] ?? 0) ^ (1 << bit);
        await expectRefused(store, broken, `seed ${seed}: bit ${bit} of byte ${at}`);
      }
      return [];
    });
  });

  it(`is refused, or kept as it is, when any bit is flipped (seed ${seed})`, async () => {
    const random = new Random(seed + 2);
    const whole = image(name);
    const tail = records(whole).at(-1)?.offset ?? 0;
    await withStore(async (store) => {
      const accepted: string[] = [];
      for (let i = 0; i < randomPlaces; i++) {
        const at = random.below(whole.length);
        const bit = random.below(8);
        const broken = Buffer.from(whole);
        broken[at] = (broken[at] ?? 0) ^ (1 << bit);
        const what = `seed ${seed}: bit ${bit} of byte ${at}`;
        const { code, stdout, stderr, path } = await ingest(store, broken);
        // Version 2 carries a checksum of all before its tail. Version 1 has none: contents are kept as they are.
        if (name === 'real version 2' && at < tail) expect(code, `${what}: ${stderr}`).toBe(4);
        if (code === 4) {
          expect(stderr, what).toMatch(place);
          continue;
        }
        expect(code, `${what}: ${stderr}`).toBe(0);
        const back = join(dir, 'back');
        await store.ok('export', stdout.trim(), '-o', back);
        expect(sha256sum(back), what).toBe(sha256sum(path));
        accepted.push(stdout.trim());
      }
      return accepted;
    });
  });
});

describe('what is no image', () => {
  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from([1])],
    ['zeros', Buffer.alloc(100_000)],
    ['words', Buffer.from('This is not an image at all, but it is longer than a header.\n')],
  ])('%s is refused', async (what, bytes) => {
    await withStore(async (store) => {
      await expectRefused(store, bytes, what);
      return [];
    });
  });
});
