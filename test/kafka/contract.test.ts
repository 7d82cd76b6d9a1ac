// SPDX-License-Identifier: Apache-2.0
import { openKafkaLog } from '../../src/store/kafka/kafka-log.js';
import { eventLogContract } from '../contract/event-log.contract.js';
import { newDirectory, newPrefix, removeDirectory, sendForeign, urlOf } from './support/topics.js';

eventLogContract('kafka', async () => {
  const dir = newDirectory();
  const prefix = newPrefix();
  const url = urlOf(prefix);
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
