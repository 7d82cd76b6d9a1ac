// SPDX-License-Identifier: Apache-2.0
//
// What the service answers, held against its own OpenAPI document and against what the command line says of the same store.
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../../src/service/operations.js';
import { TestStore } from '../support/cli.js';
import { Judge, type OpenApiDocument } from '../support/openapi.js';
import { cleanUp } from '../support/processes.js';
import { TestService, type Answer, type AskOptions } from '../support/service.js';

const golden = ['mixed', 'one-page', 'no-pages', 'ldt-tls'] as const;
const images = new Map(
  golden.map((name) => [name, readFileSync(new URL(`../golden/${name}.img`, import.meta.url))] as const),
);

let store: TestStore;
let service: TestService;
let judge: Judge;
const ids = new Map<string, string>();

beforeAll(async () => {
  store = new TestStore();
  service = await TestService.start(store);
  judge = new Judge(await service.json<OpenApiDocument>('/v1/openapi.json'));
  for (const name of golden) ids.set(name, await service.ingest(images.get(name)!, `?name=${name}`));
});

afterAll(async () => {
  await store.expectWhole([...ids.values()]);
  expect(await service.stop(), service.process.describe()).toBe(0);
  await cleanUp();
  service.remove();
  store.remove();
});

/** Asks, and holds the answer against the document. */
async function ask(pattern: string, path = pattern, options: AskOptions = {}): Promise<Answer> {
  const answer = await service.ask(path, options);
  judge.check(judge.find(options.method ?? 'GET', pattern), answer);
  return answer;
}

function jsonOf<T = Record<string, unknown>>(answer: Answer): T {
  return JSON.parse(answer.body.toString()) as T;
}

const image = '/v1/checkpoints/{id}/image';
const binary = { 'content-type': 'application/octet-stream' };

