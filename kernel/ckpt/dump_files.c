// SPDX-License-Identifier: GPL-2.0
/*
 * Version 2: the files that the task refers to. What cannot be opened again by
 * its path is refused by name.
 */
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/kdev_t.h>
#include <linux/major.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/stat.h>

#include "ckpt.h"

int ckpt_stat(const struct path *path, struct kstat *stat)
{
	return vfs_getattr(path, stat, STATX_BASIC_STATS, AT_STATX_SYNC_AS_STAT);
}

/**
 * ckpt_describe - a file's attributes and its name as the caller sees it
 * @src: whose page holds the name until the next call
 * @len: set to the name's length with the NUL
 */
int ckpt_describe(struct ckpt_source *src, const struct path *path, struct kstat *stat,
		  char **name, int *len)
{
	int ret;

	ret = ckpt_stat(path, stat);
	if (ret)
		return ret;
	*name = ckpt_path_of(path, src->page, len);
	return PTR_ERR_OR_ZERO(*name);
}

static int write_path(struct ckpt_source *src, u32 kind, const struct path *path)
{
	struct cr2_path rec = { .kind = kind };
	struct kstat stat;
	char *name;
	int ret, len;

	ret = ckpt_describe(src, path, &stat, &name, &len);
	if (ret)
		return ret;
	if (d_unlinked(path->dentry)) {
		ckpt_say(src->task, "deleted %s %s cannot be carried",
			 kind == CKPT_PATH_EXE ? "executable" : "working directory", name);
		return -EOPNOTSUPP;
	}
	rec.mode = stat.mode;
	rec.dev = new_encode_dev(stat.dev);
	rec.ino = stat.ino;
	rec.size = stat.size;
	rec.mtime_sec = stat.mtime.tv_sec;
	rec.mtime_nsec = stat.mtime.tv_nsec;
	rec.path_bytes = len;
	ret = ckpt_put2(&src->stream, CKPT_REC_PATH, task_pid_vnr(src->task), &rec, sizeof(rec),
			len);
	return ret ? ret : ckpt_put(&src->stream, name, len);
}

static int paths_of(struct task_struct *task, struct path *cwd, struct path *root)
{
	int ret = -ESRCH;

	task_lock(task);
	if (task->fs) {
		get_fs_pwd(task->fs, cwd);
		get_fs_root(task->fs, root);
		ret = 0;
	}
	task_unlock(task);
	return ret;
}

/* PATH of the executable and of the working directory. */
int ckpt_write_paths(struct ckpt_source *src)
{
	struct path cwd, root, own;
	struct file *exe;
	int ret;

	ret = paths_of(src->task, &cwd, &root);
	if (ret)
		return ret;
	exe = get_task_exe_file(src->task);
	get_fs_root(current->fs, &own);
	ret = -EOPNOTSUPP;
	if (!exe || !path_equal(&root, &own)) {
		ckpt_say(src->task, "%s cannot be carried",
			 exe ? "another root directory" : "a task without an executable");
		goto out;
	}
	ret = write_path(src, CKPT_PATH_EXE, &exe->f_path);
	if (!ret)
		ret = write_path(src, CKPT_PATH_CWD, &cwd);
out:
	path_put(&own);
	if (exe)
		fput(exe);
	path_put(&root);
	path_put(&cwd);
	return ret;
}

/* The next open descriptor from @fd on, with a reference. */
static struct file *next_file(struct task_struct *task, unsigned int *fd)
{
	struct file *file;

	rcu_read_lock();
	for (;; (*fd)++) {
		file = task_lookup_next_fd_rcu(task, fd);
		if (!file || get_file_rcu(file))
			break;
	}
	rcu_read_unlock();
	return file;
}

/* A caller that dumps itself does not carry the descriptor that it dumps into. */
static bool is_stream(struct ckpt_source *src, struct file *file)
{
	return src->task == current && file == src->stream.file;
}

/* What may be opened again, for it has no state: /dev/null and its kind. */
bool ckpt_stateless_device(struct inode *inode)
{
	if (!S_ISCHR(inode->i_mode) || imajor(inode) != MEM_MAJOR)
		return false;
	switch (iminor(inode)) {
	case 3: /* null */
	case 5: /* zero */
	case 7: /* full */
	case 8: /* random */
	case 9: /* urandom */
		return true;
	}
	return false;
}

