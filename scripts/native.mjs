// SPDX-License-Identifier: Apache-2.0
//
// Builds the native parts (binding.gyp) with the node-gyp that npm brings. It is the package's `install` script and a step of
// `npm run build`; it does nothing when nothing has changed since the last build.
//   node scripts/native.mjs [--force] [TARGET...]
// The addon uses Node-API only: one build serves every Node version from 20 on.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const require = createRequire(import.meta.url);
const args = process.argv.slice(2);
const force = args.includes('--force');
const targets = args.filter((arg) => !arg.startsWith('--'));
const products = ['ckpt_codec.node', 'ckpt-process'].map((name) => join(root, 'build/Release', name));
const recordPath = join(root, 'build/native.json');
const lockPath = join(root, 'build/native.lock');

function fail(message) {
  console.error(`ckpt: the native parts were not built: ${message}`);
  process.exit(1);
}

/** The file that a command name stands for, or undefined. */
function findOnPath(name) {
  if (name.includes('/')) return existsSync(name) ? name : undefined;
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
}

/** A package that this one depends on, wherever npm has put it. */
function dependency(name) {
  try {
    const path = require.resolve(`${name}/package.json`);
    return { name, path: dirname(path), version: JSON.parse(readFileSync(path, 'utf8')).version };
  } catch {
    return fail(`the package ${name} is missing: run npm ci`);
  }
}

function checkTools() {
  const hint =
    'Debian or Ubuntu: apt-get install g++ make python3; Fedora: dnf install gcc-c++ make python3; Alpine: apk add g++ make python3';
  const wanted = [
    ['a C++17 compiler', [process.env.CXX, 'g++', 'c++', 'clang++']],
    ['a C compiler', [process.env.CC, 'gcc', 'cc', 'clang']],
    ['make', [process.env.MAKE, 'make', 'gmake']],
    ['python3', [process.env.npm_config_python, process.env.PYTHON, 'python3', 'python']],
  ];
  const missing = wanted
    .filter(([, names]) => !names.some((name) => name && findOnPath(name.split(' ')[0])))
    .map(([what]) => what);
  if (missing.length) fail(`this machine lacks ${missing.join(', ')}. ${hint}`);
}

/** The node-gyp to run: the one npm names, the one inside npm, or one on the PATH. */
function findNodeGyp() {
  const named = process.env.npm_config_node_gyp;
  if (named && existsSync(named)) return named;
  const inside = (cli) => join(dirname(dirname(cli)), 'node_modules/node-gyp/bin/node-gyp.js');
  const npms = [process.env.npm_execpath, join(dirname(process.execPath), 'npm'), findOnPath('npm')];
  for (const npm of npms) {
    if (!npm || !existsSync(npm)) continue;
    const path = inside(realpathSync(npm));
    if (existsSync(path)) return path;
  }
  const onPath = findOnPath('node-gyp');
  if (onPath) return realpathSync(onPath);
  return fail('node-gyp was not found: it comes with npm, which is not on the PATH');
}

/** The folder whose include/node holds Node's headers; undefined: node-gyp fetches them. */
function findHeaders() {
  const named = process.env.npm_config_nodedir;
  const prefixes = [named, dirname(dirname(process.execPath)), dirname(dirname(realpathSync(process.execPath)))];
  const node = findOnPath('node');
  if (node) prefixes.push(dirname(dirname(realpathSync(node))));
  return prefixes.find(
    (prefix) => prefix && ['include/node/node_api.h', 'src/node_api.h'].some((path) => existsSync(join(prefix, path))),
  );
}

function sourceFiles(folder) {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = `${folder}/${entry.name}`;
      if (entry.isDirectory()) return entry.name === 'test' ? [] : sourceFiles(path);
      return /\.(cc|h|gypi)$/.test(entry.name) ? [path] : [];
    });
}

/** Changes whenever a build would make something else. */
function fingerprint(dependencies) {
  const hash = createHash('sha256');
  hash.update(
    [process.platform, process.arch, process.env.CC, process.env.CXX, ...dependencies.map((d) => d.version)].join(' '),
  );
  for (const path of [
    'binding.gyp',
    'scripts/native.mjs',
    ...sourceFiles('native'),
    ...sourceFiles('format/generated'),
  ]) {
    hash.update(`\0${path}\0`);
    hash.update(readFileSync(join(root, path)));
  }
  return hash.digest('hex');
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** One build at a time; waits for another that is running. */
function lock() {
  mkdirSync(dirname(lockPath), { recursive: true });
  for (;;) {
    try {
      writeFileSync(lockPath, String(process.pid), { flag: 'wx' });
      process.on('exit', () => rmSync(lockPath, { force: true }));
      return;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
    let holder = Number.NaN;
    try {
      holder = Number(readFileSync(lockPath, 'utf8'));
      // Just made, and not written yet.
      if (!holder && Date.now() - statSync(lockPath).mtimeMs < 5000) holder = process.pid;
    } catch {
      continue;
    }
    if (!isAlive(holder)) rmSync(lockPath, { force: true });
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  }
}

function isBuilt(print) {
  try {
    return (
      products.every((path) => existsSync(path)) && JSON.parse(readFileSync(recordPath, 'utf8')).fingerprint === print
    );
  } catch {
    return false;
  }
}

function run(nodeGyp, step) {
  // Its log is long and says little when all is well: it is kept, and shown when it is not.
  const result = spawnSync(process.execPath, [nodeGyp, ...step], { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status === 0) return;
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error ?? ''}`.split('\n').slice(-60).join('\n'));
  fail(`node-gyp ${step[0]} failed, see above`);
}

if (process.platform !== 'linux' || process.arch !== 'x64')
  fail(`ckpt runs on Linux on x86-64, this is ${process.platform} ${process.arch}`);
const print = fingerprint(['zstd-napi', 'node-addon-api'].map(dependency));
if (!force && !targets.length && isBuilt(print)) process.exit(0);
checkTools();
const nodeGyp = findNodeGyp();
lock();
if (!force && !targets.length && isBuilt(print)) process.exit(0);
console.error('ckpt: building the native parts (a minute or two)');
rmSync(recordPath, { force: true });
const headers = findHeaders();
run(nodeGyp, ['configure', '--release', ...(headers ? [`--nodedir=${headers}`] : [])]);
run(nodeGyp, ['build', '--release', '--jobs=2', ...targets]);
if (!targets.length) {
  execFileSync(process.execPath, ['-e', `require(${JSON.stringify(products[0])})`]);
  writeFileSync(recordPath, JSON.stringify({ fingerprint: print }));
}
