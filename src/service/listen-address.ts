// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { CkptError } from '../format/errors.js';

/** Where a service listens, or a client finds one. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** A descriptor that was handed over, as by systemd. */
  | { readonly kind: 'descriptor'; readonly fd: number };

/** sun_path, with its final NUL. */
const SOCKET_PATH_BYTES_MAX = 108;

/** `unix:PATH`, or HOST:PORT with brackets around an IPv6 address. CkptError `usage`. */
export function parseListenAddress(text: string): ListenAddress {
  if (text.startsWith('unix:')) return unixAddress(text.slice('unix:'.length));
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) {
    throw new CkptError('usage', `'${text}' is not an address to listen on`, 'unix:PATH, or HOST:PORT');
  }
  return { kind: 'tcp', host: (match[1] ?? match[2])!, port };
}

export function unixAddress(path: string): ListenAddress {
  const full = resolve(path);
  if (path === '' || Buffer.byteLength(full) >= SOCKET_PATH_BYTES_MAX) {
    const most = `at most ${String(SOCKET_PATH_BYTES_MAX - 1)} bytes`;
    throw new CkptError('usage', `the path of a socket has ${most}: ${full}`, 'ckpt serve --listen unix:PATH');
  }
  return { kind: 'unix', path: full };
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '::ffff:127.0.0.1' || /^127(\.\d{1,3}){3}$/.test(host);
}

const FIRST_DESCRIPTOR = 3;

/** Descriptors that systemd hands over (sd_listen_fds(3)), and only to the process it means. */
export function passedDescriptors(env: NodeJS.ProcessEnv, pid: number): ListenAddress[] {
  const count = Number(env['LISTEN_FDS'] ?? 0);
  if (env['LISTEN_PID'] !== String(pid) || !Number.isInteger(count) || count < 1) return [];
  return Array.from({ length: count }, (_, i) => ({ kind: 'descriptor', fd: FIRST_DESCRIPTOR + i }));
}
