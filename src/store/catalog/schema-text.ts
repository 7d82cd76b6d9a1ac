// SPDX-License-Identifier: Apache-2.0
//
// The contract of the catalog in words: what `ckpt sql --schema` prints and docs/catalog.md shows. A test holds it to the
// tables, views and table functions themselves.

export interface RelationText {
  readonly name: string;
  readonly kind: 'table' | 'view' | 'function';
  readonly doc: string;
  /** Name, type, meaning. */
  readonly columns: readonly (readonly [string, string, string])[];
}

export const relations: readonly RelationText[] = [
  {
    name: 'checkpoint',
    kind: 'view',
    doc: 'One row for each stream of events: sealed checkpoints, and what never became one or is one no more.',
    columns: [
      ['id', 'TEXT', 'sorts by time'],
      ['name', 'TEXT', 'as given with --name; not unique'],
      ['state', 'TEXT', 'open, sealed, aborted, deleted or damaged; only sealed ones can be exported'],
      ['created_at', 'TEXT', "ISO 8601, UTC, by the writer's clock"],
      ['host', 'TEXT', 'where the process ran'],
      ['pid', 'INTEGER', 'of the first process in the image'],
      ['comm', 'TEXT', 'its command name'],
      ['format_version', 'INTEGER', '1 or 2'],
      ['kernel_release', 'TEXT', 'as uname -r has it'],
      ['image_bytes', 'INTEGER', 'bytes of the image as export writes it'],
      ['image_digest', 'TEXT', 'hex; equal digests are equal images'],
      ['pages', 'INTEGER', 'pages of 4,096 bytes in the image'],
      ['zero_pages', 'INTEGER', 'of them all zero: not stored'],
      ['new_pages', 'INTEGER', 'of them first stored by this checkpoint'],
      ['stored_bytes', 'INTEGER', 'bytes of the packs that it wrote'],
      ['parent_id', 'TEXT', 'the checkpoint of the same process before this one'],
      ['records', 'INTEGER', 'records of the image'],
      ['frozen_ms', 'REAL', 'milliseconds that the task did not run; null: the image came from elsewhere'],
      ['source', 'TEXT', 'save or ingest'],
      ['process', 'TEXT', 'host, boot, pid and start: the same for all checkpoints of one process'],
      ['damage', 'TEXT', 'why the state is damaged'],
    ],
  },
  {
    name: 'tag',
    kind: 'view',
    doc: 'Names given to checkpoints later.',
    columns: [
      ['checkpoint_id', 'TEXT', ''],
      ['name', 'TEXT', ''],
    ],
  },
  {
    name: 'record',
    kind: 'view',
    doc: 'The records of each image, in its order; docs/format.md says what they hold.',
    columns: [
      ['checkpoint_id', 'TEXT', ''],
      ['seq', 'INTEGER', 'event of the log in which the record begins'],
      ['type', 'TEXT', 'name, like VMA2; null: a record that this release does not know'],
      ['number', 'INTEGER', 'number of the type'],
      ['offset', 'INTEGER', 'byte of the image at which it begins'],
      ['bytes', 'INTEGER', 'header, payload and what is raw behind it, pages included'],
      ['task', 'INTEGER', 'pid or tid in its header'],
    ],
  },
  {
    name: 'vma',
    kind: 'view',
    doc: 'The mappings of each image, as /proc/PID/maps has them and more.',
    columns: [
      ['checkpoint_id', 'TEXT', ''],
      ['seq', 'INTEGER', 'event of the log in which its record begins'],
      ['start_addr', 'INTEGER', 'first byte'],
      ['end_addr', 'INTEGER', 'byte after the last'],
      ['kind', 'TEXT', 'anon, heap, stack, file, vdso, vvar or vvar_vclock'],
      ['prot', 'TEXT', 'like rw-p; s at the end: shared'],
      ['path', 'TEXT', 'file, or [heap], [stack], [vdso]; null: anonymous'],
      ['pages', 'INTEGER', 'pages of it in the image; untouched ones and clean ones of files are not'],
      ['zero_pages', 'INTEGER', 'of them all zero'],
      ['new_pages', 'INTEGER', 'of them first stored by this checkpoint'],
      ['file_offset', 'INTEGER', 'byte of the file at start_addr; null: no file'],
      ['start_hex', 'TEXT', 'start_addr as people read it'],
      ['end_hex', 'TEXT', 'end_addr likewise'],
    ],
  },
  {
    name: 'pack',
    kind: 'view',
    doc: 'The pack files.',
    columns: [
      ['id', 'TEXT', 'hex SHA-256, the name of the file'],
      ['pages', 'INTEGER', 'distinct pages in it'],
      ['raw_bytes', 'INTEGER', 'of these pages'],
      ['stored_bytes', 'INTEGER', 'of the file'],
      ['live_pages', 'INTEGER', 'pages that sealed checkpoints use'],
      ['stream', 'TEXT', 'checkpoint that wrote it'],
    ],
  },
  {
    name: 'restore',
    kind: 'table',
    doc: 'Restarts: who made what run again, and how it ended.',
    columns: [
      ['restore_id', 'TEXT', 'unique'],
      ['checkpoint_id', 'TEXT', ''],
      ['at', 'TEXT', 'ISO 8601, UTC'],
      ['host', 'TEXT', 'where it ran'],
      ['pid', 'INTEGER', 'of the new process; null: it did not come to run'],
      ['result', 'TEXT', 'running, how it ended, or failed and why'],
    ],
  },
  {
    name: 'seal',
    kind: 'table',
    doc: 'Who stands for which image. Whether they are believed depends on the keys of whoever asks: ckpt show, ckpt verify.',
    columns: [
      ['checkpoint_id', 'TEXT', ''],
      ['key_id', 'TEXT', '32 hex digits'],
      ['algorithm', 'TEXT', 'ed25519 or hmac-sha-256'],
      ['digest', 'TEXT', 'image digest that is sealed, hex'],
      ['at', 'TEXT', 'ISO 8601, UTC'],
      ['seal', 'TEXT', 'hex'],
      ['salt', 'TEXT', 'of a copied checkpoint: the salt of the log where it was sealed, hex'],
      ['hash', 'TEXT', 'and its page hash, blake3 or sha256'],
    ],
  },
  {
    name: 'checkpoint_pack',
    kind: 'view',
    doc: 'Which checkpoint uses which pages of which pack.',
    columns: [
      ['checkpoint_id', 'TEXT', ''],
      ['pack_id', 'TEXT', ''],
      ['slots', 'BLOB', 'bitmap: bit i of byte i >> 3 is page i of the pack'],
    ],
  },
  {
    name: 'page_map',
    kind: 'view',
    doc: 'Page maps as they are stored, in pieces; vma_page opens them.',
    columns: [
      ['checkpoint_id', 'TEXT', ''],
      ['seq', 'INTEGER', 'event of the log'],
      ['first', 'INTEGER', 'index of its first page within the mapping or run'],
      ['pages', 'INTEGER', ''],
      ['zero_pages', 'INTEGER', ''],
      ['new_pages', 'INTEGER', ''],
      ['vma_seq', 'INTEGER', 'seq of the mapping in vma'],
      ['value', 'BLOB', 'the event: docs/format.md'],
      ['zstd', 'INTEGER', '1: value is a zstd frame'],
    ],
  },
  {
    name: 'record_bytes',
    kind: 'view',
    doc: 'The bytes of the records, as the events of the log have them.',
    columns: [
      ['checkpoint_id', 'TEXT', ''],
      ['seq', 'INTEGER', 'event of the log'],
      ['value', 'BLOB', ''],
      ['zstd', 'INTEGER', '1: value is a zstd frame'],
    ],
  },
  {
    name: 'log_position',
    kind: 'table',
    doc: 'How far the catalog has come in the log.',
    columns: [
      ['partition', 'INTEGER', ''],
      ['next', 'INTEGER', 'offset of the next event to take'],
    ],
  },
  {
    name: 'vma_page(checkpoint_id)',
    kind: 'function',
    doc: 'Every page of an image, by address.',
    columns: [
      ['addr', 'INTEGER', 'address of the page'],
      ['page_hash', 'TEXT', 'hex; null: all zero'],
      ['pack_id', 'TEXT', 'where it is stored'],
      ['zero', 'INTEGER', '1: all zero'],
      ['slot', 'INTEGER', 'which page of the pack'],
      ['addr_hex', 'TEXT', 'addr as people read it'],
    ],
  },
  {
    name: 'page_diff(id_a, id_b)',
    kind: 'function',
    doc: 'The pages that differ between two images, by address.',
    columns: [
      ['addr', 'INTEGER', ''],
      ['change', 'TEXT', 'added, removed or changed, from a to b'],
      ['addr_hex', 'TEXT', ''],
    ],
  },
  {
    name: 'page_share(id_a, id_b)',
    kind: 'function',
    doc: 'The stored pages that two checkpoints have in common, wherever they are mapped; zero pages are not counted.',
    columns: [
      ['pack_id', 'TEXT', ''],
      ['pages', 'INTEGER', 'pages of the pack that both use'],
      ['raw_bytes', 'INTEGER', 'of these pages'],
    ],
  },
  {
    name: 'would_free(checkpoint_id)',
    kind: 'function',
    doc: 'What nobody would need any more if a checkpoint were removed. Packs go when they are empty; others are rewritten.',
    columns: [
      ['pack_id', 'TEXT', ''],
      ['pages', 'INTEGER', 'pages that only this checkpoint uses'],
      ['left_pages', 'INTEGER', 'pages that others still use'],
      ['stored_bytes', 'INTEGER', 'of the file, in proportion to the pages: an estimate, exact where left_pages is 0'],
    ],
  },
];

/** The whole contract as text, one relation after the other. */
export function describeSchema(): string {
  return relations.map(describeRelation).join('\n');
}

function describeRelation({ name, kind, doc, columns }: RelationText): string {
  const widest = Math.max(...columns.map(([column]) => column.length));
  const lines = columns.map(([column, type, meaning]) =>
    `  ${column.padEnd(widest)}  ${type.padEnd(7)}  ${meaning}`.trimEnd(),
  );
  return `${name}: ${kind}\n  ${doc}\n\n${lines.join('\n')}\n`;
}
