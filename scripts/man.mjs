// SPDX-License-Identifier: Apache-2.0
//
// Makes man/*.1 and completions/ckpt.{bash,zsh,fish} from the commands themselves: dist/cli/program.js.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe } from './lib/command-tree.mjs';
import { bash, fish, zsh } from './lib/completions.mjs';
import { manPage } from './lib/roff.mjs';
import { Failure, isMain, main, root } from './lib/run.mjs';

/** File name and contents of everything made from the command tree. */
export function pages(tree, version) {
  const files = { 'man/ckpt.1': manPage(tree, version, tree.commands) };
  for (const command of tree.commands) {
    files[`man/${command.path.join('-')}.1`] = manPage(command, version, [tree]);
  }
  files['man/ckpt-ingest.1'] ??= '.so man1/ckpt.1\n';
  files['completions/ckpt.bash'] = bash(tree);
  files['completions/ckpt.zsh'] = zsh(tree);
  files['completions/ckpt.fish'] = fish(tree);
  return files;
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { buildProgram } = await import(pathToFileURL(join(root, 'dist', 'cli', 'program.js')).href);
    const { version, man } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    const files = pages(describe(buildProgram()), version);
    // npm installs the pages that package.json lists.
    const unlisted = Object.keys(files).filter((path) => path.startsWith('man/') && !man.includes(path));
    const missing = man.filter((path) => !files[path]);
    if (unlisted.length) throw new Failure(`package.json: "man" does not list ${unlisted.join(', ')}`);
    if (missing.length) throw new Failure(`package.json: "man" lists ${missing.join(', ')}, which no command has`);
    for (const folder of ['man', 'completions']) {
      rmSync(join(root, folder), { recursive: true, force: true });
      mkdirSync(join(root, folder));
    }
    for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text);
    process.stdout.write(`${Object.keys(files).length} files in man/ and completions/\n`);
  });
}
