// SPDX-License-Identifier: Apache-2.0
import type { SqlValue } from '../../ckpt.js';
import { CkptError } from '../../format/errors.js';
import type { Operation } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { array, flag, object, text } from '../schemas.js';

const QUERY_CHARACTERS_MAX = 32_768;

interface SqlBody {
  readonly query: string;
  readonly rows_max?: number;
}

export const sql: Operation = {
  id: 'sql',
  method: 'POST',
  path: '/v1/sql',
  summary: 'Read-only SQL over the catalog',
  description:
    'It runs in a process of its own, which is killed when it takes too long. Integers are exact, whatever their size; bytes are hex. ' +
    '`truncated` says that there were more rows than may be answered.',
  scope: 'read',
  body: {
    types: ['application/json'],
    required: true,
    schema: object(
      {
        query: { type: 'string', minLength: 1, maxLength: QUERY_CHARACTERS_MAX },
        rows_max: {
          type: 'integer',
          minimum: 1,
          maximum: 1_000_000,
          description: 'Fewer rows than the service allows.',
        },
      },
      ['rows_max'],
    ),
  },
  responses: {
    200: {
      description: 'The rows',
      type: 'application/json',
      schema: object({
        columns: array(text),
        rows: array(array({ type: ['string', 'number', 'null'] })),
        truncated: flag,
      }),
    },
  },
  problems: ['query-cut-off', 'busy'],
  run: async ({ ckpt, limits, redact, work }, request) => {
    const { query, rows_max: asked } = request.body as SqlBody;
    const most = Math.min(asked ?? limits.sqlRowsMax, limits.sqlRowsMax);
    const job = work.begin('sql');
    try {
      await ckpt.refresh();
      const answer = await ckpt.sqlBatches(query, { timeoutMs: limits.sqlMs });
      const rows: (readonly SqlValue[])[] = [];
      let bytes = 0;
      for await (const batch of answer.batches) {
        job.signal.throwIfAborted();
        for (const row of batch) {
          bytes += row.reduce<number>((sum, value) => sum + sizeOf(value), 0);
          if (rows.length === most || bytes > limits.sqlBytesMax) {
            return { columns: answer.columns, rows, truncated: true };
          }
          rows.push(row);
        }
      }
      return { columns: answer.columns, rows, truncated: false };
    } catch (error) {
      // Too long, too much memory: the query is at fault, and the service goes on.
      if (error instanceof CkptError && error.kind === 'failed') {
        throw new HttpProblem('query-cut-off', redact(error.message));
      }
      throw error;
    } finally {
      job.end();
    }
  },
};

/** About what a value takes in memory and in the answer. */
function sizeOf(value: SqlValue): number {
  return typeof value === 'string' ? value.length : Buffer.isBuffer(value) ? value.length * 2 : 16;
}
