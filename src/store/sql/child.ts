// SPDX-License-Identifier: Apache-2.0
//
// The process of one query: opens the catalog read-only, answers, ends. Writing to the pipe waits for the reader, so that no
// more than a batch of rows is ever in memory.
import { readSync, writeSync } from 'node:fs';
import { serialize } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { catalogSchema } from '../catalog/schema.js';
import { openSql, type SqlValue } from '../catalog/sql.js';
import { StoreError } from '../errors.js';
import { openMemory } from '../sqlite.js';
import {
  BATCH_BYTES_MAX,
  BATCH_ROWS_MAX,
  FRAME_LENGTH_BYTES,
  FRAMES_FD,
  type SqlFailure,
  type SqlMessage,
  type SqlRequest,
} from './protocol.js';

function readRequest(): SqlRequest {
  const chunks: Buffer[] = [];
  const chunk = Buffer.alloc(64 << 10);
  for (;;) {
    const count = readSync(0, chunk);
    if (count === 0) throw new Error('no request');
    chunks.push(Buffer.from(chunk.subarray(0, count)));
    if (chunk[count - 1] === 10) return JSON.parse(Buffer.concat(chunks).toString()) as SqlRequest;
  }
}

function send(message: SqlMessage): void {
  const body = serialize(message);
  const frame = Buffer.alloc(FRAME_LENGTH_BYTES + body.length);
  frame.writeUInt32LE(body.length);
  body.copy(frame, FRAME_LENGTH_BYTES);
  for (let at = 0; at < frame.length;) at += writeSync(FRAMES_FD, frame, at);
}

function bytesOf(value: SqlValue): number {
  return typeof value === 'string' || Buffer.isBuffer(value) ? 16 + value.length : 16;
}

function answer({ catalog, packsDir, query }: SqlRequest): void {
  const session = openSql(catalog ?? openMemory(catalogSchema).serialize(), packsDir);
  const { columns, rows } = session.query(query);
  send({ kind: 'columns', columns });
  let batch: (readonly SqlValue[])[] = [];
  let bytes = 0;
  for (const row of rows) {
    batch.push(row);
    for (const value of row) bytes += bytesOf(value);
    if (batch.length < BATCH_ROWS_MAX && bytes < BATCH_BYTES_MAX) continue;
    send({ kind: 'rows', rows: batch });
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) send({ kind: 'rows', rows: batch });
  send({ kind: 'end' });
}

function failure(error: unknown): SqlFailure {
  if (!(error instanceof StoreError)) {
    return { reason: 'failed', operation: 'sql', place: 'query', problem: (error as Error).message };
  }
  const { reason, operation, place, hint } = error;
  const problem = error.message.slice(`${operation}: ${place}: `.length);
  return { reason, operation, place, problem, ...(hint === undefined ? {} : { hint }) };
}

const request = readRequest();
new Worker(new URL('./lifeline.js', import.meta.url)).unref();
try {
  answer(request);
} catch (error) {
  send({ kind: 'error', error: failure(error) });
}
process.exit(0);
