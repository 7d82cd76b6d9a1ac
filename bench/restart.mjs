// SPDX-License-Identifier: Apache-2.0
//
// Restarts of one checkpoint through a running `ckpt serve`, lazy beside full, of programs of different size.
//   npm run bench:restart -- [--mib 100,4096] [--rounds N] [--copies N] [--restarts N] [--check] [--json]
// Per size: the time from a request's arrival to the task's first instruction (`start`, as the service says it), the time until its
// client has the answer, copies per second, and the memory that each copy costs: its own, its pager's and its guard's share (PSS), when it
// has just begun and when all is there. --restarts: so many lazy restarts in a row; what the service has afterwards that it had not before.
// --check: at last a program reads all its memory in random order after a lazy restart, and every byte is compared.
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMain, main, root } from '../scripts/lib/run.mjs';

const ckpt = join(root, 'bin/ckpt');

/** Starts a program without descriptors of ours; resolves when it is ready. */
async function started(dir, mib) {
  const out = join(dir, `out-${mib}`);
  const fd = openSync(out, 'w');
  const go = join(dir, `go-${mib}`);
  const child = spawn(join(dir, 'alone'), [join(dir, 'lazy'), 'random', go, String(mib)], { stdio: ['ignore', fd, 2] });
  closeSync(fd);
  while (!readFileSync(out, 'utf8').includes('ready')) await sleep(20);
  return { child, go, out };
}

