// SPDX-License-Identifier: Apache-2.0
//
// Brokers that want TLS, passwords and rights: what goes with them, and what they refuse.
import { writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes, type AclEntry } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KafkaCluster } from '../../scripts/kafka/cluster.mjs';
import { buildImage, plainShape, rowOfPages } from '../support/image-generator.js';
import { newCluster } from './support/broker.js';
import { Authority } from './support/certificates.js';
import { runCkpt } from './support/ckpt.js';
import { newDirectory, newPrefix, plainClient, removeDirectory } from './support/topics.js';

const PASSWORD = 'p@ss:word/1';
const { bytes } = buildImage(plainShape(2, { seed: 5, mappings: [rowOfPages(100, 'noise', 'text')] }));

let dir: string;
let authority: Authority;
let cluster: KafkaCluster;
let image: string;
/** Ports of the listeners beside the plain one. */
const ports = { tls: 0, mutual: 0, sasl: 0, both: 0 };
let machines = 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

beforeAll(async () => {
  dir = newDirectory();
  image = join(dir, 'a.img');
  writeFileSync(image, bytes);
  authority = new Authority(dir);
  const broker = authority.sign('broker');
  for (const name of Object.keys(ports) as (keyof typeof ports)[]) ports[name] = await freePort();
  const users = ['alice', 'reader', 'nobody'].map((name) => `user_${name}="${PASSWORD}"`).join(' ');
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required ${users};`;
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const properties: Record<string, string | number> = {
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,MUTUAL:SSL,SASL:SASL_PLAINTEXT,BOTH:SASL_SSL',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': broker.both,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': authority.ca,
    'listener.name.mutual.ssl.client.auth': 'required',
    'listener.name.sasl.sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
    'listener.name.sasl.plain.sasl.jaas.config': plain,
    'listener.name.sasl.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.both.sasl.enabled.mechanisms': 'SCRAM-SHA-512',
    'listener.name.both.scram-sha-512.sasl.jaas.config': scram,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    // The plain listener is the broker's own, and the test's.
    'super.users': 'User:ANONYMOUS;User:CN=client',
  };
  const formatOptions = ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism) => [
    '--add-scram',
    `${mechanism}=[name=alice,password=${PASSWORD}]`,
  ]);
  cluster = await newCluster({
    formatOptions,
    properties,
    listeners: Object.entries(ports).map(([name, port]) => `${name.toUpperCase()}://127.0.0.1:${port}`),
  });
});
afterAll(async () => {
  await cluster.stop();
  removeDirectory(dir);
});

function urlOf(listener: keyof typeof ports, query: string, prefix = newPrefix()): string {
  return `kafka://127.0.0.1:${ports[listener]}/${prefix}?${query}`;
}

/** Takes the image in and gives it back on a new machine. */
async function expectToWork(url: string): Promise<void> {
  const taken = await runCkpt(join(dir, `m${++machines}`), url, 'ingest', image);
  expect(taken.code, taken.stderr).toBe(0);
  const given = await runCkpt(join(dir, `m${++machines}`), url, 'export', taken.stdout.toString().trim());
  expect(given.code, given.stderr).toBe(0);
  expect(given.stdout.equals(bytes)).toBe(true);
}

/** One line, exit code 1, and no secret in it. */
async function expectRefusal(url: string, words: RegExp, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runCkpt(join(dir, `m${++machines}`), url, ...(args.length ? args : ['ls']));
  expect(stderr).toMatch(words);
  expect(stderr.trim().split('\n').length, stderr).toBe(1);
  expect(stderr).not.toContain(PASSWORD);
  expect(stdout.toString()).toBe('');
  expect(code).toBe(1);
}

async function allow(principal: string, prefix: string, operations: readonly AclOperationTypes[]): Promise<void> {
  const acl: AclEntry[] = operations.map((operation) => ({
    resourceType: AclResourceTypes.TOPIC,
    resourceName: `${prefix}.`,
    resourcePatternType: ResourcePatternTypes.PREFIXED,
    principal: `User:${principal}`,
    host: '*',
    operation,
    permissionType: AclPermissionTypes.ALLOW,
  }));
  const admin = plainClient(cluster.addresses).admin();
  await admin.connect();
  await admin.createAcls({ acl });
  await admin.disconnect();
}

const { READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS } = AclOperationTypes;
const WRITER = [READ, WRITE, CREATE, DESCRIBE, DESCRIBE_CONFIGS];
const READER = [READ, DESCRIBE, DESCRIBE_CONFIGS];

function config(settings: Record<string, string>): string {
  const path = join(dir, `config-${++machines}.json`);
  writeFileSync(path, JSON.stringify(settings), { mode: 0o600 });
  return `config=${path}`;
}

describe('a broker that speaks TLS', () => {
  it('and asks for a certificate takes one that its authority signed', async () => {
    const client = authority.sign('client');
    await expectToWork(urlOf('mutual', `ca=${authority.ca}&cert=${client.cert}&key=${client.key}`));
  });

  it('is refused when nobody known signed it', () =>
    expectRefusal(urlOf('tls', 'tls=true'), /no secure connection: .*certificate/));

  it('refuses who has no certificate', () =>
    expectRefusal(urlOf('mutual', `ca=${authority.ca}`), /secure|certificate/));

  it('is refused when it is spoken to without', () =>
    expectRefusal(urlOf('tls', 'request-timeout-ms=1500&retry-ms=0'), /^ckpt: open: /));
});

describe('a broker that asks who one is', () => {
  it.each([
    ['sasl', 'plain', ''],
    ['sasl', 'scram-sha-256', ''],
    ['both', 'scram-sha-512', 'ca'],
  ] as const)('at listener %s, by %s', async (listener, sasl, ca) => {
    const prefix = newPrefix();
    await allow('alice', prefix, WRITER);
    const settings = { user: 'alice', password: PASSWORD, sasl, ...(ca ? { ca: authority.ca } : {}) };
    await expectToWork(urlOf(listener, config(settings), prefix));
  });

  it.each(['plain', 'scram-sha-256'])('refuses a wrong password by %s', (sasl) =>
    expectRefusal(
      urlOf('sasl', config({ user: 'alice', password: `${PASSWORD}x`, sasl })),
      /the broker refuses authentication/,
    ),
  );

  it('is asked once more when it is gone before it says whether the password is right', async () => {
    const settings = { user: 'alice', password: PASSWORD, 'request-timeout-ms': '2000' };
    // By its first connection only two answers come through, or two and the end: what it speaks, and that it takes passwords.
    for (const ends of [false, true]) {
      let connections = 0;
      const wire = createServer((client) => {
        const isFirst = ++connections === 1;
        const broker = connect(ports.sasl, '127.0.0.1');
        for (const socket of [client, broker]) socket.on('error', () => undefined);
        client.pipe(broker);
        let answers = 0;
        broker.on('data', (answer) => {
          if (!isFirst || ++answers <= 2) client.write(answer);
          else if (ends) client.destroy();
        });
      }).listen(0, '127.0.0.1');
      await once(wire, 'listening');
      const { port } = wire.address() as AddressInfo;
      const url = `kafka://127.0.0.1:${port}/${newPrefix()}?${config(settings)}`;
      const { code, stderr } = await runCkpt(join(dir, `m${++machines}`), url, 'ls', '--json');
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(connections).toBeGreaterThan(1);
      wire.close();
    }
  });

  it('refuses who says nothing', () =>
    expectRefusal(urlOf('sasl', 'request-timeout-ms=1500&retry-ms=0'), /^ckpt: open: /));
});

describe('a broker that gives rights', () => {
  it('refuses who has none, and tells nothing of a log that is there', async () => {
    const login = config({ user: 'nobody', password: PASSWORD });
    await expectRefusal(urlOf('sasl', login), /does not allow it/, 'ingest', image);
  });

  it('lets look who may only look, and not write', async () => {
    const prefix = newPrefix();
    await allow('alice', prefix, WRITER);
    await allow('reader', prefix, READER);
    const writer = urlOf('sasl', config({ user: 'alice', password: PASSWORD }), prefix);
    const reader = urlOf('sasl', config({ user: 'reader', password: PASSWORD }), prefix);
    const { code, stdout, stderr } = await runCkpt(join(dir, `m${++machines}`), writer, 'ingest', image);
    expect(code, stderr).toBe(0);
    const given = await runCkpt(join(dir, 'reads'), reader, 'export', stdout.toString().trim());
    expect(given.stdout.equals(bytes), given.stderr).toBe(true);
    await expectRefusal(reader, /does not allow it/, 'ingest', image);
    expect((await runCkpt(join(dir, 'reads'), reader, 'verify')).code).toBe(0);
  });
});
