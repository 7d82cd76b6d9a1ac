// SPDX-License-Identifier: Apache-2.0
//
// A real Kafka cluster on loopback, for tests and for trying it out: brokers that are their own controllers (KRaft), each a
// child process with ports and folders of its own. A broker dies with the process that started it.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { capture, Failure, installed } from '../lib/run.mjs';
import { bringJars } from './jars.mjs';

/** How long a broker may take to answer, on a machine that is busy with other things. */
const READY_MS = 300_000;
const STOP_MS = 20_000;

const log4j = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=[%d] %p %m (%c)%n
`;

/** A port of 127.0.0.1 that is free now. */
async function freePort(host) {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

export class KafkaBroker {
  #child;
  #jars;
  #heap;

  constructor(id, host, port, controllerPort, dir, jars, heap) {
    this.id = id;
    this.host = host;
    this.port = port;
    this.controllerPort = controllerPort;
    this.dir = dir;
    this.#jars = jars;
    this.#heap = heap;
  }

  get address() {
    return `${this.host}:${this.port}`;
  }

  get pid() {
    return this.#child?.pid;
  }

  get logFile() {
    return join(this.dir, 'broker.log');
  }

  get #config() {
    return join(this.dir, 'server.properties');
  }

  /** Writes the configuration and formats the data folder. */
  format(clusterId, voters, brokers, properties, formatOptions, listeners) {
    mkdirSync(this.dir, { recursive: true });
    const replicas = Math.min(3, brokers);
    const settings = {
      'process.roles': 'broker,controller',
      'node.id': this.id,
      'controller.quorum.voters': voters,
      listeners: [`PLAINTEXT://${this.address}`, `CONTROLLER://${this.host}:${this.controllerPort}`, ...listeners].join(
        ',',
      ),
      'advertised.listeners': [`PLAINTEXT://${this.address}`, ...listeners].join(','),
      'controller.listener.names': 'CONTROLLER',
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT',
      'inter.broker.listener.name': 'PLAINTEXT',
      'log.dirs': join(this.dir, 'data'),
      'default.replication.factor': replicas,
      'min.insync.replicas': replicas > 1 ? 2 : 1,
      'offsets.topic.replication.factor': replicas,
      'offsets.topic.num.partitions': 1,
      'transaction.state.log.replication.factor': replicas,
      'transaction.state.log.min.isr': replicas > 1 ? 2 : 1,
      'group.initial.rebalance.delay.ms': 0,
      'auto.create.topics.enable': false,
      'num.network.threads': 2,
      'num.io.threads': 4,
      'log.cleaner.dedupe.buffer.size': 4 << 20,
      ...properties,
    };
    const text = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(this.#config, text.join(''));
    writeFileSync(join(this.dir, 'log4j.properties'), log4j);
    const result = capture(
      'java',
      this.#java('kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', this.#config, ...formatOptions),
    );
    if (result.status !== 0) throw new Failure(`kafka: the data folder cannot be formatted: ${result.stderr.trim()}`);
  }

  start() {
    const out = openSync(this.logFile, 'a');
    const command = ['java', ...this.#java('kafka.Kafka', this.#config)];
    // Whatever becomes of the tests, no broker is left behind.
    if (installed('setpriv')) command.unshift('setpriv', '--pdeathsig', 'KILL');
    this.#child = spawn(command[0], command.slice(1), { stdio: ['ignore', out, out], cwd: this.dir });
    closeSync(out);
  }

  /** Resolves when a client's question for metadata is answered. */
  async ready() {
    const deadline = Date.now() + READY_MS;
    const kafka = new Kafka({
      brokers: [this.address],
      connectionTimeout: 2000,
      requestTimeout: 5000,
      retry: { retries: 0 },
      logLevel: logLevel.NOTHING,
    });
    for (;;) {
      const admin = kafka.admin();
      try {
        await admin.connect();
        const { brokers } = await admin.describeCluster();
        if (brokers.some((broker) => broker.nodeId === this.id)) return;
      } catch {
        // Not yet.
      } finally {
        await admin.disconnect().catch(() => undefined);
      }
      if (this.#ended()) throw new Failure(`kafka: the broker has ended:\n${this.logTail()}`);
      if (Date.now() > deadline) throw new Failure(`kafka: the broker does not answer:\n${this.logTail()}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  signal(name) {
    this.#child?.kill(name);
  }

  /** Resolves when it has ended by itself. */
  async ended() {
    if (!this.#ended()) await once(this.#child, 'exit');
  }

  /** Ends the broker and waits until it is gone. */
  async stop(signal = 'SIGTERM') {
    const child = this.#child;
    if (!child || this.#ended()) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    if (signal !== 'SIGKILL') child.kill('SIGCONT');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await exit;
    clearTimeout(timer);
  }

  logTail() {
    return readFileSync(this.logFile, 'utf8').split('\n').slice(-30).join('\n');
  }

  #ended() {
    return this.#child?.exitCode !== null || this.#child.signalCode !== null;
  }

  #java(...args) {
    return [
      `-Xmx${this.#heap}`,
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      `-Dlog4j.configuration=file:${join(this.dir, 'log4j.properties')}`,
      '-cp',
      `${this.#jars}/*`,
      ...args,
    ];
  }
}

/**
 * Starts a cluster. `properties` go into every server.properties; the folder is a temporary one unless `dir` is given; `onPorts` is
 * told the brokers' ports before they start; `formatOptions` are of Kafka's storage tool; `listeners` are more than the plain one, for a
 * single broker.
 * @returns {Promise<{brokers: KafkaBroker[], addresses: string, dir: string, stop: () => Promise<void>}>}
 */
export async function startCluster(options = {}) {
  const {
    brokers = 1,
    version,
    heap = '512m',
    dir,
    host = '127.0.0.1',
    properties = {},
    formatOptions = [],
    listeners = [],
    onPorts,
  } = options;
  const jars = await bringJars(version);
  const folder = dir ?? mkdtempSync(join(tmpdir(), 'ckpt-kafka-'));
  // One that began with a dash would be taken for an option.
  const clusterId = randomBytes(16).toString('base64url').replace(/^-/, 'A');
  const nodes = [];
  for (let id = 1; id <= brokers; id++) {
    nodes.push(
      new KafkaBroker(id, host, await freePort(host), await freePort(host), join(folder, `broker-${id}`), jars, heap),
    );
  }
  onPorts?.(nodes.map((node) => node.port));
  const voters = nodes.map((node) => `${node.id}@${host}:${node.controllerPort}`).join(',');
  const stop = async () => {
    for (const node of nodes) await node.stop('SIGKILL');
    if (dir === undefined) rmSync(folder, { recursive: true, force: true });
  };
  try {
    for (const node of nodes) node.format(clusterId, voters, brokers, properties, formatOptions, listeners);
    for (const node of nodes) node.start();
    for (const node of nodes) await node.ready();
  } catch (error) {
    await stop();
    throw error;
  }
  return { brokers: nodes, addresses: nodes.map((node) => node.address).join(','), dir: folder, stop };
}
