// SPDX-License-Identifier: GPL-2.0
//
// Builds Debian's Linux 6.1 with sys_checkpoint and sys_restart.
//
//   node kernel/build.mjs [plain|debug]      prints the path of the bzImage
//
// Everything lands outside the checkout, under ${XDG_CACHE_HOME:-~/.cache}/ckpt-kernel:
//
//   tree-<hash>/         the source package, patched; the hash covers package version and hooks.patch
//   build-<config>-<hash>/  objects of one configuration of that tree, reused between runs
//   image-<config>-<hash>/  bzImage and config; the hash covers every input, so a second run takes no time

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
	cpSync,
	existsSync,
	mkdirSync,
	openSync,
	readFileSync,
	readdirSync,
	renameSync,
	rmSync,
	writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const tarball = process.env.CKPT_KERNEL_SOURCE ?? '/usr/src/linux-source-6.1.tar.xz';
export const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'ckpt-kernel');
const jobs = process.env.CKPT_KERNEL_JOBS ?? '2';

/** Fragments that make up a configuration, on top of allnoconfig. */
const configurations = { plain: ['base.config', 'plain.config'], debug: ['base.config', 'debug.config'] };

/** Parts of the package that no configuration of ours compiles: Kconfig files stay, the tree shrinks to a fifth. */
const left = [
	'*/drivers/gpu/drm/*/*.[ch]',
	'*/drivers/net/*/*.[ch]',
	'*/sound/*.[ch]',
	'*/Documentation/*/*',
	'*/arch/[a-w]*/*.[chS]',
	'*/arch/[a-w]*/*.dts*',
];

/** Where our files go in the Linux tree. */
function installation() {
	const to = readdirSync(join(here, 'ckpt')).map((name) => [
		join(here, 'ckpt', name),
		`kernel/checkpoint/${name}`,
	]);
	to.push([join(here, 'include/ckpt_hooks.h'), 'include/linux/ckpt_hooks.h']);
	to.push([join(here, 'include/asm_ckpt_hooks.h'), 'arch/x86/include/asm/ckpt_hooks.h']);
	to.push([join(here, 'include/ckpt_syscalls.h'), 'include/uapi/linux/ckpt_syscalls.h']);
	to.push([join(here, '../format/generated/ckpt_image.h'), 'include/uapi/linux/ckpt_image.h']);
	return to;
}

function hashOf(...parts) {
	const hash = createHash('sha256');
	for (const part of parts) hash.update(part).update('\0');
	return hash.digest('hex').slice(0, 16);
}

function packageVersion() {
	const asked = spawnSync('dpkg-query', ['-W', '-f=${Version}', 'linux-source-6.1'], { encoding: 'utf8' });
	if (asked.status !== 0 || !existsSync(tarball)) {
		throw new Error(`${tarball} is missing: run kernel/setup.sh as root`);
	}
	return asked.stdout;
}

/** Writes only what differs, so that make rebuilds only what changed. */
function put(path, bytes) {
	if (existsSync(path) && readFileSync(path).equals(bytes)) return;
	mkdirSync(dirname(path), { recursive: true });
	writeFileSync(path, bytes);
}

function unpack(tree) {
	if (existsSync(tree)) return;
	const fresh = `${tree}.${process.pid}`;
	mkdirSync(fresh, { recursive: true });
	try {
		execFileSync('tar', [
			'-xJf',
			tarball,
			'--strip-components=1',
			'-C',
			fresh,
			...left.map((p) => `--exclude=${p}`),
		]);
		execFileSync('patch', ['-p1', '-s', '-d', fresh, '-i', join(here, 'hooks.patch')]);
		renameSync(fresh, tree);
	} finally {
		rmSync(fresh, { recursive: true, force: true });
	}
}

function treePath() {
	return join(cache, `tree-${hashOf(packageVersion(), readFileSync(join(here, 'hooks.patch')), left.join())}`);
}

/**
 * What checkpatch says about our files and the patch, as the kernel's own style demands it. Left out: rules about calling
 * ELF types and kernel fields by their names, about the version number that HEAD has to hold, and about what a mail has
 * around a patch.
 *
 * @returns {string} empty when it has nothing to say
 */
