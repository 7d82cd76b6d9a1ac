// SPDX-License-Identifier: GPL-2.0
//
// A guest: our kernel, a file system in memory with busybox and the static programs of kernel/tools, QEMU
// without hardware help. What it prints on its console comes back line by line.

import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** What the kernel says when it has found a mistake of its own. */
export const reports =
	/\b(WARNING:|BUG:|KASAN:|UBSAN:|INFO:|Oops:|general protection fault|Kernel panic|possible circular|kernel BUG)/;

/** Compiles the guest's programs and packs its file system. `more` maps paths in the guest to files here. */
export function makeInitramfs(dir, more = {}, { compress = true } = {}) {
	const root = join(dir, 'root');
	for (const name of ['bin', 'dev', 'proc', 'sys', 'tmp', 'etc'])
		mkdirSync(join(root, name), { recursive: true });
	execFileSync('make', ['-s', '-C', join(here, 'tools'), `OUT=${join(root, 'bin')}`], {
		stdio: ['ignore', 'inherit', 'inherit'],
	});
	copyFileSync('/bin/busybox', join(root, 'bin/busybox'));
	copyFileSync(join(here, 'guest-init.sh'), join(root, 'init'));
	execFileSync('chmod', ['755', join(root, 'init')]);
	for (const [to, from] of Object.entries(more)) {
		if (!existsSync(from)) continue;
		mkdirSync(dirname(join(root, to)), { recursive: true });
		copyFileSync(from, join(root, to));
	}
	const initramfs = join(dir, 'initramfs');
	const pack = `find . | cpio -o -H newc --quiet | ${compress ? 'gzip -1' : 'cat'} > '${initramfs}'`;
	execFileSync('sh', ['-c', pack], { cwd: root });
	return initramfs;
}

/**
 * Boots a guest and waits for its end.
 *
 * @param {{ bzImage: string, initramfs: string, run: string, timeoutMs: number, args?: string[], append?: string,
 *   memoryMiB?: number, onLine?: (line: string) => void }} options
 * @returns {Promise<{ lines: string[], timedOut: boolean, seconds: number }>}
 */
export function boot(options) {
	const started = Date.now();
	const append = `console=ttyS0 panic=-1 no_timer_check tsc=reliable clocksource=tsc loglevel=6 ckpt.run=${options.run} ${options.append ?? ''}`;
	const qemu = spawn(
		'qemu-system-x86_64',
		[
			'-accel',
			'tcg,thread=multi',
			'-cpu',
			'max',
			'-smp',
			'2',
			'-m',
			String(options.memoryMiB ?? 1536),
			'-display',
			'none',
			'-no-reboot',
			'-monitor',
			'none',
			'-serial',
			'stdio',
			'-nodefaults',
			'-kernel',
			options.bzImage,
			'-initrd',
			options.initramfs,
			'-append',
			append,
			...(options.args ?? []),
		],
		{ stdio: ['ignore', 'pipe', 'pipe'] },
	);
	return new Promise((resolve, reject) => {
		const lines = [];
		let rest = '';
		let timedOut = false;
		const timer = setTimeout(() => {
			timedOut = true;
			qemu.kill('SIGKILL');
		}, options.timeoutMs);
		const take = (line) => {
			lines.push(line);
			options.onLine?.(line);
		};
		qemu.stdout.on('data', (bytes) => {
			const parts = (rest + bytes.toString('latin1')).replaceAll('\r', '').split('\n');
			rest = parts.pop();
			parts.forEach(take);
		});
		qemu.stderr.on('data', (bytes) => take(`# qemu: ${bytes}`));
		qemu.on('error', reject);
		qemu.on('close', () => {
			clearTimeout(timer);
			if (rest) take(rest);
			resolve({ lines, timedOut, seconds: (Date.now() - started) / 1000 });
		});
	});
}

/** A scratch directory that is gone afterwards. */
export async function withScratch(work) {
	const dir = mkdtempSync(join(tmpdir(), 'ckpt-kernel-'));
	try {
		return await work(dir);
	} finally {
		if (process.env.CKPT_KEEP) writeFileSync(join(dir, 'kept'), '');
		else rmSync(dir, { recursive: true, force: true });
	}
}
