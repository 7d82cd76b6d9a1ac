// SPDX-License-Identifier: Apache-2.0
import type { CheckpointRow, VmaEntry } from '../ckpt.js';
import { HttpProblem } from './problems.js';
import type { ServiceContext } from './operation.js';

/** The checkpoint that a parameter of the path means, as of the log's end now. HttpProblem `missing`. */
export async function findCheckpoint({ ckpt }: ServiceContext, argument: string): Promise<CheckpointRow> {
  await ckpt.refresh();
  try {
    return await ckpt.find(argument);
  } catch (error) {
    if ((error as { kind?: unknown }).kind !== 'missing') throw error;
    // An ambiguous prefix names checkpoints in its words; an unknown one does not, and is not repeated here.
    const { reason, message } = error as { reason?: unknown; message: string };
    throw new HttpProblem('missing', reason === 'ambiguous' ? message : 'there is no such checkpoint');
  }
}

/** A row as the API shows it; columns that a later release adds to the catalog are not part of the API by themselves. */
export function checkpointJson(row: CheckpointRow): Record<string, unknown> {
  return {
    id: row.id,
    name: row.name,
    created_at: row.created_at,
    host: row.host,
    pid: row.pid,
    comm: row.comm,
    format_version: row.format_version,
    kernel_release: row.kernel_release,
    image_bytes: row.image_bytes,
    image_digest: row.image_digest,
    pages: row.pages,
    zero_pages: row.zero_pages,
    new_pages: row.new_pages,
    stored_bytes: row.stored_bytes,
    parent_id: row.parent_id,
    records: row.records,
    frozen_ms: row.frozen_ms,
    source: row.source,
    process: row.process,
  };
}

export function mappingJson(vma: VmaEntry): Record<string, unknown> {
  const hex = (address: bigint): string => address.toString(16).padStart(12, '0');
  return {
    seq: vma.seq,
    start_addr: vma.start_addr,
    end_addr: vma.end_addr,
    start_hex: hex(vma.start_addr),
    end_hex: hex(vma.end_addr),
    kind: vma.kind,
    prot: vma.prot,
    path: vma.path,
    pages: vma.pages,
    zero_pages: vma.zero_pages,
    new_pages: vma.new_pages,
    file_offset: vma.file_offset,
  };
}
