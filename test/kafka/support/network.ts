// SPDX-License-Identifier: Apache-2.0
//
// Machines of a network of their own: network namespaces, each with a wire to the one where the broker is. Only root can make them.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Whether namespaces can be made here; else why not. */
export function networkProblem(): string | null {
  if (process.getuid?.() !== 0) return 'only root can make network namespaces';
  const probe = `ckpt-probe-${process.pid}`;
  try {
    ip('netns', 'add', probe);
    ip('netns', 'delete', probe);
    return null;
  } catch (error) {
    return (error as Error).message.split('\n').join(' ');
  }
}

export class Network {
  /** Of the broker, on every wire. */
  readonly address = '10.98.0.1';
  private readonly names: string[] = [];
  private broker: ChildProcess | undefined;

  private constructor(private readonly prefix: string) {}

  static make(machines: readonly string[]): Network {
    const network = new Network(`ckpt-${process.pid}-`);
    network.add('broker');
    network.in('broker', 'ip', 'address', 'add', `${network.address}/32`, 'dev', 'lo');
    for (const [index, machine] of machines.entries()) network.connect(machine, index + 1);
    return network;
  }

  /** Starts a broker there; resolves to HOST:PORT when it answers. */
  async start(args: readonly string[]): Promise<string> {
    const child = this.spawn('broker', program('scripts/kafka/main.mjs'), ...['--host', this.address, ...args]);
    this.broker = child;
    if (!child.stdout) throw new Error('no pipe');
    for await (const line of createInterface({ input: child.stdout })) {
      const found = /^CKPT_LOG=kafka:\/\/([^/]*)/.exec(line);
      if (found?.[1]) return found[1];
    }
    throw new Error('the broker did not start');
  }

  /** bin/ckpt on one of the machines. */
  async ckpt(
    machine: string,
    store: string,
    log: string,
    ...args: string[]
  ): Promise<{ code: number; stdout: Buffer }> {
    const child = this.spawn(machine, program('bin/ckpt'), '--store', store, '--log', log, ...args);
    const out: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    const [code] = (await once(child, 'close')) as [number];
    return { code, stdout: Buffer.concat(out) };
  }

  async remove(): Promise<void> {
    if (this.broker && this.broker.exitCode === null) {
      this.broker.kill('SIGTERM');
      await once(this.broker, 'exit');
    }
    for (const name of this.names) ip('netns', 'delete', name);
  }

  /** Runs a command in a namespace. */
  in(machine: string, ...command: string[]): Buffer {
    return execFileSync('ip', ['netns', 'exec', this.prefix + machine, ...command]);
  }

  /** A command on a machine that sees the files and processes of this one: `ip netns exec` would give it mounts of its own. */
  command(machine: string, ...command: string[]): string[] {
    return ['nsenter', `--net=/run/netns/${this.prefix + machine}`, '--', ...command];
  }

  private spawn(machine: string, path: string, ...args: string[]): ChildProcess {
    const command = ['netns', 'exec', this.prefix + machine, process.execPath, path, ...args];
    return spawn('ip', command, { stdio: ['ignore', 'pipe', 'ignore'], env: { ...process.env, NODE_ENV: '' } });
  }

  private add(machine: string): void {
    ip('netns', 'add', this.prefix + machine);
    this.names.push(this.prefix + machine);
    this.in(machine, 'ip', 'link', 'set', 'lo', 'up');
  }

  private connect(machine: string, number: number): void {
    this.add(machine);
    const [near, far] = [`10.98.${number}.1`, `10.98.${number}.2`];
    const end = `to-${number}`;
    const peer = ['peer', 'name', 'wire', 'netns', this.prefix + machine];
    ip('-n', `${this.prefix}broker`, 'link', 'add', end, 'type', 'veth', ...peer);
    this.in('broker', 'ip', 'address', 'add', `${near}/30`, 'dev', end);
    this.in('broker', 'ip', 'link', 'set', end, 'up');
    this.in(machine, 'ip', 'address', 'add', `${far}/30`, 'dev', 'wire');
    this.in(machine, 'ip', 'link', 'set', 'wire', 'up');
    this.in(machine, 'ip', 'route', 'add', `${this.address}/32`, 'via', near);
  }
}
