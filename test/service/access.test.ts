// SPDX-License-Identifier: Apache-2.0
//
// Who may ask, and what strangers can do: tokens, scopes, rates, paths, bodies that are too large or too slow, broken HTTP.
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestStore } from '../support/cli.js';
import { cleanUp, until } from '../support/processes.js';
import { TestService } from '../support/service.js';

const image = readFileSync(new URL('../golden/mixed.img', import.meta.url));
const binary = { 'content-type': 'application/octet-stream' };

let store: TestStore;
let service: TestService;
/** The same store, served by one that does not wait. */
let impatient: TestService;
let id: string;

beforeAll(async () => {
  store = new TestStore();
  service = await TestService.startWithTcp(store, '--max-image-bytes', '1000000');
  impatient = await TestService.start(store, '--headers', '1', '--stall', '1');
  id = await service.ingest(image, '?name=mixed');
});

afterAll(async () => {
  await store.expectWhole([id]);
  expect(await service.stop()).toBe(0);
  expect(await impatient.stop()).toBe(0);
  await cleanUp();
  const said = service.process.err.text() + impatient.process.err.text();
  // Whatever was tried above: nothing of a token's secret, of the store's place or of an image is in the log.
  expect(said).not.toContain(store.path);
  for (const secret of secrets) expect(said).not.toContain(secret);
  service.remove();
  impatient.remove();
  store.remove();
});

const secrets: string[] = [];

async function token(...options: string[]): Promise<string> {
  const made = await store.ok('token', 'add', '--name', 'test', ...options);
  secrets.push(made.split('_').slice(2).join('_'));
  return made;
}

async function status(path: string, options: Parameters<TestService['ask']>[1]): Promise<number> {
  return (await service.ask(path, options)).status;
}

describe('tokens', () => {
  it('are demanded on TCP, on loopback too, for every path, and before anything is said about it', async () => {
    for (const path of [
      '/v1/checkpoints',
      '/healthz',
      '/metrics',
      '/v1/openapi.json',
      '/nothing',
      `/v1/checkpoints/${id}/image`,
    ]) {
      const answer = await service.ask(path, { token: '' });
      expect(answer.status, path).toBe(401);
      expect(answer.headers['www-authenticate']).toMatch(/^Bearer/);
      expect(JSON.parse(answer.body.toString())).toMatchObject({ type: '/v1/problems/unauthorized', status: 401 });
    }
  });

  it('are stored as hashes only, in a file of their owner', async () => {
    const made = await token();
    const path = join(store.path, 'tokens.json');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).not.toContain(made.split('_').slice(2).join('_'));
    const listed = await store.ok('token', 'ls', '--json');
    expect(listed).toContain(made.slice(5, 13));
    expect(listed).not.toMatch(/hash|secret/);
  });

  it.each<[string, number, number, number]>([
    ['read', 200, 403, 403],
    ['restore', 403, 403, 404],
    ['write', 403, 404, 403],
  ])('allow what their scope says: %s', async (scope, read, write, restore) => {
    const made = await token('--scope', scope, '--rate', '1000');
    const unknown = '0'.repeat(26);
    expect(await status(`/v1/checkpoints/${id}`, { token: made })).toBe(read);
    expect(await status(`/v1/checkpoints/${id}/image`, { token: made })).toBe(read);
    expect(await status('/v1/events', { token: made, headers: { 'last-event-id': 'x' } })).toBe(
      read === 200 ? 400 : 403,
    );
    expect(await status('/v1/sql', { token: made, method: 'POST', json: { query: 'SELECT 1' } })).toBe(read);
    expect(await status(`/v1/checkpoints/${unknown}`, { token: made, method: 'DELETE' })).toBe(write);
    expect(await status(`/v1/checkpoints/${unknown}/restart`, { token: made, method: 'POST' })).toBe(restore);
    expect(await status('/healthz', { token: made })).toBe(200);
  });

  it('are refused when wrong, cut, of another shape, or expired', async () => {
    const made = await token('--rate', '1000');
    const expired = await token('--expires', '2020-01-01T00:00:00Z');
    const last = made.at(-1) === 'A' ? 'B' : 'A';
    const wrong = [
      made.slice(0, -1),
      `${made.slice(0, -1)}${last}`,
      `${made}x`,
      'ckpt__',
      'x',
      `${made} ${made}`,
      'ckpt_________',
    ];
    const before = Date.now();
    for (const attempt of [...wrong, expired]) {
      let answer = await service.ask('/healthz', { token: attempt });
      while (answer.status === 429) {
        // That is the other promise: guesses are slowed down.
        expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
        await new Promise((resolve) => setTimeout(resolve, 200));
        answer = await service.ask('/healthz', { token: attempt });
        if (Date.now() - before > 60_000) throw new Error('still slowed down');
      }
      expect(answer.status, attempt).toBe(401);
      expect(answer.headers['www-authenticate']).toContain('invalid_token');
    }
    for (const authorization of ['Basic eDp4', made, 'Bearer', `Token ${made}`]) {
      expect([401, 429]).toContain(await status('/healthz', { token: '', headers: { authorization } }));
    }
  });

  it('that are given have to be good, on the private socket too', async () => {
    const read = await token('--scope', 'read');
    expect(await status(`/v1/checkpoints/${id}`, { headers: { authorization: `Bearer ${read}` } })).toBe(200);
    const headers = { authorization: `Bearer ${read}` };
    expect(await status(`/v1/checkpoints/${id}`, { method: 'DELETE', headers })).toBe(403);
    expect([401, 429]).toContain(await status('/healthz', { headers: { authorization: 'Bearer nonsense' } }));
  });

  it('that are removed are refused from the next request on', async () => {
    const made = await store.ok('token', 'add', '--name', 'short-lived');
    expect(await status('/healthz', { token: made })).toBe(200);
    await store.ok('token', 'rm', 'short-lived');
    expect([401, 429]).toContain(await status('/healthz', { token: made }));
    expect((await store.run('token', 'rm', 'short-lived')).code).toBe(3);
  });

  it('have a rate', async () => {
    const made = await token('--rate', '1');
    const other = await token('--rate', '1000');
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.ask('/healthz', { token: made })));
    const late = answers.filter((answer) => answer.status === 429);
    expect(late.length).toBeGreaterThan(0);
    expect(answers.filter((answer) => answer.status === 200).length).toBeGreaterThan(0);
    for (const answer of late) expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(await status('/healthz', { token: other })).toBe(200); // others are not held up
  });

  it.each([
    [['--scope', 'everything'], /everything/],
    [['--expires', 'tomorrow'], /tomorrow/],
    [['--rate', '0'], /rate/],
  ])('are not made of nonsense: %s', async (options, words) => {
    const { code, stderr } = await store.run('token', 'add', '--name', 'x', ...options);
    expect(code).toBe(2);
    expect(stderr).toMatch(words);
  });
});

