// SPDX-License-Identifier: Apache-2.0
//
// What the log on Kafka costs: the same image into the embedded log and through a broker on this machine, which shares its
// processors, in turns in one run. Prints the medians, the ratio of the rates (of the two runs of a round, median) and the peak memory of
// ckpt; and the memory once more with a broker that is paused now and then.
//   node bench/kafka.mjs [--mib N] [--rounds N] [--image FILE]
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { main, root } from '../scripts/lib/run.mjs';
import { startCluster } from '../scripts/kafka/cluster.mjs';
import { heapImage } from './heap.mjs';
import { measure } from './lib/measure.mjs';

const { values: options } = parseArgs({
  options: {
    mib: { type: 'string', default: '700' },
    rounds: { type: 'string', default: '3' },
    image: { type: 'string' },
  },
});

const q = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const MIB = 1 << 20;

await main(async () => {
  const image = options.image ?? (await heapImage(Number(options.mib))).path;
  const mib = statSync(image).size / MIB;
  readFileSync(image).fill(0); // Into the page cache, so that no step reads from the disk.
  const dir = mkdtempSync(join(process.env.CKPT_BENCH_DIR ?? tmpdir(), 'ckpt-bench-kafka-'));
  const cluster = await startCluster();
  try {
    const ingest = (name, log) => {
      const env = { CKPT_STORE: join(dir, name), CKPT_LOG: log };
      return measure(`cat ${q(image)} | ${q(join(root, 'bin', 'ckpt'))} ingest - --quiet`, env);
    };
    // A broker that has run for some seconds only is still compiling itself.
    await ingest('warm', `kafka://${cluster.addresses}/warm`);
    rmSync(join(dir, 'warm'), { recursive: true, force: true });
    const runs = { embedded: [], kafka: [] };
    for (let round = 1; round <= Number(options.rounds); round++) {
      runs.embedded.push(await ingest(`embedded-${round}`, 'embedded'));
      runs.kafka.push(await ingest(`kafka-${round}`, `kafka://${cluster.addresses}/round-${round}`));
      for (const name of ['embedded', 'kafka']) rmSync(join(dir, `${name}-${round}`), { recursive: true, force: true });
    }
    const ratios = runs.embedded.map((run, round) => run.seconds / runs.kafka[round].seconds);
    const seconds = (name) => median(runs[name].map((run) => run.seconds));
    for (const name of ['embedded', 'kafka']) {
      const memory = Math.max(...runs[name].map((run) => run.memory)) / MIB;
      const rate = (mib / seconds(name)).toFixed(0);
      process.stdout.write(
        `${name.padEnd(10)} ${seconds(name).toFixed(2)} s, ${rate} MiB/s, at most ${memory.toFixed(0)} MiB of memory\n`,
      );
    }
    process.stdout.write(
      `ratio      ${median(ratios).toFixed(2)} of the embedded log's rate (rounds: ${ratios.map((one) => one.toFixed(2)).join(' ')})\n`,
    );

    const [broker] = cluster.brokers;
    const pauses = setInterval(() => {
      broker.signal('SIGSTOP');
      setTimeout(() => broker.signal('SIGCONT'), 700);
    }, 1000);
    const slow = await ingest('slow', `kafka://${cluster.addresses}/slow`);
    clearInterval(pauses);
    process.stdout.write(
      `slow       ${slow.seconds.toFixed(2)} s with a broker that is stopped 7 s in 10, at most ` +
        `${(slow.memory / MIB).toFixed(0)} MiB of memory\n`,
    );
  } finally {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
