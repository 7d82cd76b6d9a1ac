// SPDX-License-Identifier: Apache-2.0
//
// A node process with a real heap: the TypeScript compiler holds the syntax trees of its own libraries, over and over, until
// the process is as large as asked. Says "ready" and waits for its end.
//   node node.mjs MIB
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const ts = require('typescript');
const target = Number(process.argv[2]) * 2 ** 20;
const lib = dirname(require.resolve('typescript'));
const names = readdirSync(lib).filter((name) => name.endsWith('.d.ts'));
const trees = [];
for (let round = 0; process.memoryUsage.rss() < target; round++) {
  const name = names[round % names.length];
  const text = readFileSync(join(lib, name), 'utf8').replaceAll(
    'interface ',
    `interface R${Math.floor(round / names.length)}`,
  );
  trees.push(ts.createSourceFile(`${round}/${name}`, text, ts.ScriptTarget.ES2022, true));
}
process.stdout.write('ready\n');
process.stdin.on('end', () => process.exit(trees.length ? 0 : 1)).resume();
