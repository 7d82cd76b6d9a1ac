// SPDX-License-Identifier: Apache-2.0
//
// The package as users get it: packed from a copy of the checkout, installed under a clean prefix, used, removed.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Made by the build, kept out of git, and part of the package. */
const built = ['dist', 'man', 'completions'];

export interface Outcome {
  readonly status: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: { cwd?: string; input?: Buffer } = {},
): Outcome {
  const result = spawnSync(command, args, { env, maxBuffer: 1 << 28, timeout: 900_000, ...options });
  if (result.error) throw result.error;
  return { status: result.status ?? 128, stdout: result.stdout, stderr: result.stderr.toString() };
}

/** Like run, and throws with the command's words when it fails. */
export function mustRun(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: { cwd?: string; input?: Buffer } = {},
): Buffer {
  const outcome = run(command, args, env, options);
  if (outcome.status !== 0) {
    throw new Error(
      `${command} ${args.join(' ')}: exit code ${outcome.status}\n${outcome.stdout.toString()}\n${outcome.stderr}`,
    );
  }
  return outcome.stdout;
}

/** Packs a copy of the checkout as it is built; returns the tarball's path. */
export function pack(dir: string): string {
  const copy = join(dir, 'copy');
  const listed = mustRun('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], process.env, {
    cwd: root,
  });
  for (const file of listed.toString().split('\0')) {
    if (!file || !existsSync(join(root, file))) continue;
    mkdirSync(join(copy, dirname(file)), { recursive: true });
    cpSync(join(root, file), join(copy, file));
  }
  for (const folder of built) cpSync(join(root, folder), join(copy, folder), { recursive: true });
  for (const name of readdirSync(join(copy, 'bin'))) chmodSync(join(copy, 'bin', name), 0o755);
  // Built already; building again in a copy without node_modules could not work.
  const packed = mustRun('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', dir], process.env, {
    cwd: copy,
  });
  const [first] = JSON.parse(packed.toString()) as { filename: string }[];
  if (!first) throw new Error('npm pack said nothing');
  return join(dir, first.filename);
}

/** An installation under a prefix of its own, with the environment that its programs are run in. */
export class Installation {
  readonly env: NodeJS.ProcessEnv;

  /** `nodePrefix`: a Node other than the one that runs the tests, with its headers; npm itself then runs under it too. */
  constructor(
    readonly prefix: string,
    nodePrefix?: string,
  ) {
    const path = [
      join(prefix, 'bin'),
      ...(nodePrefix === undefined ? [] : [join(nodePrefix, 'bin')]),
      process.env['PATH'] ?? '',
    ];
    this.env = {
      ...process.env,
      PATH: path.join(':'),
      ...(nodePrefix === undefined ? {} : { npm_config_nodedir: nodePrefix }),
      npm_config_build_from_source: 'true',
      CKPT_STORE: join(prefix, 'test-store'),
    };
    mkdirSync(prefix, { recursive: true });
  }

  install(tarball: string): void {
    mustRun('npm', ['install', '--global', '--prefix', this.prefix, '--foreground-scripts', tarball], this.env);
  }

  remove(): void {
    mustRun('npm', ['uninstall', '--global', '--prefix', this.prefix, 'ckpt'], this.env);
  }

  ckpt(args: readonly string[], input?: Buffer): Outcome {
    return run(join(this.prefix, 'bin', 'ckpt'), args, this.env, input === undefined ? {} : { input });
  }

  /** Every file and link under the prefix, but for the store. */
  files(dir = this.prefix): string[] {
    return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
      const path = join(dir, entry.name);
      if (path === this.env['CKPT_STORE']) return [];
      return entry.isDirectory() ? this.files(path) : [path];
    });
  }
}

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

export const golden = readFileSync(join(root, 'test', 'golden', 'mixed.img'));

/** Ingests the golden image through a pipe, and checks that export gives the same bytes. Returns the checkpoint's id. */
export function goldenRoundTrip(installation: Installation): string {
  const ingested = installation.ckpt(['ingest', '-', '--name', 'golden'], golden);
  if (ingested.status !== 0) throw new Error(`ckpt ingest: exit code ${ingested.status}: ${ingested.stderr}`);
  const id = ingested.stdout.toString().trim();
  const exported = installation.ckpt(['export', id]);
  if (exported.status !== 0) throw new Error(`ckpt export: exit code ${exported.status}: ${exported.stderr}`);
  if (sha256(exported.stdout) !== sha256(golden))
    throw new Error('the exported image is not the one that was ingested');
  return id;
}