describe('paths', () => {
  it.each(
    [
      '/v1/checkpoints/..%2f..%2f..%2fetc%2fpasswd',
      '/v1/checkpoints/%2e%2e%2f%2e%2e%2ftokens.json/image',
      '/v1/checkpoints/../../tokens.json',
      '/../../../etc/passwd',
      '/v1/problems/..%2f..%2ftokens.json',
      '/v1/problems/constructor',
      '/v1/problems/__proto__',
      '/tokens.json',
      '//v1/checkpoints',
      '/v1/checkpoints/',
      '/V1/checkpoints',
      '/v1/checkpoints/%00/image',
      `/v1/checkpoints/${'x'.repeat(300)}`,
      `/v1/checkpoints/${'x'.repeat(5000)}`,
      '/v1/checkpoints/%E0%A4%A',
      '/v1/checkpoints/%ff%fe',
      '/v1/checkpoints?limit=1;DROP%20TABLE',
      "/v1/checkpoints?name=x'%20OR%201=1--",
      '/v1/checkpoints?__proto__[x]=1',
      '/v1/checkpoints?limit=-1',
      '/v1/checkpoints?limit=1e9',
      '/v1/checkpoints?after=..%2f..',
    ].map((path) => [path.length > 100 ? `${path.slice(0, 40)}... (${path.length})` : path, path]),
  )('%s leads nowhere', async (_name, path) => {
    const answer = await service.ask(path);
    const body = answer.body.toString();
    if (path.includes('OR%20')) expect(JSON.parse(body)).toEqual({ checkpoints: [], next: null });
    else {
      expect([400, 404, 414], `${answer.status} ${body}`).toContain(answer.status);
      expect(answer.headers['content-type']).toBe('application/problem+json');
    }
    expect(body).not.toContain(store.path);
    expect(body).not.toContain('root:');
  });
});

