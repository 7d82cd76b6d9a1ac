// SPDX-License-Identifier: Apache-2.0
import { openKafkaLog } from '../../src/store/kafka/kafka-log.js';
import { eventLogContract } from '../contract/event-log.contract.js';
import { newDirectory, newPrefix, removeDirectory, sendForeign, urlOf } from './support/topics.js';

// With a budget that a few of the packs that the contract puts exceed.
for (const query of ['', '?packs=on-demand&packs-bytes-max=500000']) {
  eventLogContract(`kafka${query}`, async () => {
    const dir = newDirectory();
    const prefix = newPrefix();
    const url = urlOf(prefix, query);
    return {
      spec: { kind: 'kafka', dir, url },
      refusesFenced: false,
      open: async () => {
        const log = await openKafkaLog({ dir, url, create: true });
        if (!log) throw new Error('the log is not there');
        return log;
      },
      appendForeign: ({ type, schema }) =>
        sendForeign(`${prefix}.images`, [
          { key: 'foreign', value: 'x', headers: { type, checkpoint: 'foreign', seq: '0', schema: String(schema) } },
        ]),
      dispose: async () => removeDirectory(dir),
    };
  });
}