function post(socketPath, path, body) {
  return new Promise((resolve, reject) => {
    const begun = performance.now();
    const text = JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    // A connection of its own: one that idles may have been closed by the time that it is used again.
    const sent = request({ socketPath, path, method: 'POST', headers, agent: false }, (answer) => {
      let got = '';
      answer.on('data', (chunk) => (got += chunk));
      answer.on('end', () => {
        if (answer.statusCode !== 201) reject(new Error(`${path}: ${answer.statusCode} ${got}`));
        else resolve({ ...JSON.parse(got), clientMs: performance.now() - begun });
      });
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

const quantile = (values, q) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];

/** Processes with a name that began with one of ours, by what /proc says. */
function processes(names) {
  const found = [];
  for (const pid of readdirSync('/proc').map(Number)) {
    if (!pid) continue;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [, name, state] = /\((.*)\) (\S)/s.exec(stat);
      if (names.includes(name) && state !== 'Z') found.push(pid);
    } catch {
      // ended meanwhile
    }
  }
  return found;
}

const pssKb = (pid) => {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
};
const rssKb = (pid) => Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
const sum = (values) => values.reduce((a, b) => a + b, 0);
const pagers = () => processes(['ckpt-pager', 'ckpt-guard']);

async function end(pids) {
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const gone = (pid) => !existsSync(`/proc/${pid}`) || /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  for (const pid of pids) while (!gone(pid)) await sleep(5);
  while (pagers().length > 0) await sleep(5);
}

/** Between two restarts that are measured. */
const SETTLE_MS = 300;

async function measure(socket, id, kind, rounds) {
  const start = [];
  const client = [];
  for (let round = 0; round < rounds; round++) {
    const answer = await post(socket, `/v1/checkpoints/${id}/restart`, { lazy: kind === 'lazy' });
    start.push(answer.start_ms ?? answer.clientMs);
    client.push(answer.clientMs);
    await end([answer.pid]);
    await sleep(SETTLE_MS); // what the kernel still has to free of gigabytes is no part of the next restart
  }
  const of = (values) => ({ min: Math.min(...values), median: quantile(values, 0.5), p95: quantile(values, 0.95) });
  return { startMs: of(start), clientMs: of(client) };
}

async function many(socket, id, kind, copies) {
  const begun = performance.now();
  const answers = await Promise.all(
    [0, 1].map((half) =>
      post(socket, `/v1/checkpoints/${id}/restart`, {
        lazy: kind === 'lazy',
        copies: half ? copies >> 1 : copies - (copies >> 1),
      }),
    ),
  );
  const seconds = (performance.now() - begun) / 1000;
  const pids = answers.flatMap(({ pid, pids }) => pids ?? [pid]);
  const bytes = () => (sum(pids.map(pssKb)) + sum(pagers().map(pssKb))) / 1024 / pids.length;
  const atFirstMiB = bytes();
  while (pagers().length > 0) await sleep(50);
  const inTheEndMiB = bytes();
  await end(pids);
  return { perSecond: copies / seconds, atFirstMiB, inTheEndMiB };
}

/** What a service has open, has as children, and takes. */
function holdings(service) {
  return {
    descriptors: readdirSync(`/proc/${service}/fd`).length,
    processes: processes(['ckpt-process', 'ckpt-pager', 'ckpt-guard', 'lazy']).length,
    rssMiB: Math.round(rssKb(service) / 1024),
  };
}

async function leaks(socket, service, id, restarts) {
  const once = async () => end([(await post(socket, `/v1/checkpoints/${id}/restart`, { lazy: true })).pid]);
  for (let i = 0; i < 50; i++) await once();
  const before = holdings(service);
  for (let i = 0; i < restarts; i++) await once();
  return { restarts, before, after: holdings(service) };
}

/** Runs the benchmark; returns its report. */
export async function benchRestarts(options) {
  const dir = mkdtempSync(join(process.env.CKPT_BENCH_DIR ?? tmpdir(), 'ckpt-bench-restart-'));
  const env = { ...process.env, CKPT_STORE: join(dir, 'store'), XDG_CONFIG_HOME: dir };
  const run = (...args) => execFileSync(process.execPath, [ckpt, ...args], { env, encoding: 'utf8' }).trim();
  execFileSync('make', ['-s', '-C', join(root, 'test/programs'), `OUT=${dir}`, join(dir, 'alone'), join(dir, 'lazy')]);
  const report = { sizes: [] };
  let service;
  try {
    const saved = [];
    for (const mib of options.mib) {
      const program = await started(dir, mib);
      saved.push({ mib, ...program, id: run('save', String(program.child.pid), '--kill') });
    }
    const socket = join(dir, 'serve.sock');
    service = spawn(process.execPath, [ckpt, 'serve', '--listen', `unix:${socket}`, '--log-level', 'warn'], {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    while (!existsSync(socket)) await sleep(20);
    for (const { mib, id, go, out } of saved) {
      await measure(socket, id, 'lazy', 2); // the plan is made once
      const size = { mib };
      size.lazy = await measure(socket, id, 'lazy', options.rounds);
      size.full = await measure(socket, id, 'full', Math.min(options.rounds, mib > 1000 ? 2 : 5));
      if (mib <= 1000) {
        size.lazyCopies = await many(socket, id, 'lazy', options.copies);
        size.fullCopies = await many(socket, id, 'full', Math.min(options.copies, 10));
      }
      if (options.check) {
        writeFileSync(go, '');
        const begun = performance.now();
        execFileSync(process.execPath, [ckpt, 'restart', id, '--lazy'], {
          env,
          stdio: ['ignore', 'ignore', 'inherit'],
        });
        size.check = {
          seconds: (performance.now() - begun) / 1000,
          verdict: /^(ok|bad).*$/m.exec(readFileSync(out, 'utf8'))?.[0],
        };
        rmSync(go);
      }
      report.sizes.push(size);
    }
    if (options.restarts > 0) report.leaks = await leaks(socket, service.pid, saved[0].id, options.restarts);
    return report;
  } finally {
    service?.kill('SIGTERM');
    rmSync(dir, { recursive: true, force: true });
  }
}

function text({ sizes, leaks: leak }) {
  const ms = ({ min, median, p95 }) => `${min.toFixed(1)} / ${median.toFixed(1)} / ${p95.toFixed(1)} ms`;
  const lines = [];
  for (const { mib, lazy, full, lazyCopies, fullCopies, check } of sizes) {
    lines.push(`${mib} MiB  (minimum / median / 95 %)`);
    lines.push(`  lazy: request to first instruction  ${ms(lazy.startMs)}; to the answer ${ms(lazy.clientMs)}`);
    lines.push(`  full: request to the answer         ${ms(full.clientMs)}`);
    for (const [name, copies] of [
      ['lazy', lazyCopies],
      ['full', fullCopies],
    ]) {
      if (!copies) continue;
      lines.push(
        `  ${name}: ${copies.perSecond.toFixed(1)} copies a second; each ${copies.atFirstMiB.toFixed(1)} MiB at first, ${copies.inTheEndMiB.toFixed(1)} MiB in the end`,
      );
    }
    if (check)
      lines.push(
        `  every byte, random access, after a lazy restart: ${check.verdict} in ${check.seconds.toFixed(1)} s`,
      );
  }
  if (leak)
    lines.push(`after ${leak.restarts} lazy restarts: ${JSON.stringify(leak.before)} -> ${JSON.stringify(leak.after)}`);
  return `${lines.join('\n')}\n`;
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({
      options: {
        mib: { type: 'string', default: '100,4096' },
        rounds: { type: 'string', default: '20' },
        copies: { type: 'string', default: '20' },
        restarts: { type: 'string', default: '0' },
        check: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    const report = await benchRestarts({
      mib: values.mib.split(',').map(Number),
      rounds: Number(values.rounds),
      copies: Number(values.copies),
      restarts: Number(values.restarts),
      check: values.check,
    });
    process.stdout.write(values.json ? `${JSON.stringify(report, null, 2)}\n` : text(report));
  });
}
