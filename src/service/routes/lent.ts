// SPDX-License-Identifier: Apache-2.0
import { findCheckpoint } from '../lookup.js';
import type { Operation } from '../operation.js';
import { checkpointArgument, digest, text } from '../schemas.js';
import { linesResponse, sendLines } from '../send-lines.js';
import { imageType } from './image.js';

export const getPlan: Operation = {
  id: 'getPlan',
  method: 'GET',
  path: '/v1/checkpoints/{id}/plan',
  summary: 'What a lazy restart elsewhere works from',
  description:
    'The records of the image without its pages, and in which pack each page is (restart_plan of the format). The packs stay for two minutes, ' +
    'and for two more with each of them that is asked for.',
  scope: 'read',
  parameters: { id: checkpointArgument },
  responses: { 200: { description: 'The plan', type: imageType, schema: text } },
  problems: ['missing', 'unsupported', 'damaged', 'busy'],
  run: async (context, request, reply) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    const job = context.work.begin('image');
    try {
      return await reply.type(imageType).send(await context.ckpt.lending.plan(id));
    } finally {
      job.end();
    }
  },
};

export const getOutline: Operation = {
  id: 'getOutline',
  method: 'GET',
  path: '/v1/checkpoints/{id}/outline',
  summary: 'All of an image but its pages',
  description:
    'For a lazy restart by a client with keys of its own: it computes the digest of the image, which is what a seal is made over, before any page ' +
    'is there. The events of the stream (`{"type": "record" or "pages", "value": BASE64}`, values as in the log), then the heads of its ' +
    'packs, up to their first frame (`{"type": "head", "pack": ID, "value": BASE64}`).',
  scope: 'read',
  parameters: { id: checkpointArgument },
  responses: { 200: linesResponse('The events and the heads, a line each') },
  problems: ['missing', 'unsupported', 'damaged', 'busy'],
  run: async (context, request, reply) => {
    const { id } = await findCheckpoint(context, (request.params as { id: string }).id);
    await sendLines(context, request, reply, 'image', () => context.ckpt.lending.outline(id));
    return undefined;
  },
};

export const getPack: Operation = {
  id: 'getPack',
  method: 'GET',
  path: '/v1/checkpoints/{id}/packs/{pack}',
  summary: 'A pack that a plan names',
  description:
    'As it is stored: its name is its SHA-256, so whoever asks can check it. It may hold pages of other checkpoints too.',
  scope: 'read',
  parameters: { id: checkpointArgument, pack: digest },
  responses: { 200: { description: 'The pack', type: imageType, schema: text } },
  problems: ['missing', 'unsupported', 'damaged', 'busy'],
  run: async (context, request, reply) => {
    const { id: argument, pack } = request.params as { id: string; pack: string };
    const { lending } = context.ckpt;
    const id = lending.lends(argument, pack) ? argument : (await findCheckpoint(context, argument)).id;
    const job = context.work.begin('image');
    try {
      const bytes = await lending.pack(id, pack);
      context.metrics.imageBytes.inc(bytes.length);
      return await reply.type(imageType).send(bytes);
    } finally {
      job.end();
    }
  },
};
