// SPDX-License-Identifier: Apache-2.0
//
// TypeScript to dist/, and the command line once more as few files in dist/bundle/: a command loads some two hundred modules, and finding and
// reading them one by one takes longer than most commands run. `npm run compile` after a change; packages stay outside.
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { Failure, isMain, main, root, run } from './lib/run.mjs';

const dist = join(root, 'dist');
/** Flat: see ownPlaces. */
const bundled = join(dist, 'bundle');

/** A module that looks for its neighbours by import.meta.url still finds them: programs, workers, native code, package.json. */
const ownPlaces = {
  name: 'own places',
  setup(build) {
    build.onLoad({ filter: /\.js$/ }, ({ path }) => {
      const place = JSON.stringify(relative(bundled, path).split(sep).join('/'));
      const text = readFileSync(path, 'utf8');
      return { contents: text.replaceAll('import.meta.url', `new URL(${place}, import.meta.url).href`), loader: 'js' };
    });
  },
};

export async function compile() {
  /** Packages that only developers have: an installed package is compiled already. */
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  if (!existsSync(tsc)) throw new Failure('compile: TypeScript is not installed: run npm ci first');
  const code = await run(process.execPath, [tsc, '-p', 'tsconfig.json']);
  if (code !== 0) throw new Failure(`compile: TypeScript failed (exit code ${code})`);
  const { build } = await import('esbuild');
  rmSync(bundled, { recursive: true, force: true });
  await build({
    entryPoints: [join(dist, 'cli', 'main.js')],
    outdir: bundled,
    bundle: true,
    splitting: true, // what is imported when it is needed stays so
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
    plugins: [ownPlaces],
    logLevel: 'warning',
  });
}

if (isMain(import.meta.url)) await main(compile);
