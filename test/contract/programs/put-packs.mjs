// SPDX-License-Identifier: Apache-2.0
//
// put-packs.mjs SPEC SEED: puts packs for ever, three at a time, and prints the ids after each put that was acknowledged.
import { createHash } from 'node:crypto';
import { openLog } from './open-log.mjs';

const [spec, seed] = process.argv.slice(2);
const log = await openLog(JSON.parse(spec));
for (let round = 0; ; round++) {
  const packs = [0, 1, 2].map((index) => {
    const body = Buffer.alloc(200_000, `${seed} ${round} ${index} `);
    const digest = createHash('sha256').update(body).digest();
    const bytes = Buffer.concat([body, digest]);
    return { id: digest.toString('hex'), bytes, pages: 1, rawBytes: 4096, storedBytes: bytes.length, stream: 's' };
  });
  await log.packs.put(packs);
  process.stdout.write(`${packs.map((pack) => pack.id).join(' ')}\n`);
}
