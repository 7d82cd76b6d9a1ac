// SPDX-License-Identifier: Apache-2.0
import { pageHashes } from '../../format/events.js';
import { findCheckpoint } from '../lookup.js';
import type { Operation } from '../operation.js';
import { array, checkpointArgument, digest, object, text } from '../schemas.js';

const hex = { type: 'string', pattern: '^[0-9a-f]*$' } as const;
const pageHash = { type: 'string', enum: [...pageHashes] } as const;

export const getSeals: Operation = {
  id: 'getSeals',
  method: 'GET',
  path: '/v1/checkpoints/{id}/seals',
  summary: 'Who stands for an image',
  description:
    'The seals as they stand in the log, for a client that has keys of its own to judge them by, and the hash and the salt that it ' +
    "needs to compute the image's digest for itself. What the service's own keys say of a seal is its `judgement`.",
  scope: 'read',
  parameters: { id: checkpointArgument },
  responses: {
    200: {
      description: 'They',
      type: 'application/json',
      schema: object({
        id: checkpointArgument,
        image_digest: digest,
        salt: { ...hex, description: 'Of the log of this service.' },
        hash: { ...pageHash, description: 'What it knows its pages by.' },
        seals: array(
          object({
            key_id: text,
            key_name: { type: ['string', 'null'], description: "What the service's keyring calls it." },
            algorithm: text,
            digest: text,
            at: text,
            seal: text,
            salt: { type: ['string', 'null'], description: 'Of the log where it was sealed, if that is another.' },
            hash: { type: ['string', 'null'], description: 'Likewise.' },
            judgement: { type: 'string', enum: ['good', 'carried', 'wrong', 'revoked', 'unknown'] },
          }),
        ),
      }),
    },
  },
  problems: ['missing'],
  run: async (context, request) => {
    const { id, image_digest } = await findCheckpoint(context, (request.params as { id: string }).id);
    return { id, image_digest, ...context.ckpt.hashing, seals: await context.ckpt.seals(id) };
  },
};
