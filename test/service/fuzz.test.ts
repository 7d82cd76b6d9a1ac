// SPDX-License-Identifier: Apache-2.0
//
// Requests drawn from the OpenAPI document, valid ones, nearly valid ones and wild ones: the document says whether they fit, and so what
// may be answered. Never a 5xx, never a status or a body that is not in the document, never a word of the store's path or of an image's
// memory; and at the end the service is as it was. CKPT_TEST_FUZZ: how many (10,000 take a minute); CKPT_TEST_SEED replays.
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { seed } from '../support/images.js';
import { Judge, type Documented, type OpenApiDocument, type Parameter } from '../support/openapi.js';
import { cleanUp } from '../support/processes.js';
import { collect, TestService, type Answer } from '../support/service.js';

const requests = Number(process.env['CKPT_TEST_FUZZ'] ?? 10_000);
/** Requests under way at once. */
const AT_ONCE = 8;

const image = buildImage(plainShape(2, { seed: 3, mappings: [rowOfPages(40, 'text', 'noise')] })).bytes;
const small = buildImage(plainShape(1, { seed: 4 })).bytes;
/** What only the image's memory holds. */
const memory = image.subarray(image.length - 3 * 4096, image.length - 2 * 4096);

let store: TestStore;
let service: TestService;
let judge: Judge;
let id: string;
let tokens: readonly string[];

beforeAll(async () => {
  store = new TestStore();
  service = await TestService.startWithTcp(store, '--rate', '1000000');
  judge = new Judge(await service.json<OpenApiDocument>('/v1/openapi.json'));
  id = await service.ingest(image, '?name=a%2Fname%20of%20%C3%A4ll%20kinds');
  tokens = [
    await store.ok('token', 'add', '--name', 'fuzz', '--scope', 'read', 'write', 'restore', '--rate', '1000000'),
  ];
});

afterAll(async () => {
  await cleanUp();
  service.remove();
  store.remove();
});

interface Drawn {
  readonly documented: Documented;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  /** By the document: every parameter, the body and its type. */
  readonly fits: boolean;
}

const wildText = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    '',
    '..',
    '../../etc/passwd',
    '%00',
    '\0',
    '-1',
    '0',
    '1e999',
    'null',
    '@last',
    "' OR 1=1",
    '{{}}',
    '𝕏'.repeat(9),
  ),
  fc.integer().map(String),
  fc.string({ minLength: 300, maxLength: 2000 }),
);

/** A value that probably fits a parameter, as it stands in a URL. */
function likely({ name, schema }: Parameter): fc.Arbitrary<string> {
  if (name === 'id') return fc.constantFrom(...ids(), '0'.repeat(26), 'nothing');
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as string[]));
  if (schema['type'] === 'integer') {
    const [min, max] = [Number(schema['minimum'] ?? 0), Number(schema['maximum'] ?? 1e6)];
    return fc.integer({ min, max }).map(String);
  }
  if (name.startsWith('created')) return fc.constant('2026-01-02T03:04:05Z');
  if (name === 'after') return fc.constantFrom(id, '0'.repeat(26));
  if (name === 'range') {
    const offset = fc.option(fc.nat({ max: image.length * 2 }), { nil: '' });
    return fc.tuple(offset, offset).map(([a, b]) => `bytes=${a}-${b}`);
  }
  if (name === 'from') return fc.constantFrom('0', '3', '1.2', '999999999999999');
  if (name === 'last-event-id') return fc.constant('nonsense'); // a good one would follow for ever
  return fc.constantFrom('x', 'missing', '"tag"');
}

const ids = (): string[] => [id, 'a/name of äll kinds', '@last'];

