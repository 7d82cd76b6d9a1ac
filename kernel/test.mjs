// SPDX-License-Identifier: GPL-2.0
//
// `npm run test:kernel`: builds the kernel, boots it in QEMU, runs the tests inside, reads the results.
//
//   node kernel/test.mjs [--only GROUP,...] [--plain | --debug | --across | --cli | --style] [--verbose]
//   node kernel/test.mjs --mutate [--plain] [--seed N] [--first N] [--images N]
//
// Fails when a test fails, when the guest does not get to its end, and when its kernel reports a mistake.

import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { across, storeIsThere } from './across.mjs';
import { buildKernel, checkStyle } from './build.mjs';
import { cli } from './cli.mjs';
import { boot, makeInitramfs, reports, withScratch } from './guest.mjs';

const argv = process.argv.slice(2);
const flag = (name) => argv.includes(name);
const value = (name, otherwise) => (flag(name) ? argv[argv.indexOf(name) + 1] : otherwise);

let passed = 0;
let failed = 0;

function result(ok, name) {
	if (ok) passed++;
	else failed++;
	console.log(`${ok ? 'ok' : 'not ok'} ${passed + failed} ${name}`);
}

/** Reads a guest's lines: results are counted, kernel reports fail the run. */
function judge(what, outcome) {
	let complaints = 0;
	let ended = false;
	for (const line of outcome.lines) {
		const test = /^(ok|not ok) \d+ (.*)$/.exec(line);
		if (test) result(test[1] === 'ok', `${what}: ${test[2]}`);
		else if (/^# exit status/.test(line)) ended = line === '# exit status 0' || failed > 0;
		else if (line.startsWith('# ')) console.log(line);
		if (reports.test(line)) {
			complaints++;
			if (complaints <= 20) console.log(`# kernel: ${line}`);
		}
	}
	if (!ended) {
		console.log(
			outcome.lines
				.slice(-40)
				.map((l) => `# last: ${l}`)
				.join('\n'),
		);
	}
	result(ended && !outcome.timedOut, `${what}: the guest ran to its end (${outcome.seconds.toFixed(0)} s)`);
	result(complaints === 0, `${what}: the kernel had nothing to report`);
}

/** The programs of native/process as one static binary, for the guest. */
function twin() {
	const process_ = join(dirname(fileURLToPath(import.meta.url)), '../native/process');
	execFileSync('make', ['-s', `-j${process.env.CKPT_KERNEL_JOBS ?? '2'}`, '-C', process_, 'static'], {
		stdio: ['ignore', 'ignore', 'inherit'],
	});
	return { 'bin/ckpt-process': join(process_, 'out/static/ckpt-process') };
}

const onLine = flag('--verbose') ? (line) => console.log(`| ${line}`) : undefined;

function kernel(config) {
	const built = buildKernel(config);
	console.log(`# kernel ${config}: ${built.cached ? 'from the cache' : `built in ${built.seconds} s`}`);
	return built.bzImage;
}

async function run(what, config, program, timeoutMs, dir, append) {
	const bzImage = kernel(config);
	const initramfs = makeInitramfs(dir, twin());
	judge(what, await boot({ bzImage, initramfs, run: program.join(','), timeoutMs, append, onLine }));
}

await withScratch(async (dir) => {
	const only = value('--only', '').split(',').filter(Boolean);
	if (argv.length === 0 || flag('--style')) {
		const said = checkStyle();
		result(said === '', `checkpatch has nothing to say${said && `:\n${said}`}`);
		if (flag('--style')) return;
	}
	const everything = argv.length === 0 && storeIsThere();
	if (everything || flag('--across')) {
		await across({ bzImage: kernel('plain'), initramfs: makeInitramfs(dir), onLine }, dir, judge, result);
		if (flag('--across')) return;
	}
	if (everything || flag('--cli')) {
		judge('ckpt', await cli({ bzImage: kernel('plain'), onLine }, dir));
		if (flag('--cli')) return;
	}
	const seed = value('--seed', String(Date.now() % 1_000_000));
	// the images that are mutated have the same addresses in every guest, so that one can be replayed
	const still = 'norandmaps';
	const mutate = ['ktest', 'mutate', seed, value('--first', '0'), value('--images', '10000')];
	if (!flag('--debug') && !flag('--mutate')) await run('plain', 'plain', ['ktest', ...only], 1_200_000, dir);
	if (!flag('--plain') && !flag('--mutate')) await run('debug', 'debug', ['ktest', ...only], 2_400_000, dir);
	if (!flag('--plain') && (flag('--mutate') || only.length === 0))
		await run('mutation', 'debug', mutate, 3_600_000, dir, still);
	if (flag('--plain') && flag('--mutate')) await run('mutation', 'plain', mutate, 1_800_000, dir, still);
});
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
