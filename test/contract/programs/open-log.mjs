// SPDX-License-Identifier: Apache-2.0
//
// Opens the log that a test names, in a process of its own. Runs against dist/: build first.

/** `spec` as a harness gives it: {"kind": "embedded", "dir": ...} or {"kind": "kafka", "dir": ..., "url": ...}. */
export async function openLog(spec) {
  if (spec.kind === 'embedded') {
    const { openEmbeddedLog } = await import('../../../dist/store/index.js');
    return openEmbeddedLog({ dir: spec.dir });
  }
  if (spec.kind === 'kafka') {
    const { openKafkaLog } = await import('../../../dist/store/kafka/kafka-log.js');
    return openKafkaLog({ dir: spec.dir, url: spec.url, create: true });
  }
  throw new Error(`no log driver ${spec.kind}`);
}