function bodyOf({ operation }: Documented): fc.Arbitrary<{ type: string; bytes: Buffer }> {
  const types = Object.keys(operation.requestBody?.content ?? {});
  const json = fc.oneof(
    fc.constantFrom(
      {},
      { query: 'SELECT 1' },
      { query: 'SELECT * FROM vma' },
      { query: 'DELETE FROM image' },
      { same_pid: true },
      { lazy: 1 },
    ),
    fc.record({ query: wildText }),
    fc.object({ maxDepth: 2, maxKeys: 3 }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  return fc.oneof(
    {
      weight: 3,
      arbitrary: json.map((value) => ({ type: 'application/json', bytes: Buffer.from(JSON.stringify(value)) })),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(...(types.length ? types : ['text/plain'])).map((type) => ({ type, bytes: small })),
    },
    {
      weight: 1,
      arbitrary: fc
        .uint8Array({ maxLength: 200 })
        .map((b) => ({ type: types[0] ?? 'text/plain', bytes: Buffer.from(b) })),
    },
    {
      weight: 1,
      arbitrary: fc
        .nat({ max: image.length })
        .map((n) => ({ type: 'application/octet-stream', bytes: image.subarray(0, n) })),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(wildHeader, wildText).map(([type, text]) => ({ type, bytes: Buffer.from(text) })),
    },
  );
}

/** What may stand in a header of Node's client. */
const wildHeader = fc.string({ minLength: 1, maxLength: 30 }).map((text) => text.replace(/[^\x21-\x7e]/g, 'x'));

function requestsOf(documented: Documented): fc.Arbitrary<Drawn> {
  const parameters = documented.operation.parameters ?? [];
  const values = fc.tuple(
    ...parameters.map((parameter) =>
      fc.oneof(
        { weight: 6, arbitrary: likely(parameter).map((value) => ({ parameter, value })) },
        { weight: parameter.in === 'path' ? 0 : 4, arbitrary: fc.constant(undefined) },
        {
          weight: 2,
          arbitrary: (parameter.in === 'header' ? wildHeader : wildText).map((value) => ({ parameter, value })),
        },
      ),
    ),
  );
  const extra = fc.oneof({ weight: 8, arbitrary: fc.constant('') }, { weight: 1, arbitrary: fc.constant('unknown=1') });
  const body = documented.operation.requestBody
    ? fc.oneof({ weight: 8, arbitrary: bodyOf(documented) }, { weight: 1, arbitrary: fc.constant(undefined) })
    : fc.constant(undefined);
  return fc
    .tuple(values, extra, body)
    .map(([given, unknown, content]) => draw(documented, given.filter(isGiven), unknown, content));
}

interface Given {
  readonly parameter: Parameter;
  readonly value: string;
}

function isGiven(one: Given | undefined): one is Given {
  return one !== undefined;
}

function draw(
  documented: Documented,
  given: readonly Given[],
  unknown: string,
  content: { type: string; bytes: Buffer } | undefined,
): Drawn {
  let { path } = documented;
  const query = unknown ? [unknown] : [];
  const headers: Record<string, string> = {};
  let fits = unknown === '';
  for (const { parameter, value } of given) {
    const { name, schema } = parameter;
    const text = encodeURIComponent(Buffer.from(value).toString());
    if (parameter.in === 'path') path = path.replace(`{${name}}`, () => text);
    else if (parameter.in === 'query') query.push(`${name}=${text}`);
    else headers[name] = value;
    const typed = schema['type'] === 'integer' && /^-?\d+$/.test(value) ? Number(value) : value;
    if (!judge.fits(schema, typed)) fits = false;
    // An empty segment is another path. A dotted one is a name, which an earlier request may have given to an image.
    if (parameter.in === 'path' && value === '') fits = false;
  }
  const { requestBody } = documented.operation;
  if (content) headers['content-type'] = content.type;
  const filled = content?.bytes.length ? content : undefined; // an empty body is none
  const schema = filled && requestBody?.content[filled.type]?.schema;
  if (filled ? !schema || !fitsBody(schema, filled) : requestBody?.required) fits = false;
  return { documented, path: query.length ? `${path}?${query.join('&')}` : path, headers, body: content?.bytes, fits };
}

function fitsBody(schema: object, { type, bytes }: { type: string; bytes: Buffer }): boolean {
  if (type !== 'application/json') return true;
  try {
    return judge.fits(schema, JSON.parse(bytes.toString()));
  } catch {
    return false;
  }
}

/** What a task's memory is asked of. */
const memoryGoesOut: ReadonlySet<string> = new Set(['getImage', 'getCore']);

function check({ documented, path, fits }: Drawn, answer: Answer): void {
  const what = `${documented.method} ${path.slice(0, 300)}: ${answer.status} ${answer.body.toString('utf8', 0, 200)}`;
  expect(answer.status, what).toBeLessThan(500);
  const text = answer.body.toString('latin1');
  expect(text.includes(store.dir), what).toBe(false);
  if (!memoryGoesOut.has(documented.operation.operationId)) {
    expect(answer.body.includes(memory.subarray(0, 64)), what).toBe(false);
  }
  // A parameter with a strange value may lead to another path; that is answered like any path that is not there.
  if (answer.status === 404 || answer.status === 405) {
    judge.validate(
      { $ref: '#/components/schemas/Problem' },
      JSON.parse(answer.body.toString() || PROBLEM_OF_HEAD),
      what,
    );
    return;
  }
  judge.check(documented, answer);
  const refused = [400, 413, 415, 422].includes(answer.status);
  if (!fits)
    expect(refused || answer.status === 304 || answer.status === 416, `${what}: it does not fit the document`).toBe(
      true,
    );
}

/** HEAD has no body to judge. */
const PROBLEM_OF_HEAD = '{"type":"/v1/problems/missing","title":"","status":404}';

describe('requests drawn from the document', () => {
  it(`are answered as it says: ${requests}, seed ${seed}`, async () => {
    console.log(`fuzzing with CKPT_TEST_SEED=${seed} CKPT_TEST_FUZZ=${requests}`);
    const operations = judge.all();
    const anyRequest = fc.oneof(...operations.map(requestsOf));
    const drawn = fc.sample(anyRequest, { seed, numRuns: requests });
    const before = { fds: descriptors(), rss: 0 };
    const statuses = new Map<number, number>();
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < drawn.length) {
        const number = next++;
        if (number === Math.floor(drawn.length / 2)) before.rss = residentBytes();
        const one = drawn[number]!;
        const answer = await heard(one);
        statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
        try {
          check(one, answer);
        } catch (cause) {
          throw new Error(`request ${number} of seed ${seed}: ${(cause as Error).message}`, { cause });
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    console.log(
      [...statuses]
        .sort(([a], [b]) => a - b)
        .map(([status, n]) => `${status}: ${n}`)
        .join(', '),
    );
    // Every operation was answered well and refused at least once, where it can be.
    for (const { operation } of operations) {
      const seen = [...judge.seen].filter((entry) => entry.startsWith(`${operation.operationId} `));
      expect(seen.length, operation.operationId).toBeGreaterThan(0);
    }
    expect((await service.ask('/healthz')).status).toBe(200);
    expect(descriptors()).toBeLessThan(before.fds + 40);
    console.log(
      `resident: ${(before.rss / 2 ** 20).toFixed(0)} MiB halfway, ${(residentBytes() / 2 ** 20).toFixed(0)} MiB at the end`,
    );
    expect(residentBytes()).toBeLessThan(before.rss + (128 << 20));
    const said = service.process.err.text();
    expect(said).not.toContain(store.path);
    expect(said).not.toContain(memory.toString('latin1', 0, 64));
    expect(await service.stop()).toBe(0);
    const verified = await store.run('verify');
    expect(verified.code, verified.stdout).toBe(0);
  }, 600_000);
});

/** The whole answer; of a stream of events, which has no end, only its beginning. */
/** As a client does who is told that all hands are busy; were they never free again, this would not end. */
async function heard(drawn: Drawn): Promise<Answer> {
  for (;;) {
    const answer = await answerTo(drawn);
    if (answer.status !== 503 || !answer.body.includes('/v1/problems/busy')) return answer;
    judge.check(drawn.documented, answer);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function answerTo({ documented, path, headers, body }: Drawn): Promise<Answer> {
  const message = await service.open(path, {
    method: documented.method,
    headers,
    token: tokens[0]!,
    ...(body ? { body } : {}),
  });
  if (message.headers['content-type'] !== 'text/event-stream') return collect(message);
  message.destroy();
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    trailers: {},
    body: Buffer.alloc(0),
    whole: false,
  };
}

function descriptors(): number {
  return readdirSync(`/proc/${service.pid}/fd`).length;
}

function residentBytes(): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${service.pid}/status`, 'utf8'))![1]) * 1024;
}
