// SPDX-License-Identifier: GPL-2.0
//
// `ckpt` itself in a guest: node, the shared libraries, the built project and its packages in the guest's file system
// in memory. Needs a built checkout (CKPT_BIN names another).

import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, realpathSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';

import { ckpt } from './across.mjs';
import { boot, makeInitramfs } from './guest.mjs';

/** Where the project is in the guest. */
const there = '/ckpt';

/** What Node reads of a package; sources of native code, types and maps stay here. */
const read = new Set(['.js', '.cjs', '.mjs', '.json', '.node']);

function* filesOf(dir) {
	for (const entry of readdirSync(dir, { withFileTypes: true })) {
		const path = join(dir, entry.name);
		if (entry.isDirectory()) yield* filesOf(path);
		else if (entry.isFile() && read.has(extname(entry.name))) yield path;
	}
}

/** The shared libraries of a program, the loader with them: paths here and in the guest. */
function librariesOf(program) {
	const said = execFileSync('ldd', [program], { encoding: 'utf8' });
	return [...said.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1]);
}

/** All that `ckpt` needs: paths in the guest, and the files here. */
function belongings() {
	const project = join(dirname(realpathSync(ckpt)), '..');
	const files = new Map();
	const take = (path) => files.set(join(there, relative(project, path)), path);
	// npm has opinions on what else is installed, and says so by its exit status: what is missing, the guest will say
	const packages = spawnSync('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
		cwd: project,
		encoding: 'utf8',
	}).stdout;
	// the first line is the project itself
	for (const dir of packages.split('\n').slice(1).filter(Boolean)) for (const path of filesOf(dir)) take(path);
	for (const path of filesOf(join(project, 'dist'))) take(path);
	for (const name of ['package.json', 'bin/ckpt']) take(join(project, name));
	const native = ['ckpt-process', 'ckpt_codec.node'].map((name) => join(project, 'build/Release', name));
	native.forEach(take);
	files.set('/usr/bin/node', realpathSync(process.execPath));
	for (const program of [process.execPath, ...native])
		for (const library of librariesOf(program)) files.set(library, realpathSync(library));
	return Object.fromEntries(files);
}

/**
 * Save and restart through the command line, on a kernel that has the calls.
 *
 * @param {{ bzImage: string, onLine?: (line: string) => void }} options
 * @param {string} dir scratch
 */
export function cli(options, dir) {
	// a guest takes longer to unpack 150 MB than to read them
	const initramfs = makeInitramfs(join(dir, 'cli'), belongings(), { compress: false });
	return boot({ ...options, initramfs, run: 'ckpt-cli', timeoutMs: 900_000, memoryMiB: 2048 });
}
