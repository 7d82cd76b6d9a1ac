// SPDX-License-Identifier: Apache-2.0
//
// npm run demo: a running program is saved, saved again, killed, and comes back. Everything is done with the command line
// that users have, in a store of its own that is removed at the end. Exit code 0 only when all that is said came true.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { capture, Failure, main, root } from './lib/run.mjs';
import { setup } from './setup.mjs';

const MEMORY_MIB = 256;
/** Lines that the first life goes on after the second save: the second life must repeat them. */
const LINES_REPEATED = 5;
const PATIENCE_MS = 120_000;

const say = (words = '') => process.stdout.write(`${words}\n`);
const mib = (bytes) => `${(bytes / (1 << 20)).toFixed(1)} MiB`;

/** A running counter, or a ckpt that has become its parent: the lines it prints, and how it ends. */
class Life {
  lines = [];
  #child;
  #ended;

  constructor(command, args, env) {
    this.#child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'inherit'] });
    this.#ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject);
      this.#child.on('close', (code, signal) => resolve(signal ?? code));
    });
    this.#ended.catch(() => {});
    this.running = true;
    void this.#ended.then(() => (this.running = false));
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [what, ...fields] = line.split(' ');
      this.lines.push({ what, ...Object.fromEntries(fields.map((field) => field.split('='))) });
    });
  }

  /** Waits until the counter has printed this many lines. */
  async printed(count) {
    const until = Date.now() + PATIENCE_MS;
    while (this.lines.length < count) {
      if (!this.running) throw new Failure(`the program ended (${await this.#ended}) before its line ${count}`);
      if (Date.now() > until) throw new Failure(`the program did not print line ${count} in ${PATIENCE_MS / 1000} s`);
      await sleep(20);
    }
    return this.lines[count - 1];
  }

  get childPid() {
    return this.#child.pid;
  }

  ended() {
    return this.#ended;
  }

  kill(signal) {
    if (this.running) this.#child.kill(signal);
  }
}

/** Runs ckpt, shows the command as a user would type it, and returns its standard output. */
function ckpt(env, ...args) {
  say(`  $ ckpt ${args.map((arg) => (/[\s*]/.test(arg) ? `"${arg}"` : arg)).join(' ')}`);
  const started = process.hrtime.bigint();
  const { status, stdout, stderr } = capture(join(root, 'bin', 'ckpt'), args, { env });
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (stderr) process.stderr.write(stderr);
  if (status !== 0) throw new Failure(`ckpt ${args[0]} ended with exit code ${status}`);
  return { text: stdout, seconds };
}

function claim(holds, words) {
  if (!holds) throw new Failure(`NOT TRUE: ${words}`);
  say(`  true: ${words}`);
}

async function demo(dir, lives) {
  const env = { ...process.env, CKPT_STORE: join(dir, 'store'), CKPT_LOG: 'embedded' };
  delete env.CKPT_CONFIG;
  const program = join(dir, 'counter');
  const compiled = capture('gcc', ['-O2', '-o', program, join(root, 'scripts', 'demo', 'counter.c')]);
  if (compiled.status !== 0) throw new Failure(`counter.c does not compile:\n${compiled.stderr}`);

  say(`\n1. A program with ${MEMORY_MIB} MiB of memory that it keeps changing`);
  const first = new Life(program, [String(MEMORY_MIB)], env);
  lives.push(first);
  const started = await first.printed(3);
  const pid = started.pid;
  say(`  it runs as process ${pid}, is at step ${started.step}, and its memory sums up to ${started.memory}`);

  say('\n2. It is saved while it runs');
  const save1 = ckpt(env, 'save', pid, '--name', 'demo');
  const id1 = save1.text.trim();
  say(`  ${id1}  (${save1.seconds.toFixed(2)} s, ckpt itself included)`);
  const seen = first.lines.length;
  await first.printed(seen + 15);
  claim(first.running, `the program noticed nothing and is at step ${first.lines.at(-1).step}`);

  say('\n3. It is saved again: only what has changed costs anything');
  const save2 = ckpt(env, 'save', pid, '--name', 'demo');
  const id2 = save2.text.trim();
  say(`  ${id2}  (${save2.seconds.toFixed(2)} s)`);
  say(ckpt(env, 'ls').text.replace(/^/gm, '  ').trimEnd());
  const query = 'SELECT id, image_bytes, pages, new_pages, stored_bytes FROM checkpoint ORDER BY id';
  const rows = JSON.parse(ckpt(env, 'sql', query, '--json').text);
  const [row1, row2] = [id1, id2].map((id) => rows.find((row) => row.id === id));
  claim(row1 && row2, 'both checkpoints are in the catalog');
  say(`  first:  ${mib(row1.image_bytes)} of image, ${row1.new_pages} new pages, ${mib(row1.stored_bytes)} stored`);
  say(`  second: ${mib(row2.image_bytes)} of image, ${row2.new_pages} new pages, ${mib(row2.stored_bytes)} stored`);
  const share = (100 * row2.stored_bytes) / row1.stored_bytes;
  claim(share < 25, `the second save cost ${share.toFixed(1)} % of the first`);

  say('\n4. It works on for a while, and is killed');
  await first.printed(first.lines.length + LINES_REPEATED);
  first.kill('SIGKILL');
  await first.ended();
  const last = first.lines.at(-1);
  claim(!first.running, `process ${pid} is gone; its last word was step ${last.step}`);

  say('\n5. It is restarted from the second checkpoint');
  say(`  $ ckpt restart ${id2}`);
  const begun = process.hrtime.bigint();
  const second = new Life(join(root, 'bin', 'ckpt'), ['restart', id2], env);
  lives.push(second);
  const revived = await second.printed(1);
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  second.programPid = Number(revived.pid);
  say(`  process ${revived.pid} says after ${seconds.toFixed(2)} s: step ${revived.step}, memory ${revived.memory}`);
  claim(
    Number(revived.step) <= Number(last.step) && Number(revived.step) > Number(started.step),
    'it went on from the checkpoint, not from the start',
  );

  // The steps between the second save and the kill happen a second time; every line must come out the same.
  const overlap = first.lines.filter((line) => Number(line.step) >= Number(revived.step));
  await second.printed(overlap.length + 3);
  const same = overlap.every(
    (line, index) => line.step === second.lines[index].step && line.memory === second.lines[index].memory,
  );
  claim(
    overlap.length > 0 && same,
    `it repeats the ${overlap.length} lines that its first life printed after the save, to the last bit`,
  );
  claim(
    Number(second.lines.at(-1).step) > Number(last.step),
    `it has gone beyond its first life: step ${second.lines.at(-1).step}`,
  );

  process.kill(second.programPid, 'SIGTERM');
  const status = await second.ended();
  claim(
    second.lines.at(-1).what === 'whole',
    'asked to end, it summed up all of its memory once more and found every byte right',
  );
  claim(status === 0, 'its exit code 0 came through ckpt restart');
}

await main(async () => {
  await setup();
  const dir = mkdtempSync(join(tmpdir(), 'ckpt-demo-'));
  const lives = [];
  try {
    await demo(dir, lives);
    say('\nAll of it came true.');
  } finally {
    for (const life of lives) {
      if (life.running && life.programPid && life.programPid !== life.childPid) {
        try {
          process.kill(life.programPid, 'SIGKILL');
        } catch {
          // It has ended by itself.
        }
      }
      life.kill('SIGKILL');
    }
    rmSync(dir, { recursive: true, force: true });
  }
});
