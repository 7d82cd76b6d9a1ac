// SPDX-License-Identifier: Apache-2.0
import type { FastifyReply } from 'fastify';
import type { RestartedTask } from '../../ckpt.js';
import { CkptError } from '../../format/errors.js';
import { findCheckpoint } from '../lookup.js';
import type { Operation, ServiceContext } from '../operation.js';
import { HttpProblem } from '../problems.js';
import { checkpointArgument, flag, object, options, restarted } from '../schemas.js';

interface RestartBody {
  readonly same_pid?: boolean;
  readonly ignore_cpu?: boolean;
  readonly lazy?: boolean;
  readonly stopped?: boolean;
  readonly copies?: number;
}

const COPIES_MAX = 1000;

export const restart: Operation = {
  id: 'restart',
  method: 'POST',
  path: '/v1/checkpoints/{id}/restart',
  summary: 'Make the task run again on the machine of the service',
  description:
    'With the rights of the service and within its limits. The task is left on its own; descriptors 0 to 2 are reopened as recorded ' +
    'if they were files or /dev/null, else they are /dev/null. The request, and how it ended, are events in the log.',
  scope: 'restore',
  parameters: { id: checkpointArgument },
  body: {
    types: ['application/json'],
    required: false,
    schema: options({
      same_pid: { ...flag, description: 'Insist on the recorded pid.' },
      ignore_cpu: { ...flag, description: 'Although this processor lacks features that were there at the checkpoint.' },
      lazy: { ...flag, description: 'Let it run at once; its memory comes when it is touched.' },
      stopped: { ...flag, description: 'Leave it stopped, all made ready: SIGCONT lets it run.' },
      copies: { type: 'integer', minimum: 1, maximum: COPIES_MAX, description: 'So many tasks, each with a new pid.' },
    }),
  },
  responses: { 201: { description: 'It runs', type: 'application/json', schema: restarted } },
  problems: ['missing', 'conflict', 'unsupported', 'unrestorable', 'damaged', 'busy'],
  run: async (context, request, reply) => {
    const { ckpt, events, metrics, work } = context;
    const wanted = (request.body ?? {}) as RestartBody;
    const job = work.begin('restart');
    const took = metrics.restartSeconds.startTimer();
    const warnings: string[] = [];
    try {
      const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
      const { copies = 1, lazy = false } = wanted;
      const pids: number[] = [];
      let first: RestartedTask | undefined;
      for (let made = 0; made < copies; made++) {
        const task = await ckpt.restart(id, {
          detach: true,
          warm: true,
          lazy,
          stopped: wanted.stopped ?? false,
          newPid: copies > 1,
          samePid: wanted.same_pid ?? false,
          ignoreCpu: wanted.ignore_cpu ?? false,
          requestedBy: request.caller?.name ?? 'nobody',
          onWarning: (text) => warnings.push(context.redact(text)),
          onProgress: (bytes) => events.progress({ what: 'restart', request: request.id, id, bytes }),
          onPager: ({ text = 'all pages are in place' }) =>
            context.log.info({ id, request: request.id }, context.redact(text)),
        });
        first ??= task;
        if (made === 0) took();
        metrics.restarts.inc({ result: 'running' });
        await task.outcome; // its restarter has let go of it
        pids.push(task.pid);
      }
      void reply.code(201);
      return {
        id,
        pid: pids[0],
        warnings,
        ...(copies > 1 ? { pids } : {}),
        ...(first?.atNs === undefined ? {} : { start_ms: sinceArrival(first.atNs, reply) }),
      };
    } catch (error) {
      metrics.restarts.inc({ result: error instanceof HttpProblem ? 'refused' : 'failed' });
      throw conflictOf(error, wanted) ?? unrestorable(error, context) ?? error;
    } finally {
      job.end();
    }
  },
};

interface RestoreBody {
  readonly restore_id: string;
  readonly host: string;
  readonly pid: number | null;
  readonly result: string;
}

export const recordRestore: Operation = {
  id: 'recordRestore',
  method: 'POST',
  path: '/v1/checkpoints/{id}/restores',
  summary: 'Say that a task was restarted elsewhere out of this image, or how that ended',
  description: 'An event in the log, as of a restart here. The same restore_id again says how it ended.',
  scope: 'restore',
  parameters: { id: checkpointArgument },
  body: {
    types: ['application/json'],
    required: true,
    schema: object({
      restore_id: { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' },
      host: { type: 'string', minLength: 1, maxLength: 256 },
      pid: { type: ['integer', 'null'], minimum: 1, maximum: 4_194_304 },
      result: { type: 'string', pattern: '^(running|exited [0-9]{1,3}|killed [A-Z0-9+-]{1,20}|failed: .{0,400})$' },
    }),
  },
  responses: { 204: { description: 'It is in the log' } },
  problems: ['missing'],
  run: async (context, request, reply) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    const { restore_id: restoreId, host, pid, result } = request.body as RestoreBody;
    await context.ckpt.recordRestore(id, { restoreId, host, pid, result, by: request.caller?.name ?? 'nobody' });
    return reply.code(204).send();
  },
};

/** The image is as it was sealed, and still nothing that can run: not the store's fault, whose errors have a cause. */
function unrestorable(error: unknown, { redact }: ServiceContext): HttpProblem | undefined {
  if (!(error instanceof CkptError) || error.kind !== 'damaged' || error.cause !== undefined) return undefined;
  return new HttpProblem('unrestorable', redact(error.message));
}

/** That somebody else has the pid is the caller's wish and no failure of the service. */
function conflictOf(error: unknown, { same_pid }: RestartBody): HttpProblem | undefined {
  const taken = same_pid === true && error instanceof Error && /\bpid\b/.test(error.message);
  return taken ? new HttpProblem('conflict', 'the recorded pid cannot be had') : undefined;
}

/** Milliseconds from the arrival of the request to a moment on the clock of process.hrtime(). */
function sinceArrival(atNs: bigint, reply: FastifyReply): number {
  const agoMs = Number(process.hrtime.bigint() - atNs) / 1e6;
  return Math.round((reply.elapsedTime - agoMs) * 1000) / 1000;
}
