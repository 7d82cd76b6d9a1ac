// SPDX-License-Identifier: Apache-2.0
//
// What has to be on the machine before anything can be built, and the environment that npm builds native modules in.
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { capture, Failure, installed } from './run.mjs';

const NODE_MAJOR_MIN = 20;

/** Commands the build needs, and the Debian package that has each. */
const needed = [
  ['g++', 'g++'],
  ['gcc', 'gcc'],
  ['make', 'make'],
  ['python3', 'python3'],
  ['npm', 'npm'],
];

/** Throws a Failure that names everything missing at once, and how to get it. */
export function checkMachine() {
  const problems = [];
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Failure(`ckpt runs on Linux on x86-64; this is ${process.platform} on ${process.arch}`);
  }
  const major = Number(process.versions.node.split('.')[0]);
  if (major < NODE_MAJOR_MIN) {
    problems.push(`Node ${process.versions.node} is too old: version ${NODE_MAJOR_MIN} or newer is needed`);
  }
  const packages = [];
  for (const [command, debian] of needed) {
    if (installed(command)) continue;
    problems.push(`${command} is missing (Debian package ${debian})`);
    packages.push(debian);
  }
  if (packages.length) problems.push(`to install what is missing: sudo apt-get install ${packages.join(' ')}`);
  if (problems.length) throw new Failure(problems.join('\n'));
}

/** The prefix that holds Node's headers for `node`, or undefined when they are not beside it. */
export function headersPrefix(node = process.execPath) {
  const prefix = join(dirname(node), '..');
  return existsSync(join(prefix, 'include', 'node', 'node.h')) ? prefix : undefined;
}

/**
 * Environment for npm and node-gyp. Headers are taken from beside `node` where they are, so that nothing is fetched;
 * native modules are built from source, because their ready-made binaries come from a place that many machines cannot reach.
 */
export function buildEnvironment(node = process.execPath, base = process.env) {
  const environment = {
    ...base,
    npm_config_build_from_source: 'true',
    npm_config_update_notifier: 'false',
    // node-gyp's own variable: compile on all processors.
    JOBS: base.JOBS ?? String(availableParallelism()),
  };
  // Set by the npm that runs this script for itself; an npm inside must not inherit them.
  delete environment.npm_config_prefix;
  delete environment.npm_config_global;
  const prefix = headersPrefix(node);
  const own = node === process.execPath;
  if (prefix && !(own && base.npm_config_nodedir)) {
    const configured = own ? capture('npm', ['config', 'get', 'nodedir']).stdout.trim() : '';
    if (!configured || configured === 'undefined' || configured === 'null') environment.npm_config_nodedir = prefix;
  }
  return environment;
}
