/* SPDX-License-Identifier: (GPL-2.0 OR Apache-2.0) */
/* Generated from format/store.mjs by format/generate.mjs. Do not edit: npm run generate */
#ifndef CKPT_STORE_H
#define CKPT_STORE_H

#include <linux/types.h>

#ifdef __cplusplus
#define CKPT_ASSERT(what, why) static_assert(what, why)
#define CKPT_OFFSETOF(t, f) __builtin_offsetof(t, f)
#else
#define CKPT_ASSERT(what, why) _Static_assert(what, why)
#define CKPT_OFFSETOF(t, f) __builtin_offsetof(struct t, f)
#endif

#define CKPT_PACK_VERSION 1 /* pack_header.version */
#define CKPT_PACK_STORED_BYTES_MAX 0x000dbba0 /* a pack is closed before its frames pass this many stored bytes */
#define CKPT_PACK_RAW_BYTES_MAX 0x00800000 /* or this many bytes of pages */
#define CKPT_PACK_PAGES_MAX 2048 /* PACK_RAW_BYTES_MAX in pages */
#define CKPT_FRAME_PAGES 8 /* pages of one frame; the last frame of a pack may have fewer */
#define CKPT_FRAME_RAW 0x80000000u /* frame table: this bit says that the frame is stored as it is, not compressed */
#define CKPT_HASH_BYTES 32 /* bytes of a page hash, a pack id, an image digest */
#define CKPT_HASH_SHA256 1 /* page hashes are SHA-256 over the log's salt and the page */
#define CKPT_HASH_BLAKE3 2 /* page hashes are BLAKE3 of the page, keyed with the log's salt */
#define CKPT_CODEC_NONE 0 /* pack_header.codec */
#define CKPT_CODEC_ZSTD 1 /* pack_header.codec */
#define CKPT_EVENT_SCHEMA 2 /* schema number of every event */
#define CKPT_EVENT_VALUE_BYTES_MAX 0x00080000 /* bytes of the value of a record or pages event */
#define CKPT_RUN_ZERO 0 /* run kind: pages that are all zero */
#define CKPT_RUN_PACK 1 /* run kind: consecutive slots of a pack */
#define CKPT_PLAN_VERSION 2 /* restart_plan.version */
#define CKPT_PLAN_ZERO 0xffffffffu /* plan_run.pack of pages that are all zero */

/* Start of a pack file. Then: page directory (pages x 32 bytes of hash, slot 0 first), frame table (frames x u32 stored bytes, FRAME_RAW), frames, and 32 bytes of SHA-256 over all before them, which is the pack's id. */
struct pack_header {
	char magic[8]; /* "ckptpack" */
	__u16 version; /* PACK_VERSION */
	__u16 codec; /* CODEC_ */
	__u32 pages; /* slots, 1..PACK_PAGES_MAX */
	__u32 frames;
	__u32 frame_pages; /* FRAME_PAGES */
	__u64 stored_bytes; /* of all frames */
	__u8 key_id[16]; /* key that the frames are encrypted with; all zero: not encrypted */
	__u8 salt[16]; /* random salt of the frames' key; all zero: not encrypted */
	__u8 log_id[16]; /* the log whose hash and salt the page hashes use */
	char stream[32]; /* id of the checkpoint whose stream wrote the pack */
	__u64 raw_bytes; /* pages x 4096 */
	__u64 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct pack_header) == 128, "pack_header");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, magic) == 0, "pack_header.magic");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, version) == 8, "pack_header.version");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, codec) == 10, "pack_header.codec");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, pages) == 12, "pack_header.pages");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, frames) == 16, "pack_header.frames");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, frame_pages) == 20, "pack_header.frame_pages");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, stored_bytes) == 24, "pack_header.stored_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, key_id) == 32, "pack_header.key_id");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, salt) == 48, "pack_header.salt");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, log_id) == 64, "pack_header.log_id");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, stream) == 80, "pack_header.stream");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, raw_bytes) == 112, "pack_header.raw_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(pack_header, reserved) == 120, "pack_header.reserved");

