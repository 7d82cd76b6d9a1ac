// SPDX-License-Identifier: Apache-2.0
//
// Sets up whatever is missing on a fresh clone: packages, native modules, the build. Demo and test begin with it.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildEnvironment, checkMachine } from './lib/toolchain.mjs';
import { capture, isMain, main, root, step } from './lib/run.mjs';

/** Why node_modules has to be installed anew, or undefined when it is what the lock says. */
function staleReason() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden)) return 'not installed yet';
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const have = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || (entry.optional && !have[path])) continue;
    if (have[path]?.version !== entry.version) return `${path} is not what package-lock.json says`;
  }
  return undefined;
}

/** true when the native module loads under this Node. */
function sqliteLoads() {
  const probe = "new (require('better-sqlite3'))(':memory:').close()";
  return capture(process.execPath, ['-e', probe]).status === 0;
}

/** Leaves the checkout installed and built, or throws a Failure that says what to do. */
export async function setup() {
  checkMachine();
  const env = buildEnvironment();
  const reason = staleReason();
  if (reason) {
    await step(`installing packages (${reason}; builds SQLite, takes minutes)`, 'npm', ['ci', '--foreground-scripts'], {
      env,
    });
  } else if (!sqliteLoads()) {
    await step(
      'building native packages for this Node',
      'npm',
      ['rebuild', '--foreground-scripts', 'better-sqlite3', 'zstd-napi'],
      { env },
    );
  }
  await step('building', process.execPath, [join(root, 'scripts', 'build.mjs')], { env });
}

if (isMain(import.meta.url)) await main(setup);
