// SPDX-License-Identifier: Apache-2.0
//
// Sockets that the service listens on. A Unix socket is made with mode 0600; TCP is plain on loopback and TLS everywhere else. Slow
// headers, too many connections and broken HTTP are dealt with here, before there is a request.
import { chmodSync, readFileSync, readlinkSync, statSync, unlinkSync } from 'node:fs';
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { CkptError } from '../format/errors.js';
import type { Limits } from './limits.js';
import { isLoopback, type ListenAddress } from './listen-address.js';
import { documentOf, type ProblemName } from './problems.js';

export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
}

export interface Listener {
  readonly server: Server;
  /** Only the owner of the socket can be at the other end. */
  readonly private: boolean;
  /** For people: what to give to --remote. */
  readonly url: string;
}

export interface ListenerOptions {
  readonly address: ListenAddress;
  readonly tls: TlsFiles | undefined;
  readonly limits: Limits;
  readonly handler: RequestListener;
}

/** How often Node looks for requests whose headers do not come. */
const CHECK_MS = 1000;

/** CkptError `usage` when the address is not to be listened on like this, `failed` when it cannot be. */
export async function openListener(options: ListenerOptions): Promise<Listener> {
  const { address, tls, limits, handler } = options;
  const secure = tls !== undefined && address.kind !== 'unix';
  const settings = {
    headersTimeout: limits.headersMs,
    requestTimeout: 0, // bodies have bounds of their own
    keepAliveTimeout: 5000,
    connectionsCheckingInterval: CHECK_MS,
  };
  const server = secure
    ? createHttpsServer({ ...settings, ...readTls(tls) }, handler)
    : createHttpServer(settings, handler);
  server.maxConnections = limits.connectionsMax;
  server.on('clientError', answerBrokenRequest);
  await listen(server, address);
  try {
    return describe(server, address, secure);
  } catch (error) {
    server.close();
    throw error;
  }
}

function readTls({ cert, key }: TlsFiles): { cert: Buffer; key: Buffer; minVersion: 'TLSv1.2' } {
  const read = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (cause) {
      throw new CkptError('failed', `cannot read ${path}: ${(cause as Error).message}`, undefined, { cause });
    }
  };
  return { cert: read(cert), key: read(key), minVersion: 'TLSv1.2' };
}

async function listen(server: Server, address: ListenAddress): Promise<void> {
  switch (address.kind) {
    case 'descriptor':
      await listening(server, { fd: address.fd });
      return;
    case 'tcp':
      await listening(server, { host: address.host, port: address.port });
      return;
    case 'unix':
      await removeStale(address.path);
      await listenPrivately(server, address.path);
  }
}

/** The mode is there from the first moment: whoever could open the socket in between would stay connected. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const before = process.umask(0o177);
  const done = listening(server, { path }); // binds at once
  process.umask(before);
  await done;
  chmodSync(path, 0o600);
}

function listening(
  server: Server,
  where: { fd: number } | { path: string } | { host: string; port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error): void =>
      reject(new CkptError('failed', `cannot listen: ${cause.message}`, 'ckpt serve --listen ADDRESS', { cause }));
    server.once('error', failed);
    server.listen(where, () => {
      server.off('error', failed);
      resolve();
    });
  });
}

/** A socket that nobody listens on any more is removed; one in use is left, and bind says so. */
async function removeStale(path: string): Promise<void> {
  if (!statSync(path, { throwIfNoEntry: false })?.isSocket()) return;
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
  if (!answered) unlinkSync(path);
}

function describe(server: Server, address: ListenAddress, secure: boolean): Listener {
  const bound = server.address();
  if (bound === null || typeof bound === 'string') {
    const path = address.kind === 'descriptor' ? pathOfSocket(address.fd) : (bound ?? '');
    return { server, private: isPrivateSocket(path), url: `http+unix://${encodeURI(path)}` };
  }
  if (!secure && !isLoopback(bound.address)) {
    throw new CkptError(
      'usage',
      `${bound.address} is not loopback: TCP beyond this machine only with TLS`,
      '--tls-cert FILE --tls-key FILE',
    );
  }
  const host = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  return { server, private: false, url: `http${secure ? 's' : ''}://${host}:${String(bound.port)}` };
}

/** Path of a Unix socket that was handed over; empty when it has none. */
function pathOfSocket(fd: number): string {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${String(fd)}`))?.[1];
  const line = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .find((text) => text.trim().split(/ +/)[6] === inode);
  return line?.trim().split(/ +/).slice(7).join(' ') ?? '';
}

/** Whether the socket is ours and nobody else may open it. One that was handed over may be meant for a group: then tokens count. */
function isPrivateSocket(path: string): boolean {
  const stat = path === '' ? undefined : statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && (stat.mode & 0o077) === 0 && stat.uid === process.getuid?.();
}

const broken: Readonly<Record<string, ProblemName>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'too-slow',
  HPE_HEADER_OVERFLOW: 'headers-too-large',
};

/** What is no HTTP, or comes too slowly, gets a problem document too, and is shown the door. */
function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const document = documentOf(broken[error.code ?? ''] ?? 'bad-request', 'this is not a request that can be read');
  const body = JSON.stringify(document);
  socket.end(
    `HTTP/1.1 ${String(document.status)} ${document.title}\r\ncontent-type: application/problem+json\r\n` +
      `content-length: ${String(Buffer.byteLength(body))}\r\nconnection: close\r\n\r\n${body}`,
  );
}
