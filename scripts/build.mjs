// SPDX-License-Identifier: Apache-2.0
//
// Builds all: checks the generated code, compiles the native side and the TypeScript (compile.mjs), then makes man pages and
// completions from the commands themselves. Leaves bin/ckpt and bin/ckpt-ingest executable.
import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { buildEnvironment, checkMachine } from './lib/toolchain.mjs';
import { Failure, isMain, main, root, run } from './lib/run.mjs';

export async function build() {
  checkMachine();
  const env = buildEnvironment();
  const node = async (title, ...args) => {
    process.stdout.write(`build: ${title}\n`);
    const code = await run(process.execPath, args, { env });
    if (code !== 0) throw new Failure(`build: ${title} failed (exit code ${code})`);
  };
  await node('generated code is up to date', 'format/generate.mjs', '--check');
  await node('native code', 'scripts/native.mjs');
  await node('TypeScript', 'scripts/compile.mjs');
  await node('man pages and completions', 'scripts/man.mjs');
  for (const name of readdirSync(join(root, 'bin'))) chmodSync(join(root, 'bin', name), 0o755);
}

if (isMain(import.meta.url)) await main(build);
