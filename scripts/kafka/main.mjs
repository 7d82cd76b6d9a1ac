// SPDX-License-Identifier: Apache-2.0
//
// npm run kafka: a Kafka cluster on loopback to try things out with, until Ctrl-C. What it holds is gone afterwards.
//   npm run kafka -- [--brokers N] [--version V] [--heap SIZE] [--host ADDRESS] [-- COMMAND ...]
// With a command, that runs with CKPT_LOG set, and the cluster ends with it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { Failure, main } from '../lib/run.mjs';
import { startCluster } from './cluster.mjs';

await main(async () => {
  const { values, positionals } = parseArgs({
    options: {
      brokers: { type: 'string', default: '1' },
      version: { type: 'string' },
      heap: { type: 'string', default: '512m' },
      host: { type: 'string', default: '127.0.0.1' },
    },
    allowPositionals: true,
  });
  const brokers = Number(values.brokers);
  if (!Number.isInteger(brokers) || brokers < 1 || brokers > 9) throw new Failure('kafka: --brokers: from 1 to 9');
  const stopped = Promise.race(['SIGINT', 'SIGTERM'].map((name) => once(process, name).then(() => 0)));
  const cluster = await startCluster({ brokers, version: values.version, heap: values.heap, host: values.host });
  const url = `kafka://${cluster.addresses}/ckpt`;
  try {
    if (positionals.length === 0) {
      process.stdout.write(`CKPT_LOG=${url}\n`);
      process.stderr.write('the cluster runs until Ctrl-C; what it holds is gone then\n');
      return await stopped;
    }
    const child = spawn(positionals[0], positionals.slice(1), {
      stdio: 'inherit',
      env: { ...process.env, CKPT_LOG: url },
    });
    const [code] = await once(child, 'exit');
    return code ?? 1;
  } finally {
    await cluster.stop();
  }
});
