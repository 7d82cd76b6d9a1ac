// SPDX-License-Identifier: GPL-2.0
//
// Across machines: a task leaves one guest through a virtio-serial port into a store on this machine, and runs
// in another guest that is booted afterwards. Needs a built bin/ckpt (CKPT_BIN names another).

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { boot } from './guest.mjs';

const here = dirname(fileURLToPath(import.meta.url));
/** The program under test. */
export const ckpt = process.env.CKPT_BIN ?? join(here, '../bin/ckpt');

/** Whether there is a program to take the images: it needs dist/ and the addon beside it. */
export function storeIsThere() {
	return existsSync(ckpt) && existsSync(join(dirname(ckpt), '../dist'));
}

const port = (socket) => [
	'-device',
	'virtio-serial-pci',
	'-chardev',
	`socket,id=ckpt,path=${socket},server=on,wait=off`,
	'-device',
	'virtserialport,chardev=ckpt,name=ckpt',
];

/** QEMU makes the socket; connects as soon as it is there. */
async function connected(path) {
	for (let tries = 0; tries < 200; tries++) {
		try {
			return await new Promise((resolve, reject) => {
				const socket = connect(path);
				socket.once('connect', () => resolve(socket));
				socket.once('error', reject);
			});
		} catch {
			await sleep(100);
		}
	}
	throw new Error(`nobody listens on ${path}`);
}

function store(dir, args) {
	return execFileSync(ckpt, ['--store', dir, ...args], { encoding: 'utf8' });
}

/** Boots a guest whose port is read by `ckpt ingest --stream`. Resolves to the guest's outcome, the ids, and what came. */
async function leave(options, dir, version) {
	const path = join(dir, `out${version}.sock`);
	const guest = boot({ ...options, run: `ckpt-away,out,${version}`, args: port(path), timeoutMs: 240_000 });
	const socket = await connected(path);
	const ingest = spawn(
		ckpt,
		['--store', join(dir, 'store'), 'ingest', '-', '--stream', '--name', `away${version}`],
		{
			stdio: ['pipe', 'pipe', 'inherit'],
		},
	);
	// the port has no end of its own: QEMU closes the socket when the guest switches off, and that ends the stream
	const sent = [];
	socket.on('data', (bytes) => sent.push(bytes));
	socket.pipe(ingest.stdin);
	let ids = '';
	ingest.stdout.on('data', (bytes) => (ids += bytes));
	const ended = new Promise((resolve) => ingest.on('close', resolve));
	const outcome = await guest;
	const status = await ended;
	return { outcome, status, ids: ids.split('\n').filter(Boolean), sent: Buffer.concat(sent) };
}

/** Boots another guest whose port is fed by `ckpt export`. */
async function arrive(options, dir, version, id) {
	const path = join(dir, `in${version}.sock`);
	const guest = boot({ ...options, run: `ckpt-away,in,${version}`, args: port(path), timeoutMs: 240_000 });
	const socket = await connected(path);
	const out = spawn(ckpt, ['--store', join(dir, 'store'), 'export', id], {
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	socket.on('error', () => {}); // the guest may switch off first
	out.stdout.pipe(socket);
	return guest;
}

/**
 * Both versions out of one guest and into another.
 *
 * @param {{ bzImage: string, initramfs: string, onLine?: (line: string) => void }} options
 * @param {string} dir scratch
 * @param {(what: string, outcome: object) => void} judge reads a guest's console
 * @param {(ok: boolean, name: string) => void} result
 */
export async function across(options, dir, judge, result) {
	mkdirSync(join(dir, 'store'), { recursive: true });
	for (const version of ['1', '2']) {
		const out = await leave(options, dir, version);
		judge(`away, version ${version}`, out.outcome);
		result(
			out.status === 0 && out.ids.length === 2,
			`version ${version}: the store took two images (${out.ids.join(', ')}; status ${out.status})`,
		);
		if (out.ids.length !== 2) continue;
		const rows = JSON.parse(
			store(join(dir, 'store'), [
				'sql',
				'--json',
				`select id, format_version, kernel_release, new_pages, pages from checkpoint where name = 'away${version}' order by id`,
			]),
		);
		result(
			rows.length === 2 && rows.every((row) => row.format_version === Number(version)),
			`version ${version}: both are in the catalog`,
		);
		result(
			rows.every((row) => String(row.kernel_release).startsWith('6.1')),
			`version ${version}: with their kernel release (${rows[0]?.kernel_release})`,
		);
		result(
			rows[0].new_pages > 0 && rows[1].new_pages === 0,
			`version ${version}: the second image brought no new page (${rows[0].new_pages}, ${rows[1].new_pages} of ${rows[1].pages})`,
		);
		const exported = out.ids.map((id) =>
			execFileSync(ckpt, ['--store', join(dir, 'store'), 'export', id], { maxBuffer: 1 << 28 }),
		);
		result(
			Buffer.concat(exported).equals(out.sent),
			`version ${version}: what the kernel wrote comes out of the store bit for bit (${out.sent.length} bytes)`,
		);
		judge(`arrival, version ${version}`, await arrive(options, dir, version, out.ids[1]));
	}
}
