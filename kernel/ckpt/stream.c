// SPDX-License-Identifier: GPL-2.0
/*
 * The image's way through a file: whole reads and writes, counted and summed.
 *
 * A system call that was interrupted in the middle of an image must not be
 * restarted by the signal code, which would put a second HEAD (or look for
 * one) in the middle of the stream: every restart code becomes EINTR.
 */
#include <linux/bvec.h>
#include <linux/crc32.h>
#include <linux/file.h>
#include <linux/uio.h>

#include "ckpt.h"

u32 ckpt_crc32c(u32 crc, const void *data, size_t len)
{
	return __crc32c_le(crc, data, len);
}

/**
 * ckpt_stream_open - take a reference to the caller's file
 * @s: zeroed by this function
 * @fd: descriptor of the caller
 * @mode: FMODE_READ or FMODE_WRITE
 *
 * Return: 0, -EBADF for a descriptor that is not open for @mode, -EINVAL for a
 * file that cannot be read or written from the kernel, -ENOMEM.
 */
int ckpt_stream_open(struct ckpt_stream *s, int fd, fmode_t mode)
{
	bool can;
	int ret;

	memset(s, 0, sizeof(*s));
	s->crc = ~0U;
	s->file = fget(fd);
	if (!s->file)
		return -EBADF;
	ret = -EBADF;
	if (!(s->file->f_mode & mode))
		goto put;
	ret = -EINVAL;
	can = mode == FMODE_WRITE ? s->file->f_op->write_iter : s->file->f_op->read_iter;
	if (!can)
		goto put;
	ret = -ENOMEM;
	s->buf = (u8 *)__get_free_page(GFP_KERNEL_ACCOUNT);
	if (!s->buf)
		goto put;
	return 0;
put:
	fput(s->file);
	s->file = NULL;
	return ret;
}

void ckpt_stream_close(struct ckpt_stream *s)
{
	if (s->buf)
		free_page((unsigned long)s->buf);
	if (s->file)
		fput(s->file);
	memset(s, 0, sizeof(*s));
}

static int settled(ssize_t n)
{
	switch (n) {
	case 0:
		return -EIO;
	case -ERESTARTSYS:
	case -ERESTARTNOINTR:
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return -EINTR;
	default:
		return n;
	}
}

/* One read or write of what is left in @iter, at the file's own position. */
static ssize_t step(struct file *file, struct iov_iter *iter, bool write)
{
	bool seekable = !(file->f_mode & FMODE_STREAM);
	bool locked = file->f_mode & FMODE_ATOMIC_POS;
	loff_t pos = 0;
	ssize_t n;

	if (fatal_signal_pending(current))
		return -EINTR;
	if (locked && mutex_lock_killable(&file->f_pos_lock))
		return -EINTR;
	if (seekable)
		pos = file->f_pos;
	if (write) {
		file_start_write(file);
		n = vfs_iter_write(file, iter, &pos, 0);
		file_end_write(file);
	} else {
		n = vfs_iter_read(file, iter, &pos, 0);
	}
	if (seekable && n > 0)
		file->f_pos = pos;
	if (locked)
		mutex_unlock(&file->f_pos_lock);
	cond_resched();
	return n;
}

static int all(struct file *file, struct iov_iter *iter, bool write)
{
	ssize_t n;

	while (iov_iter_count(iter)) {
		n = step(file, iter, write);
		if (n <= 0)
			return settled(n);
	}
	return 0;
}

/* Writes out what small writes have gathered. */
int ckpt_flush(struct ckpt_stream *s)
{
	struct kvec vec = { .iov_base = s->buf, .iov_len = s->used };
	struct iov_iter iter;

	if (!s->used)
		return 0;
	iov_iter_kvec(&iter, ITER_SOURCE, &vec, 1, s->used);
	s->used = 0;
	return all(s->file, &iter, true);
}

int ckpt_put(struct ckpt_stream *s, const void *data, size_t len)
{
	size_t n;
	int ret;

	s->crc = ckpt_crc32c(s->crc, data, len);
	s->bytes += len;
	while (len) {
		if (s->used == PAGE_SIZE) {
			ret = ckpt_flush(s);
			if (ret)
				return ret;
		}
		n = min(len, PAGE_SIZE - s->used);
		memcpy(s->buf + s->used, data, n);
		s->used += n;
		data += n;
		len -= n;
	}
	return 0;
}

/**
 * ckpt_put_pages - write whole pages without copying them first
 * @s: the stream
 * @pages: at most CKPT_BATCH pages, referenced by the caller
 * @count: how many
 */
int ckpt_put_pages(struct ckpt_stream *s, struct page **pages, int count)
{
	struct bio_vec vec[CKPT_BATCH];
	struct iov_iter iter;
	int i, ret;

	ret = ckpt_flush(s);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		s->crc = ckpt_crc32c(s->crc, page_address(pages[i]), PAGE_SIZE);
		vec[i].bv_page = pages[i];
		vec[i].bv_len = PAGE_SIZE;
		vec[i].bv_offset = 0;
	}
	s->bytes += (u64)count * PAGE_SIZE;
	s->pages += count;
	iov_iter_bvec(&iter, ITER_SOURCE, vec, count, (size_t)count * PAGE_SIZE);
	return all(s->file, &iter, true);
}

/* Reads exactly @len bytes: not one more, for what follows the tail is not ours. */
int ckpt_get(struct ckpt_stream *s, void *data, size_t len)
{
	struct kvec vec = { .iov_base = data, .iov_len = len };
	struct iov_iter iter;
	int ret;

	if (!len)
		return 0;
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, len);
	ret = all(s->file, &iter, false);
	if (ret)
		return ret;
	s->crc = ckpt_crc32c(s->crc, data, len);
	s->bytes += len;
	return 0;
}

int ckpt_skip(struct ckpt_stream *s, u64 len)
{
	int ret;

	while (len) {
		size_t n = min_t(u64, len, PAGE_SIZE);

		ret = ckpt_get(s, s->buf, n);
		if (ret)
			return ret;
		len -= n;
	}
	return 0;
}

static int put_record(struct ckpt_stream *s, const void *hdr, size_t hdr_len, const void *payload,
		      size_t len)
{
	int ret;

	ret = ckpt_put(s, hdr, hdr_len);
	if (!ret)
		ret = ckpt_put(s, payload, len);
	s->records++;
	return ret;
}

/* A version-1 record; raw bytes that belong to it are put by the caller. */
int ckpt_put1(struct ckpt_stream *s, s16 type, u32 id, const void *payload, s16 len)
{
	struct cr_hdr hdr = { .type = type, .len = len, .id = id };

	return put_record(s, &hdr, sizeof(hdr), payload, len);
}

/* A version-2 record of @len bytes now and @more bytes that the caller puts. */
int ckpt_put2(struct ckpt_stream *s, u32 type, u32 id, const void *payload, u32 len, u32 more)
{
	struct cr2_hdr hdr = { .type = type, .len = len + more, .id = id };

	return put_record(s, &hdr, sizeof(hdr), payload, len);
}
