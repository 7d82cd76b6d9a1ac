// SPDX-License-Identifier: Apache-2.0
//
// project.mjs DIR PREFIX COUNT: appends streams of tiny images to a store and projects after each, as many such do at once.
// Runs against dist/: build first.
import { EventChain } from '../../../dist/format/chain.js';
import { encodeValue } from '../../../dist/format/events.js';
import { CTX_CKPT, encodeCrHdr, encodeCrHead, HEAD_MAGIC } from '../../../dist/format/generated/image.js';
import { openStore } from '../../../dist/store/index.js';

const [dir, prefix, count] = process.argv.slice(2);
const codec = {
  pagesInfo() {
    throw new Error('no pages here');
  },
};
const store = await openStore({ dir, create: true, codec });
const head = encodeCrHead({ magic: HEAD_MAGIC, version: 1, flags: CTX_CKPT });
const record = Buffer.concat([encodeCrHdr({ type: 1, len: head.length, id: 0 }), head]);
for (let index = 0; index < Number(count); index++) {
  const checkpoint = `${prefix}-${index}`;
  const writer = { host: 'h', bootId: 'b', pidNamespace: 'pid:[1]', pid: 1, startTicks: 1 };
  const opened = { name: null, createdAt: '2026-01-01T00:00:00.000Z', source: 'ingest', writer, dedupPosition: [] };
  const events = [
    { type: 'opened', checkpoint, seq: 0, value: encodeValue('opened', opened) },
    { type: 'record', checkpoint, seq: 1, value: record },
  ];
  const chain = EventChain.start(checkpoint);
  for (const event of events) chain.add(event);
  const totals = { bytes: record.length, records: 1, pages: 0, zeroPages: 0, newPages: 0, storedBytes: 0 };
  const sealed = { formatVersion: 1, ...totals, digest: '', parent: null, chain: chain.hex, frozenMs: null };
  await store.log.append(events);
  await store.catchUp();
  await store.log.append([{ type: 'sealed', checkpoint, seq: 2, value: encodeValue('sealed', sealed) }]);
  await store.catchUp();
  if (store.catalog.get(checkpoint)?.state !== 'sealed') throw new Error(`${checkpoint} is not sealed`);
  process.stdout.write(`${checkpoint}\n`);
}
await store.close();
