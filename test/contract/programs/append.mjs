// SPDX-License-Identifier: Apache-2.0
//
// append.mjs SPEC CHECKPOINT APPENDS EVENTS BYTES: appends streams of numbered events, EVENTS at a time, and prints the last seq after each
// append that was acknowledged. Waits for a line on its standard input before it starts.
import { once } from 'node:events';
import { openLog } from './open-log.mjs';

const [spec, checkpoint, appends, events, bytes] = process.argv.slice(2);
const log = await openLog(JSON.parse(spec));
process.stdout.write(`ready ${log.opened.logId}\n`);
await once(process.stdin, 'data');
let seq = 0;
for (let round = 0; round < Number(appends); round++) {
  const batch = Array.from({ length: Number(events) }, () => {
    const value = Buffer.alloc(Number(bytes), seq % 251);
    return { type: 'record', checkpoint, seq: seq++, value };
  });
  await log.append(batch);
  process.stdout.write(`${seq - 1}\n`);
}
await log.close();
process.stdin.destroy();