/* Return: FILE_ kind; 0 for a descriptor to leave out; an error for one that cannot be carried. */
static int kind_of(struct ckpt_source *src, unsigned int fd, struct file *file)
{
	struct inode *inode = file_inode(file);
	bool named = !d_unlinked(file->f_path.dentry) && inode->i_nlink;

	if (is_stream(src, file))
		return fd <= 2 ? CKPT_FILE_STDIO : 0;
	if (named && S_ISREG(inode->i_mode))
		return CKPT_FILE_REGULAR;
	if (named && S_ISDIR(inode->i_mode))
		return CKPT_FILE_DIRECTORY;
	if (ckpt_stateless_device(inode))
		return CKPT_FILE_DEVICE;
	if (fd <= 2)
		return CKPT_FILE_STDIO;
	ckpt_say(src->task, "descriptor %u (%s) cannot be carried", fd,
		 named ? "neither a regular file, a directory nor a stateless device" :
		 "a deleted file, a pipe or a socket");
	return -EOPNOTSUPP;
}

/* Sets @src->files, or fails with the error of a descriptor that cannot be carried. */
int ckpt_count_files(struct ckpt_source *src)
{
	struct file *file;
	unsigned int fd;
	int kind;

	src->files = 0;
	for (fd = 0; (file = next_file(src->task, &fd)); fd++) {
		kind = kind_of(src, fd, file);
		fput(file);
		if (kind < 0)
			return kind;
		src->files += kind > 0;
		cond_resched();
	}
	return 0;
}

static int lower_twin(struct ckpt_source *src, unsigned int fd, struct file *file)
{
	struct file *other;
	unsigned int at;

	for (at = 0; (other = next_file(src->task, &at)) && at < fd; at++) {
		fput(other);
		if (other == file)
			return at;
		cond_resched();
	}
	if (other)
		fput(other);
	return -1;
}

static u32 fd_flags(struct task_struct *task, unsigned int fd)
{
	struct fdtable *fdt;
	u32 flags = 0;

	task_lock(task);
	if (task->files) {
		spin_lock(&task->files->file_lock);
		fdt = files_fdtable(task->files);
		if (fd < fdt->max_fds && close_on_exec(fd, fdt))
			flags = FD_CLOEXEC;
		spin_unlock(&task->files->file_lock);
	}
	task_unlock(task);
	return flags;
}

static int write_file(struct ckpt_source *src, unsigned int fd, struct file *file, int kind)
{
	struct cr2_file rec = { .fd = fd, .kind = kind, .flags = file->f_flags,
				.fd_flags = fd_flags(src->task, fd), .offset = file->f_pos };
	struct kstat stat;
	char *name;
	int ret, len;

	ret = ckpt_describe(src, &file->f_path, &stat, &name, &len);
	if (ret)
		return ret;
	rec.same_as = lower_twin(src, fd, file);
	rec.mode = stat.mode;
	rec.dev = new_encode_dev(stat.dev);
	rec.ino = stat.ino;
	rec.rdev = new_encode_dev(stat.rdev);
	rec.size = stat.size;
	rec.mtime_sec = stat.mtime.tv_sec;
	rec.mtime_nsec = stat.mtime.tv_nsec;
	rec.path_bytes = len;
	ret = ckpt_put2(&src->stream, CKPT_REC_FILE, task_pid_vnr(src->task), &rec, sizeof(rec),
			len);
	return ret ? ret : ckpt_put(&src->stream, name, len);
}

int ckpt_write_files(struct ckpt_source *src)
{
	struct file *file;
	unsigned int fd;
	u32 written = 0;
	int kind, ret = 0;

	for (fd = 0; !ret && (file = next_file(src->task, &fd)); fd++) {
		kind = kind_of(src, fd, file);
		if (kind > 0) {
			ret = write_file(src, fd, file, kind);
			written++;
		} else {
			ret = kind;
		}
		fput(file);
		if (!ret && fatal_signal_pending(current))
			ret = -EINTR;
	}
	return !ret && written != src->files ? -EBUSY : ret;
}
