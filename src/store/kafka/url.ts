// SPDX-License-Identifier: Apache-2.0
//
// The URL of a log on Kafka, and the settings that it carries:
//
//   kafka://[USER:PASSWORD@]HOST:PORT[,HOST:PORT...]/PREFIX[?NAME=VALUE&...]
//
// `config=FILE` names a JSON object with the same names (and `user`, `password`), so that secrets need not stand on a command
// line; what stands in the URL wins.
import { readFileSync } from 'node:fs';
import { CkptError } from '../../format/errors.js';
import type { TopicName } from './protocol.js';

export type SaslMechanism = 'plain' | 'scram-sha-256' | 'scram-sha-512';

export interface KafkaSettings {
  /** HOST:PORT of the brokers to start from. */
  readonly brokers: readonly string[];
  /** The topics are PREFIX.images and PREFIX.packs. */
  readonly prefix: string;
  /** Null: no TLS. Texts are PEM. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | null;
  readonly sasl: { readonly mechanism: SaslMechanism; readonly username: string; readonly password: string } | null;
  /** Partitions of topics that are made; those that are there keep theirs. */
  readonly partitions: number;
  /** Replicas of topics that are made; -1: as the brokers are set; null: three, or as many as there are brokers. */
  readonly replication: number | null;
  /** Bytes that the files of packs may take here, which are brought when they are needed; null: all packs are kept. */
  readonly packsBytesMax: number | null;
  /** How long one request may take. */
  readonly requestTimeoutMs: number;
  /** How long work goes on being tried again while the cluster does not answer. */
  readonly retryMs: number;
}

const defaults = {
  partitions: 4,
  replication: 0,
  'request-timeout-ms': 15_000,
  'retry-ms': 60_000,
  'packs-bytes-max': 1 << 30,
};
const mechanisms: readonly string[] = ['plain', 'scram-sha-256', 'scram-sha-512'];
const names = [
  ...['tls', 'ca', 'cert', 'key', 'sasl', 'user', 'password', 'password-file'],
  ...['partitions', 'replication', 'request-timeout-ms', 'retry-ms', 'packs', 'packs-bytes-max'],
];

const shape = /^kafka:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/([^/?#]+)\/?(?:\?([^#]*))?$/;

/** CkptError `usage` says what is wrong with it; a password is never repeated. */
export function parseKafkaUrl(url: string): KafkaSettings {
  const [, login, hosts = '', prefix = '', query = ''] =
    shape.exec(url) ?? refuse('it is not kafka://HOST:PORT/PREFIX');
  const brokers = hosts.split(',');
  for (const broker of brokers) {
    const port = Number(/^[\w.-]+:(\d{1,5})$/.exec(broker)?.[1] ?? 0);
    if (port < 1 || port > 65535) refuse(`'${broker}' is not HOST:PORT`);
  }
  if (!/^[A-Za-z0-9._-]{1,200}$/.test(prefix)) refuse(`'${prefix}' cannot be the beginning of a topic's name`);
  const parameters = new Map<string, string>();
  const search = new URLSearchParams(query);
  const config = search.get('config');
  if (config !== null) for (const [name, value] of readConfig(config)) parameters.set(name, value);
  if (login) {
    const [user = '', ...password] = login.split(':');
    parameters.set('user', decodeURIComponent(user));
    if (password.length > 0) parameters.set('password', decodeURIComponent(password.join(':')));
  }
  for (const [name, value] of search) if (name !== 'config') parameters.set(name, value);
  for (const name of parameters.keys()) {
    if (!names.includes(name)) refuse(`there is no parameter '${name}'`, `parameters: config, ${names.join(', ')}`);
  }
  return {
    brokers,
    prefix,
    tls: readTls(parameters),
    sasl: readSasl(parameters),
    partitions: integer(parameters, 'partitions', 1, 1000),
    replication: integer(parameters, 'replication', -1, 100) || null,
    packsBytesMax: readPacks(parameters),
    requestTimeoutMs: integer(parameters, 'request-timeout-ms', 100, 600_000),
    retryMs: integer(parameters, 'retry-ms', 0, 3_600_000),
  };
}

/** The URL for messages: without secrets. */
export function kafkaPlace(settings: KafkaSettings): string {
  return `kafka://${settings.brokers.join(',')}/${settings.prefix}`;
}

export function topicOf(settings: KafkaSettings, topic: TopicName): string {
  return `${settings.prefix}.${topic}`;
}

function refuse(problem: string, hint = 'kafka://HOST:PORT[,HOST:PORT]/PREFIX, see docs/kafka.md'): never {
  throw new CkptError('usage', `log URL: ${problem}`, hint);
}

function readConfig(path: string): [string, string][] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new CkptError('usage', `log URL: config ${path}: ${(cause as Error).message}`, undefined, { cause });
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) refuse(`config ${path}: not an object`);
  return Object.entries(parsed).map(([name, value]) => [name, String(value)]);
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CkptError('usage', `log URL: ${(cause as Error).message}`, undefined, { cause });
  }
}

function readTls(parameters: ReadonlyMap<string, string>): KafkaSettings['tls'] {
  const files = (['ca', 'cert', 'key'] as const).filter((name) => parameters.has(name));
  const on = parameters.get('tls') ?? (files.length > 0 ? 'true' : 'false');
  if (on !== 'true' && on !== 'false') refuse(`tls is true or false, not '${on}'`);
  if (on === 'false') return null;
  return Object.fromEntries(files.map((name) => [name, readText(parameters.get(name) ?? '')]));
}

function readSasl(parameters: ReadonlyMap<string, string>): KafkaSettings['sasl'] {
  const user = parameters.get('user');
  const mechanism = parameters.get('sasl') ?? (user === undefined ? undefined : 'plain');
  if (mechanism === undefined) return null;
  if (!mechanisms.includes(mechanism)) refuse(`sasl is ${mechanisms.join(', ')}, not '${mechanism}'`);
  const file = parameters.get('password-file');
  const password = parameters.get('password') ?? (file === undefined ? undefined : readText(file).trimEnd());
  if (user === undefined || password === undefined) refuse('sasl needs a user and a password');
  return { mechanism: mechanism as SaslMechanism, username: user, password };
}

/** A budget alone means on demand. */
function readPacks(parameters: ReadonlyMap<string, string>): number | null {
  const bytesMax = integer(parameters, 'packs-bytes-max', 1, Number.MAX_SAFE_INTEGER);
  const packs = parameters.get('packs') ?? (parameters.has('packs-bytes-max') ? 'on-demand' : 'all');
  if (packs !== 'all' && packs !== 'on-demand') refuse(`packs is all or on-demand, not '${packs}'`);
  return packs === 'all' ? null : bytesMax;
}

function integer(
  parameters: ReadonlyMap<string, string>,
  name: keyof typeof defaults,
  min: number,
  max: number,
): number {
  const text = parameters.get(name);
  if (text === undefined) return defaults[name];
  const value = Number(text);
  if (
    text.trim() === '' ||
    !Number.isInteger(value) ||
    value < min ||
    value > max ||
    (name === 'replication' && !value)
  )
    refuse(`${name} is a whole number from ${min} to ${max}, not '${text}'`);
  return value;
}