export function checkStyle() {
	const tree = treePath();
	unpack(tree);
	const ignored = [
		'LINUX_VERSION_CODE',
		'CAMELCASE',
		'TYPO_SPELLING',
		'MACRO_ARG_REUSE',
		'MACRO_ARG_PRECEDENCE',
		'UNCOMMENTED_DEFINITION',
		'DIFF_IN_COMMIT_MSG',
	];
	const files = ['ckpt', 'include'].flatMap((dir) =>
		readdirSync(join(here, dir))
			.filter((name) => /\.[ch]$/.test(name))
			.map((name) => join(here, dir, name)),
	);
	const checkpatch = (...of) =>
		spawnSync(
			'perl',
			[
				join(tree, 'scripts/checkpatch.pl'),
				'--strict',
				'--no-tree',
				'--no-summary',
				'--terse',
				`--ignore=${ignored.join()}`,
				...of,
			],
			{ encoding: 'utf8', cwd: tree },
		).stdout;
	return (checkpatch('-f', ...files) + checkpatch('--no-signoff', join(here, 'hooks.patch'))).trim();
}

function wanted(fragments) {
	return fragments.map((name) => readFileSync(join(here, 'config', name), 'utf8')).join('\n');
}

/** Kconfig drops an option whose dependencies are missing without a word; here that is an error. */
function checkConfig(text, dotConfig) {
	const want = new Map();
	for (const line of text.split('\n')) {
		const match = /^(CONFIG_\w+)=(.*)$/.exec(line);
		if (match) want.set(match[1], match[2]);
	}
	const have = new Map(
		[...readFileSync(dotConfig, 'utf8').matchAll(/^(CONFIG_\w+)=(.*)$/gm)].map((m) => [m[1], m[2]]),
	);
	const missing = [...want].filter(([name, value]) =>
		value === 'n' ? have.has(name) : have.get(name) !== value,
	);
	if (missing.length > 0)
		throw new Error(`configuration lost ${missing.map(([n, v]) => `${n}=${v}`).join(', ')}`);
}

/**
 * Builds one configuration, or finds it built.
 *
 * @param {'plain'|'debug'} name
 * @returns {{ bzImage: string, seconds: number, cached: boolean }}
 */
export function buildKernel(name) {
	const started = Date.now();
	const fragments = configurations[name];
	if (!fragments) throw new Error(`no such configuration: ${name}`);
	const patch = readFileSync(join(here, 'hooks.patch'));
	const files = installation();
	const version = packageVersion();
	const tree = join(cache, `tree-${hashOf(version, patch, left.join())}`);
	const config = wanted(fragments);
	const all = hashOf(version, patch, config, ...files.flatMap(([from, to]) => [to, readFileSync(from)]));
	const image = join(cache, `image-${name}-${all}`);
	const bzImage = join(image, 'bzImage');
	if (existsSync(bzImage)) return { bzImage, seconds: 0, cached: true };

	unpack(tree);
	for (const [from, to] of files) put(join(tree, to), readFileSync(from));
	const build = join(cache, `build-${name}-${hashOf(tree)}`);
	mkdirSync(build, { recursive: true });
	const log = join(build, 'ckpt-build.log');
	const out = openSync(log, 'w');
	const make = (args, env = {}) => {
		const done = spawnSync('make', ['-C', tree, `O=${build}`, 'ARCH=x86_64', ...args], {
			stdio: ['ignore', out, out],
			env: {
				...process.env,
				KBUILD_BUILD_TIMESTAMP: '1970-01-01',
				KBUILD_BUILD_USER: 'ckpt',
				KBUILD_BUILD_HOST: 'ckpt',
				...env,
			},
		});
		if (done.status !== 0) {
			const tail = readFileSync(log, 'utf8')
				.split('\n')
				.filter((l) => /error|Error|undefined/.test(l))
				.slice(0, 30)
				.join('\n');
			throw new Error(`make ${args.join(' ')} failed, see ${log}\n${tail}`);
		}
	};
	const wantedFile = join(build, 'ckpt.wanted');
	if (
		!existsSync(join(build, '.config')) ||
		!existsSync(wantedFile) ||
		readFileSync(wantedFile, 'utf8') !== config
	) {
		put(wantedFile, Buffer.from(config));
		make(['allnoconfig'], { KCONFIG_ALLCONFIG: wantedFile });
	} else {
		make(['olddefconfig']);
	}
	checkConfig(config, join(build, '.config'));
	make([`-j${jobs}`, 'bzImage']);
	const fresh = `${image}.${process.pid}`;
	mkdirSync(fresh, { recursive: true });
	cpSync(join(build, 'arch/x86/boot/bzImage'), join(fresh, 'bzImage'));
	cpSync(join(build, '.config'), join(fresh, 'config'));
	rmSync(image, { recursive: true, force: true });
	renameSync(fresh, image);
	return { bzImage, seconds: Math.round((Date.now() - started) / 1000), cached: false };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
	try {
		const built = buildKernel(process.argv[2] ?? 'plain');
		console.error(built.cached ? 'already built' : `built in ${built.seconds} s`);
		console.log(built.bzImage);
	} catch (error) {
		console.error(error.message);
		process.exit(1);
	}
}
