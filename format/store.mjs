// SPDX-License-Identifier: Apache-2.0
//
// The one source of the store's own layouts: the pack file and the value of a `pages` event. Same notation as
// image.mjs. Events of the other types are the image's bytes (`record`) or JSON (src/format/events.ts).

export const limits = [
  ['PACK_VERSION', 1, 'pack_header.version'],
  ['PACK_STORED_BYTES_MAX', 900_000, 'a pack is closed before its frames pass this many stored bytes'],
  ['PACK_RAW_BYTES_MAX', 8 << 20, 'or this many bytes of pages'],
  ['PACK_PAGES_MAX', 2048, 'PACK_RAW_BYTES_MAX in pages'],
  ['FRAME_PAGES', 8, 'pages of one frame; the last frame of a pack may have fewer'],
  ['FRAME_RAW', 0x80000000, 'frame table: this bit says that the frame is stored as it is, not compressed'],
  ['HASH_BYTES', 32, 'bytes of a page hash, a pack id, an image digest'],
  ['HASH_SHA256', 1, 'page hashes are SHA-256 over the log\'s salt and the page'],
  ['HASH_BLAKE3', 2, 'page hashes are BLAKE3 of the page, keyed with the log\'s salt'],
  ['CODEC_NONE', 0, 'pack_header.codec'],
  ['CODEC_ZSTD', 1, 'pack_header.codec'],
  ['EVENT_SCHEMA', 2, 'schema number of every event'],
  ['EVENT_VALUE_BYTES_MAX', 512 << 10, 'bytes of the value of a record or pages event'],
  ['RUN_ZERO', 0, 'run kind: pages that are all zero'],
  ['RUN_PACK', 1, 'run kind: consecutive slots of a pack'],
  ['PLAN_VERSION', 2, 'restart_plan.version'],
  ['PLAN_ZERO', 0xffffffff, 'plan_run.pack of pages that are all zero'],
];

export const structs = [
  { name: 'pack_header', size: 128, versions: ['pack'], doc: 'Start of a pack file. Then: page directory (pages x 32 bytes of hash, slot 0 first), frame table (frames x u32 stored bytes, FRAME_RAW), frames, and 32 bytes of SHA-256 over all before them, which is the pack\'s id.', fields: [
    ['char[8]', 'magic', '"ckptpack"'], ['u16', 'version', 'PACK_VERSION'], ['u16', 'codec', 'CODEC_'], ['u32', 'pages', 'slots, 1..PACK_PAGES_MAX'],
    ['u32', 'frames', ''], ['u32', 'frame_pages', 'FRAME_PAGES'], ['u64', 'stored_bytes', 'of all frames'],
    ['u8[16]', 'key_id', 'key that the frames are encrypted with; all zero: not encrypted'], ['u8[16]', 'salt', 'random salt of the frames\' key; all zero: not encrypted'],
    ['u8[16]', 'log_id', 'the log whose hash and salt the page hashes use'], ['char[32]', 'stream', 'id of the checkpoint whose stream wrote the pack'], ['u64', 'raw_bytes', 'pages x 4096'], ['u64', 'reserved', '0']] },
  { name: 'pages_event', size: 32, versions: ['pages event'], doc: 'Start of the value of a `pages` event. Then: packs x 32 bytes of pack id, and run_bytes of runs.', fields: [
    ['u32', 'pages', 'pages in this event'], ['u32', 'first', 'index of the first of them among the pages of its VMA (version 1) or PAGES record (version 2)'],
    ['u32', 'total', 'pages of that VMA or PAGES record'], ['u32', 'packs', 'pack ids that follow'], ['u32', 'run_bytes', ''], ['u32', 'zero_pages', 'of pages'], ['u32', 'new_pages', 'pages that this stream stored first'], ['u32', 'reserved', '0']] },
  { name: 'restart_plan', size: 128, versions: ['restart plan'], doc: 'Start of what a lazy restart works from; never stored, it goes from the store to ckpt-process in memory. Then: the image\'s records without the addresses and contents of pages (records_bytes, padded to 8), packs x 32 bytes of pack id, and runs x plan_run, ascending.', fields: [
    ['char[8]', 'magic', '"ckptplan"'], ['u16', 'version', 'PLAN_VERSION'], ['u16', 'hash', 'HASH_ of the page hashes'], ['u32', 'crc32c', 'of all that follows this struct'],
    ['u64', 'records_bytes', ''], ['u32', 'packs', ''], ['u32', 'runs', ''], ['u64', 'pages', 'of all runs'], ['u64', 'image_bytes', 'of the whole image'],
    ['u8[32]', 'salt', 'of the page hashes'], ['char[32]', 'checkpoint', 'its id'], ['u64', 'reserved2', '0'], ['u64', 'reserved3', '0']] },
  { name: 'plan_run', size: 24, versions: ['restart plan'], doc: 'Pages at consecutive addresses: all zero, or in consecutive slots of one pack.', fields: [
    ['u64', 'first_page', 'address / PAGE_BYTES'], ['u32', 'count', ''], ['u32', 'pack', 'index into the plan\'s pack ids, or PLAN_ZERO'], ['u32', 'slot', 'of the first page'], ['u32', 'ordinal', 'of the first page among all pages of the plan']] },
];

/** Grammar of what is not a struct. */
export const runs = `run      = gap head [ref]          all numbers are unsigned LEB128
gap      = pages between the end of the run before (0 at the start of an event) and the first page of this one
head     = count << 1 | kind        count >= 1 pages at consecutive addresses; kind RUN_ZERO or RUN_PACK
ref      = pack slot                RUN_PACK only: index into the event's pack ids, slot of the first page; the others follow it`;