describe('bodies', () => {
  it('that are announced too large are refused before they come', async () => {
    const headers = { ...binary, 'content-length': '1000001', expect: '100-continue' };
    const { out } = raw(`POST /v1/ingest HTTP/1.1\r\nhost: x\r\n${head(headers)}\r\n`);
    expect(await out).toMatch(/^HTTP\/1\.1 (100 Continue\r\n\r\nHTTP\/1\.1 )?413 /);
  });

  it('that turn out too large are refused, and nothing is left', async () => {
    const body = Buffer.concat([image, Buffer.alloc(1_000_000)]);
    const { socket, out } = raw(
      `POST /v1/ingest HTTP/1.1\r\nhost: x\r\n${head({ ...binary, 'transfer-encoding': 'chunked' })}\r\n`,
    );
    socket.write(`${body.length.toString(16)}\r\n`);
    socket.write(body);
    // After the image's end the rest is wrong anyway; which of the two is seen first is open.
    expect(await out).toMatch(/^HTTP\/1\.1 (413|422) /);
    expect(await status('/v1/sql', { method: 'POST', json: { query: 'x'.repeat(70_000) } })).toBe(413);
  });

  it.each([
    ['an image', 'POST /v1/ingest', { ...binary, 'content-length': '247999' }, image.subarray(0, 1000)],
    ['a query', 'POST /v1/sql', { 'content-type': 'application/json', 'content-length': '100' }, Buffer.from('{"que')],
  ])('that stand still are given up: %s', async (_what, line, headers, part) => {
    const { socket, out } = raw(`${line} HTTP/1.1\r\nhost: x\r\n${head(headers)}\r\n`, impatient);
    socket.write(part);
    expect(await out).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('that trickle in are given up as well', async () => {
    const { socket, out } = raw(
      `POST /v1/ingest HTTP/1.1\r\nhost: x\r\n${head({ ...binary, 'content-length': '247999' })}\r\n`,
      impatient,
    );
    let at = 0;
    const drip = setInterval(() => socket.write(image.subarray(at, ++at)), 50);
    expect(await out.finally(() => clearInterval(drip))).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('of requests whose headers do not come are not waited for', async () => {
    const { out } = raw('GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ', impatient);
    const answer = await out;
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('/v1/problems/too-slow');
  });

  it('are answered before they are through, and whoever still writes is not reset', async () => {
    const socket = connect({ path: service.socket, allowHalfOpen: true });
    let answer = '';
    let failure: Error | undefined;
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    socket.on('error', (cause) => (failure = cause));
    const ended = new Promise<void>((resolve) => socket.on('end', () => resolve()));
    socket.write(
      `POST /v1/ingest HTTP/1.1\r\nhost: x\r\n${head({ ...binary, 'content-length': '247999' })}\r\nno image`,
    );
    await ended;
    expect(answer).toMatch(/^HTTP\/1\.1 422 /);
    expect(answer).toContain('byte 0');
    for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => socket.write(Buffer.alloc(1000), () => resolve()));
    expect(failure).toBeUndefined();
    socket.destroy();
  });

  it('leave nothing when their client goes away', async () => {
    const { socket } = raw(
      `POST /v1/ingest HTTP/1.1\r\nhost: x\r\n${head({ ...binary, 'content-length': '247999' })}\r\n`,
    );
    await new Promise<void>((resolve) => socket.write(image.subarray(0, 200_000), () => resolve()));
    await until('the ingest', () => work('ingest') === 1);
    socket.destroy();
    await until('its end', () => work('ingest') === 0);
    await store.expectWhole([id]);
    const aborted = await store.ok('sql', "SELECT count(*) AS n FROM checkpoint WHERE state = 'open'", '--json');
    expect(JSON.parse(aborted)).toEqual([{ n: 0 }]);
  });
});

describe('broken HTTP', () => {
  it.each([
    ['no HTTP at all', 'hello\r\n\r\n', 400],
    ['headers without an end', `GET / HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
    ['two lengths', 'POST /v1/sql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n', 400],
    [
      'a length and chunks',
      'POST /v1/sql HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n',
      400,
    ],
    ['an unknown method', 'BREW / HTTP/1.1\r\nhost: x\r\n\r\n', 400],
    ['a length that is none', 'POST /v1/sql HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n', 400],
  ])('%s is answered with a problem', async (_what, text, wanted) => {
    const answer = await raw(text).out;
    expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${wanted} `));
    expect(answer).toContain('application/problem+json');
  });

  it('does not hurt the next one', async () => {
    expect(await status('/healthz', {})).toBe(200);
  });
});

describe('addresses', () => {
  let dir: TestStore;
  afterEach(() => dir.remove());

  it('beyond loopback only with TLS', async () => {
    dir = new TestStore();
    const { code, stderr } = await dir.run('serve', '--listen', '0.0.0.0:0');
    expect(code).toBe(2);
    expect(stderr).toContain('TLS');
  });

  it('with TLS where there is a certificate', async () => {
    dir = new TestStore();
    const [cert, key] = [join(dir.dir, 'cert.pem'), join(dir.dir, 'key.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...[
          '-subj',
          '/CN=localhost',
          '-addext',
          'subjectAltName=DNS:localhost,IP:127.0.0.1',
          '-keyout',
          key,
          '-out',
          cert,
        ],
      ],
      { stdio: 'ignore' },
    );
    const served = dir.start(['serve', '--listen', '127.0.0.1:0', '--tls-cert', cert, '--tls-key', key]);
    const url = (await served.out.wait(/^https:/)).replace('127.0.0.1', 'localhost');
    const made = await dir.ok('token', 'add', '--name', 'tls');
    const tokenFile = join(dir.dir, 'token');
    writeFileSync(tokenFile, `header = "Authorization: Bearer ${made}"\n`, { mode: 0o600 });
    const curl = (...args: string[]): string =>
      execFileSync('curl', ['-sS', '--cacert', cert, ...args, `${url}/healthz`]).toString();
    expect(curl('-K', tokenFile)).toBe('{"status":"ok"}');
    expect(curl()).toContain('unauthorized');
    expect(await served.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect((await dir.run('serve', '--tls-cert', cert)).code).toBe(2);
  });

  it('of a socket that somebody else listens on is left alone, of a dead one taken over', async () => {
    dir = new TestStore();
    const first = dir.start(['serve']);
    await first.out.wait(/^http\+unix:/);
    const second = await dir.run('serve');
    expect(second.code).toBe(1);
    expect(second.stderr).toContain('EADDRINUSE');
    await first.kill('SIGKILL');
    const third = dir.start(['serve']);
    await third.out.wait(/^http\+unix:/);
    expect(await third.kill('SIGTERM')).toEqual({ code: 0, signal: null });
    expect((await dir.run('serve', '--listen', `unix:${'x'.repeat(200)}`)).code).toBe(2);
    expect((await dir.run('serve', '--listen', 'nonsense')).code).toBe(2);
  });

  it('on a socket that others may open, tokens count', async () => {
    dir = new TestStore();
    // As systemd does it: the socket is handed over, here with a mode for everybody.
    const path = join(dir.dir, 'shared.sock');
    const hand = `import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); os.chmod(sys.argv[1], int(sys.argv[2], 8)); s.listen()
os.dup2(s.fileno(), 3); os.set_inheritable(3, True); os.environ['LISTEN_FDS'] = '1'; os.environ['LISTEN_PID'] = str(os.getpid())
os.execv(sys.argv[3], sys.argv[3:])`;
    for (const [mode, wanted] of [
      ['0666', 'unauthorized'],
      ['0600', 'ok'],
    ] as const) {
      const served = dir.startProgram('python3', ['-c', hand, path, mode, process.execPath, dir.program, 'serve']);
      await served.out.wait(/^http\+unix:/);
      const said = execFileSync('curl', ['-sS', '--unix-socket', path, 'http://x/healthz']).toString();
      expect(said, mode).toContain(wanted);
      expect(await served.kill('SIGTERM')).toEqual({ code: 0, signal: null });
      execFileSync('rm', ['-f', path]);
    }
  });
});

function head(headers: Readonly<Record<string, string>>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** A connection on which anything may be said; `out` is all of the answer. */
function raw(text: string, to = service): { readonly socket: Socket; readonly out: Promise<string> } {
  const socket = connect(to.socket);
  const chunks: Buffer[] = [];
  const out = new Promise<string>((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
  socket.write(text);
  return { socket, out };
}

/** Work of a kind going on, as /metrics last said; asks for it anew for the next time. */
let lastMetrics = '';
function work(kind: string): number {
  void service.ask('/metrics').then(({ body }) => (lastMetrics = body.toString()));
  return Number(new RegExp(`ckpt_work_in_progress\\{kind="${kind}"\\} (\\d+)`).exec(lastMetrics)?.[1] ?? -1);
}
