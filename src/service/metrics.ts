// SPDX-License-Identifier: Apache-2.0
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { WorkInProgress } from './work.js';
import { workKinds } from './work.js';

/** What /metrics says, in Prometheus' text format. Labels have few values: never an id, a name or a path that a client made up. */
export class Metrics {
  readonly registry = new Registry();
  readonly requests: Counter<'operation' | 'status'>;
  readonly requestSeconds: Histogram<'operation'>;
  readonly imageBytes: Counter;
  readonly ingestBytes: Counter;
  readonly ingests: Counter<'result'>;
  readonly restarts: Counter<'result'>;
  readonly restartSeconds: Histogram;
  readonly refusals: Counter<'reason'>;

  constructor(work: WorkInProgress, followers: () => number) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    this.requests = new Counter({
      name: 'ckpt_http_requests_total',
      help: 'Requests answered.',
      labelNames: ['operation', 'status'],
      registers,
    });
    this.requestSeconds = new Histogram({
      name: 'ckpt_http_request_seconds',
      help: 'Time from a request to the end of its answer.',
      labelNames: ['operation'],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60, 600],
      registers,
    });
    this.imageBytes = new Counter({ name: 'ckpt_image_bytes_total', help: 'Bytes of images sent.', registers });
    this.ingestBytes = new Counter({ name: 'ckpt_ingest_bytes_total', help: 'Bytes of images received.', registers });
    this.ingests = new Counter({
      name: 'ckpt_ingests_total',
      help: 'Images received, by how it ended.',
      labelNames: ['result'],
      registers,
    });
    this.restarts = new Counter({
      name: 'ckpt_restarts_total',
      help: 'Tasks restarted, by how it ended.',
      labelNames: ['result'],
      registers,
    });
    this.restartSeconds = new Histogram({
      name: 'ckpt_restart_seconds',
      help: 'Time from a request to the running task.',
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2, 10, 60],
      registers,
    });
    this.refusals = new Counter({
      name: 'ckpt_refusals_total',
      help: 'Requests refused before they were looked at.',
      labelNames: ['reason'],
      registers,
    });
    new Gauge({
      name: 'ckpt_work_in_progress',
      help: 'Work going on, by kind.',
      labelNames: ['kind'],
      registers,
      collect() {
        for (const kind of workKinds) this.set({ kind }, work.count(kind));
        this.set({ kind: 'events' }, followers());
      },
    });
  }
}