/* Start of the value of a `pages` event. Then: packs x 32 bytes of pack id, and run_bytes of runs. */
struct pages_event {
	__u32 pages; /* pages in this event */
	__u32 first; /* index of the first of them among the pages of its VMA (version 1) or PAGES record (version 2) */
	__u32 total; /* pages of that VMA or PAGES record */
	__u32 packs; /* pack ids that follow */
	__u32 run_bytes;
	__u32 zero_pages; /* of pages */
	__u32 new_pages; /* pages that this stream stored first */
	__u32 reserved; /* 0 */
};
CKPT_ASSERT(sizeof(struct pages_event) == 32, "pages_event");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, pages) == 0, "pages_event.pages");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, first) == 4, "pages_event.first");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, total) == 8, "pages_event.total");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, packs) == 12, "pages_event.packs");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, run_bytes) == 16, "pages_event.run_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, zero_pages) == 20, "pages_event.zero_pages");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, new_pages) == 24, "pages_event.new_pages");
CKPT_ASSERT(CKPT_OFFSETOF(pages_event, reserved) == 28, "pages_event.reserved");

/* Start of what a lazy restart works from; never stored, it goes from the store to ckpt-process in memory. Then: the image's records without the addresses and contents of pages (records_bytes, padded to 8), packs x 32 bytes of pack id, and runs x plan_run, ascending. */
struct restart_plan {
	char magic[8]; /* "ckptplan" */
	__u16 version; /* PLAN_VERSION */
	__u16 hash; /* HASH_ of the page hashes */
	__u32 crc32c; /* of all that follows this struct */
	__u64 records_bytes;
	__u32 packs;
	__u32 runs;
	__u64 pages; /* of all runs */
	__u64 image_bytes; /* of the whole image */
	__u8 salt[32]; /* of the page hashes */
	char checkpoint[32]; /* its id */
	__u64 reserved2; /* 0 */
	__u64 reserved3; /* 0 */
};
CKPT_ASSERT(sizeof(struct restart_plan) == 128, "restart_plan");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, magic) == 0, "restart_plan.magic");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, version) == 8, "restart_plan.version");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, hash) == 10, "restart_plan.hash");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, crc32c) == 12, "restart_plan.crc32c");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, records_bytes) == 16, "restart_plan.records_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, packs) == 24, "restart_plan.packs");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, runs) == 28, "restart_plan.runs");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, pages) == 32, "restart_plan.pages");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, image_bytes) == 40, "restart_plan.image_bytes");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, salt) == 48, "restart_plan.salt");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, checkpoint) == 80, "restart_plan.checkpoint");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, reserved2) == 112, "restart_plan.reserved2");
CKPT_ASSERT(CKPT_OFFSETOF(restart_plan, reserved3) == 120, "restart_plan.reserved3");

/* Pages at consecutive addresses: all zero, or in consecutive slots of one pack. */
struct plan_run {
	__u64 first_page; /* address / PAGE_BYTES */
	__u32 count;
	__u32 pack; /* index into the plan's pack ids, or PLAN_ZERO */
	__u32 slot; /* of the first page */
	__u32 ordinal; /* of the first page among all pages of the plan */
};
CKPT_ASSERT(sizeof(struct plan_run) == 24, "plan_run");
CKPT_ASSERT(CKPT_OFFSETOF(plan_run, first_page) == 0, "plan_run.first_page");
CKPT_ASSERT(CKPT_OFFSETOF(plan_run, count) == 8, "plan_run.count");
CKPT_ASSERT(CKPT_OFFSETOF(plan_run, pack) == 12, "plan_run.pack");
CKPT_ASSERT(CKPT_OFFSETOF(plan_run, slot) == 16, "plan_run.slot");
CKPT_ASSERT(CKPT_OFFSETOF(plan_run, ordinal) == 20, "plan_run.ordinal");

#endif /* CKPT_STORE_H */