describe('the document', () => {
  it('has every operation, and nothing else', () => {
    const routes = operations.map(({ method, path }) => `${method} ${path}`).sort();
    expect(
      judge
        .all()
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    ).toEqual(routes);
    expect(judge.document.openapi).toMatch(/^3\.1\./);
  });

  it('names every parameter of a path, and an operation once', () => {
    for (const { path, operation } of judge.all()) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const named = (operation.parameters ?? []).filter((one) => one.in === 'path').map((one) => one.name);
      expect(named).toEqual(inPath);
    }
    const names = judge.all().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('looking', () => {
  it('lists what the command line lists', async () => {
    const { checkpoints, next } = jsonOf<{ checkpoints: { id: string }[]; next: null }>(await ask('/v1/checkpoints'));
    const rows = (await store.list()) as unknown as Record<string, unknown>[];
    expect(next).toBeNull();
    expect(checkpoints.map((row) => row.id)).toEqual(rows.map((row) => row['id']));
    checkpoints.forEach((row, i) => expect(rows[i]).toMatchObject(row));
  });

  it('pages forwards and backwards', async () => {
    const all = (await store.list()).map((row) => row.id);
    for (const order of ['oldest', 'newest']) {
      const seen: string[] = [];
      let after = '';
      do {
        const path = `/v1/checkpoints?limit=3&order=${order}${after}`;
        const page = jsonOf<{ checkpoints: { id: string }[]; next: string | null }>(await ask('/v1/checkpoints', path));
        expect(page.checkpoints.length).toBeLessThanOrEqual(3);
        seen.push(...page.checkpoints.map((row) => row.id));
        after = page.next === null ? '' : `&after=${page.next}`;
      } while (after);
      expect(seen).toEqual(order === 'oldest' ? all : [...all].reverse());
    }
  });

  it.each([
    ['name=mixed', ['mixed']],
    ['name=nobody', []],
    ['comm=hold4', undefined],
    ['created_from=2999-01-01T00:00:00Z', []],
    ['created_before=2999-01-01T00:00:00Z', undefined],
    ['created_before=2000-01-01T00:00:00Z', []],
  ])('filters by %s', async (filter, names) => {
    const rows = (await store.list()) as unknown as { name: string; comm: string }[];
    const found = jsonOf<{ checkpoints: { name: string }[] }>(
      await ask('/v1/checkpoints', `/v1/checkpoints?${filter}`),
    );
    const wanted =
      names ?? rows.filter((row) => !filter.startsWith('comm') || row.comm === 'hold4').map((row) => row.name);
    expect(found.checkpoints.map((row) => row.name)).toEqual(wanted);
  });

  it('shows one by id, name, prefix and @last', async () => {
    const id = ids.get('mixed')!;
    for (const argument of [id, 'mixed', id.slice(0, 25)]) {
      const row = jsonOf(await ask('/v1/checkpoints/{id}', `/v1/checkpoints/${argument}`));
      expect(row['id']).toBe(id);
    }
    const last = jsonOf(await ask('/v1/checkpoints/{id}', '/v1/checkpoints/@last'));
    expect(last['id']).toBe((await store.list()).at(-1)?.id);
  });

  it('shows mappings and records as the command line does', async () => {
    const id = ids.get('mixed')!;
    const shown = JSON.parse(await store.ok('show', 'mixed', '--records', '--json')) as Record<string, object[]>;
    const maps = jsonOf<{ mappings: object[] }>(
      await ask('/v1/checkpoints/{id}/maps', '/v1/checkpoints/mixed/maps'),
    ).mappings;
    expect(maps.length).toBeGreaterThan(1);
    shown['mappings']!.forEach((vma, i) => {
      const { shared_pages: _, ...columns } = vma as { shared_pages: number };
      expect(maps[i]).toMatchObject(columns);
    });
    const { records } = jsonOf<{ records: object[] }>(
      await ask('/v1/checkpoints/{id}/records', `/v1/checkpoints/${id}/records`),
    );
    expect(records).toEqual(shown['records']);
  });

  it('knows what others write meanwhile', async () => {
    const path = new URL('../golden/one-page.img', import.meta.url).pathname;
    const id = await store.ok('ingest', path, '--name', 'by others');
    expect(jsonOf(await ask('/v1/checkpoints/{id}', '/v1/checkpoints/by%20others'))['id']).toBe(id);
    await store.ok('rm', id);
    expect((await ask('/v1/checkpoints/{id}', `/v1/checkpoints/${id}`)).status).toBe(404);
  });
});

describe('an image', () => {
  it.each(golden)('%s comes bit for bit, with its digests in the trailer', async (name) => {
    const answer = await ask(image, `/v1/checkpoints/${name}/image`);
    const bytes = images.get(name)!;
    expect(answer.body.equals(bytes)).toBe(true);
    const digest = await store.ok('digest', new URL(`../golden/${name}.img`, import.meta.url).pathname);
    expect(answer.headers['etag']).toBe(`"${digest}"`);
    expect(answer.trailers['ckpt-image-digest']).toBe(digest);
    const sha256 = createHash('sha256').update(bytes).digest('base64');
    expect(answer.trailers['content-digest']).toBe(`sha-256=:${sha256}:`);
  });

  it('is described by HEAD', async () => {
    const answer = await ask(image, '/v1/checkpoints/mixed/image', { method: 'HEAD' });
    expect(answer.headers['content-length']).toBe(String(images.get('mixed')!.length));
    expect(answer.headers['accept-ranges']).toBe('bytes');
    expect(answer.body.length).toBe(0);
  });

  it('is not sent again to who has it', async () => {
    const { headers } = await ask(image, '/v1/checkpoints/mixed/image', { method: 'HEAD' });
    for (const method of ['GET', 'HEAD']) {
      const same = await ask(image, '/v1/checkpoints/mixed/image', {
        method,
        headers: { 'if-none-match': `"other", ${String(headers['etag'])}` },
      });
      expect(same.status).toBe(304);
      expect(same.body.length).toBe(0);
    }
    const other = await ask(image, '/v1/checkpoints/mixed/image', { headers: { 'if-none-match': '"other"' } });
    expect(other.status).toBe(200);
  });

  const bytes = images.get('mixed')!;
  const end = bytes.length;
  it.each<[string, number, number]>([
    ['bytes=0-0', 0, 1],
    ['bytes=0-', 0, end],
    ['bytes=100-5099', 100, 5100],
    ['bytes=4096-4096', 4096, 4097],
    [`bytes=${end - 1}-`, end - 1, end],
    [`bytes=200000-${end + 1000}`, 200_000, end],
    ['bytes=-1', end - 1, end],
    ['bytes=-5000', end - 5000, end],
    [`bytes=-${end + 5}`, 0, end],
  ])('has the range %s', async (range, first, last) => {
    const answer = await ask(image, '/v1/checkpoints/mixed/image', { headers: { range } });
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${first}-${last - 1}/${end}`);
    expect(answer.body.equals(bytes.subarray(first, last))).toBe(true);
    expect(answer.whole).toBe(true);
    const sha256 = createHash('sha256').update(bytes.subarray(first, last)).digest('base64');
    expect(answer.trailers['content-digest']).toBe(`sha-256=:${sha256}:`);
  });

  it.each([`bytes=${end}-`, `bytes=${end}-${end + 5}`, 'bytes=-0', 'bytes=99999999999999999999-'])(
    'has no range %s',
    async (range) => {
      const answer = await ask(image, '/v1/checkpoints/mixed/image', { headers: { range } });
      expect(answer.status).toBe(416);
      expect(answer.headers['content-range']).toBe(`bytes */${end}`);
    },
  );

  it.each([
    'bytes=5-4',
    'bytes=-',
    'bytes=',
    'bytes',
    'pages=0-1',
    'bytes=0-1,5-6',
    'bytes=a-b',
    'bytes=0x1-2',
    'bytes=--5',
  ])('ignores the header %s, as it has to', async (range) => {
    const answer = await ask(image, '/v1/checkpoints/mixed/image', { headers: { range } });
    expect(answer.status).toBe(200);
    expect(answer.body.length).toBe(end);
  });

  it('has the range only if it is still the same image', async () => {
    const { headers } = await ask(image, '/v1/checkpoints/mixed/image', { method: 'HEAD' });
    const range = 'bytes=0-9';
    const same = { range, 'if-range': String(headers['etag']) };
    expect((await ask(image, '/v1/checkpoints/mixed/image', { headers: same })).status).toBe(206);
    const other = { range, 'if-range': '"other"' };
    expect((await ask(image, '/v1/checkpoints/mixed/image', { headers: other })).status).toBe(200);
  });
});

describe('taking in', () => {
  it('stores an image bit for bit and says where it is', async () => {
    const body = images.get('mixed')!;
    const answer = await ask('/v1/ingest', '/v1/ingest?name=again', { method: 'POST', headers: binary, body });
    expect(answer.status).toBe(201);
    const { id, new_pages } = jsonOf<{ id: string; new_pages: number }>(answer);
    expect(new_pages).toBe(0); // deduplicated against what was there
    expect(answer.headers['location']).toBe(`/v1/checkpoints/${id}`);
    expect((await service.ask(`/v1/checkpoints/${id}/image`)).body.equals(body)).toBe(true);
    const gone = await ask('/v1/checkpoints/{id}', `/v1/checkpoints/${id}`, { method: 'DELETE' });
    expect(gone.status).toBe(204);
    expect((await ask('/v1/checkpoints/{id}', `/v1/checkpoints/${id}`)).status).toBe(404);
  });

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['garbage', Buffer.from('this is not an image at all, not even nearly')],
    ['a torn image', images.get('mixed')!.subarray(0, 100_000)],
    ['an image and a byte', Buffer.concat([images.get('mixed')!, Buffer.alloc(1)])],
  ])('refuses %s, and nothing is left', async (_what, body) => {
    const answer = await ask('/v1/ingest', '/v1/ingest', { method: 'POST', headers: binary, body });
    expect(answer.status).toBe(422);
    await store.expectWhole([...ids.values()]);
  });

  it('takes no other type of body', async () => {
    const body = images.get('one-page')!;
    for (const headers of [{ 'content-type': 'text/plain' }, { 'content-type': 'application/json' }, {}]) {
      const options = { method: 'POST', headers: headers as Record<string, string>, body };
      expect((await ask('/v1/ingest', '/v1/ingest', options)).status).toBe(415);
    }
  });
});

describe('the rest', () => {
  it('says what is not there', async () => {
    for (const path of ['', '/image', '/maps', '/records']) {
      const answer = await ask(`/v1/checkpoints/{id}${path}`, `/v1/checkpoints/nothing${path}`);
      expect(answer.status).toBe(404);
    }
    expect((await service.ask('/v1/nothing')).status).toBe(404);
    const other = await service.ask('/v1/checkpoints', { method: 'DELETE' });
    expect(other.status).toBe(405);
    expect(other.headers['allow']).toBe('GET');
  });

  it('explains its problems', async () => {
    const problem = jsonOf<{ type: string; title: string }>(
      await ask('/v1/checkpoints/{id}', '/v1/checkpoints/nothing'),
    );
    const type = jsonOf(await ask('/v1/problems/{name}', problem.type));
    expect(type).toEqual({ name: 'missing', title: problem.title, status: 404 });
  });

  it('is alive, ready, counted and added up', async () => {
    expect((await ask('/healthz')).status).toBe(200);
    expect((await ask('/readyz')).status).toBe(200);
    expect((await ask('/metrics')).body.toString()).toMatch(
      /^ckpt_http_requests_total\{operation="healthz",status="200"\} \d+$/m,
    );
    expect(jsonOf(await ask('/v1/stats'))['checkpoints']).toBe(golden.length);
  });

  it('listens where only its owner may', () => {
    expect(statSync(service.socket).mode & 0o777).toBe(0o600);
  });
});
