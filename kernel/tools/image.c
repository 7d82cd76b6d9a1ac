// SPDX-License-Identifier: GPL-2.0
/* Images in memory: just enough of a parser to ask what is in them and to spoil them. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

struct image image_read(int fd)
{
	struct image image = { 0 };
	size_t room = 0;
	ssize_t n;

	for (;;) {
		if (image.size == room) {
			room = room ? room * 2 : 1 << 20;
			image.bytes = realloc(image.bytes, room);
			if (!image.bytes)
				abort();
		}
		n = read(fd, image.bytes + image.size, room - image.size);
		if (n <= 0)
			return image;
		image.size += n;
	}
}

struct image image_copy(const struct image *image)
{
	struct image copy = { malloc(image->size), image->size };

	memcpy(copy.bytes, image->bytes, image->size);
	return copy;
}

void image_free(struct image *image)
{
	free(image->bytes);
	image->bytes = NULL;
	image->size = 0;
}

/* A mapping whose record is at @at; NULL when there are too many. */
static struct mapping *add(struct layout *layout, size_t at)
{
	if (!layout->first_vma)
		layout->first_vma = at;
	if (layout->count == 4096)
		return NULL;
	return &layout->maps[layout->count++];
}

static bool parse1(const struct image *image, struct layout *l)
{
	size_t at = 0;
	struct cr_hdr hdr;

	while (at + sizeof(hdr) <= image->size) {
		const uint8_t *p = image->bytes + at + sizeof(hdr);
		struct cr_vma vma;
		struct mapping *map;

		memcpy(&hdr, image->bytes + at, sizeof(hdr));
		at += sizeof(hdr);
		if (hdr.len < 0 || at + hdr.len > image->size)
			return false;
		switch (hdr.type) {
		case CKPT_REC_TASK:
			l->task = at;
			break;
		case CKPT_REC_MM:
			l->mm = at;
			break;
		case CKPT_REC_VMA:
			map = add(l, at);
			if (!map)
				return false;
			memcpy(&vma, p, sizeof(vma));
			map->start = vma.vm_start;
			map->end = vma.vm_end;
			map->flags = vma.vm_flags;
			map->pages = vma.npages;
			at += hdr.len;
			if (vma.namelen) {
				memcpy(&hdr, image->bytes + at, sizeof(hdr));
				strncpy(map->name, (char *)image->bytes + at + sizeof(hdr), 255);
				at += sizeof(hdr) + hdr.len;
			}
			map->addrs = at;
			map->contents = at + vma.npages * 8;
			at += vma.npages * (8 + 4096L);
			continue;
		case CKPT_REC_MM_CONTEXT: {
			int16_t nldt;

			memcpy(&nldt, p + 2, sizeof(nldt));
			l->context = at;
			l->ldt = at + hdr.len;
			at += nldt * 8;
			break;
		}
		case CKPT_REC_THREAD:
			l->thread = at;
			l->tls = at + hdr.len;
			at += 24;
			break;
		case CKPT_REC_CPU:
			l->cpu = at;
			break;
		case CKPT_REC_TAIL:
			l->tail = at;
			return at + hdr.len == image->size;
		}
		at += hdr.len;
	}
	return false;
}

static bool parse2(const struct image *image, struct layout *l)
{
	size_t at = sizeof(struct cr_hdr) + sizeof(struct cr_head);
	struct mapping *map = NULL;
	struct cr2_hdr hdr;

	while (at + sizeof(hdr) <= image->size) {
		const uint8_t *p = image->bytes + at + sizeof(hdr);

		memcpy(&hdr, image->bytes + at, sizeof(hdr));
		at += sizeof(hdr);
		if (at + hdr.len > image->size)
			return false;
		if (hdr.type == CKPT_REC_TASK2)
			l->task = at;
		if (hdr.type == CKPT_REC_MM2)
			l->mm = at;
		if (hdr.type == CKPT_REC_REGS)
			l->regs = at;
		if (hdr.type == CKPT_REC_THREAD2)
			l->thread = at;
		if (hdr.type == CKPT_REC_XSTATE)
			l->xstate = at;
		if (hdr.type == CKPT_REC_LDT)
			l->ldt = at;
		if (hdr.type == CKPT_REC_TLS)
			l->tls = at;
		if (hdr.type == CKPT_REC_VMA2) {
			struct cr2_vma vma;

			memcpy(&vma, p, sizeof(vma));
			map = add(l, at);
			if (!map)
				return false;
			map->start = vma.start;
			map->end = vma.end;
			map->flags = vma.flags;
			if (vma.path_bytes)
				strncpy(map->name, (char *)p + sizeof(vma), 255);
		}
		if (hdr.type == CKPT_REC_PAGES) {
			uint32_t count;

			if (!map)
				return false;
			memcpy(&count, p, sizeof(count));
			if (map->pages) { /* one more run: a mapping of its own here */
				struct mapping *more = add(l, at);

				*more = *map;
				map = more;
			}
			map->pages = count;
			map->addrs = at + sizeof(struct cr2_pages);
			map->contents = map->addrs + count * 8;
		}
		if (hdr.type == CKPT_REC_TAIL2) {
			l->tail = at;
			return at + hdr.len == image->size;
		}
		at += hdr.len;
	}
	return false;
}

/* Return: whether the image is whole. The layout says how far it went. */
bool image_parse(const struct image *image, struct layout *layout)
{
	struct cr_head head;

	memset(layout, 0, sizeof(*layout));
	if (image->size < sizeof(struct cr_hdr) + sizeof(head))
		return false;
	memcpy(&head, image->bytes + sizeof(struct cr_hdr), sizeof(head));
	layout->version = head.version;
	return head.version == 2 ? parse2(image, layout) : parse1(image, layout);
}

/* The payload of the next version-2 record of a type behind an offset, from the start at 0. Return: 0 for none. */
size_t image_find2(const struct image *image, uint32_t type, size_t after)
{
	size_t at = sizeof(struct cr_hdr) + sizeof(struct cr_head);
	struct cr2_hdr hdr;

	while (at + sizeof(hdr) <= image->size) {
		memcpy(&hdr, image->bytes + at, sizeof(hdr));
		at += sizeof(hdr);
		if (at > after && hdr.type == type)
			return at;
		at += hdr.len;
	}
	return 0;
}

long pages_between(const struct image *image, const struct layout *layout, uint64_t start, uint64_t end)
{
	long count = 0;

	for (int i = 0; i < layout->count; i++)
		for (long p = 0; p < layout->maps[i].pages; p++) {
			uint64_t addr;

			memcpy(&addr, image->bytes + layout->maps[i].addrs + p * 8, 8);
			count += addr >= start && addr < end;
		}
	return count;
}

const uint8_t *page_at(const struct image *image, const struct layout *layout, uint64_t wanted)
{
	for (int i = 0; i < layout->count; i++)
		for (long p = 0; p < layout->maps[i].pages; p++) {
			uint64_t addr;

			memcpy(&addr, image->bytes + layout->maps[i].addrs + p * 8, 8);
			if (addr == wanted)
				return image->bytes + layout->maps[i].contents + p * 4096;
		}
	return NULL;
}

/* The guest's processor has the instruction. */
__attribute__((target("sse4.2"))) uint32_t crc32c(const uint8_t *p, size_t n)
{
	uint64_t crc = ~0U, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		crc = __builtin_ia32_crc32di(crc, word);
	}
	while (n--)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return ~crc;
}
