// SPDX-License-Identifier: GPL-2.0
/*
 * Version 2: paths and descriptors. Files are opened with the caller's rights
 * while the image is read, so that what cannot be opened is an error in time;
 * they are put into the table after the point of no return.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/kdev_t.h>
#include <linux/major.h>
#include <linux/mount.h>
#include <linux/namei.h>
#include <linux/stat.h>

#include "ckpt.h"

/* An absolute path of @bytes bytes with its NUL, into @to->page. */
int ckpt_read_path2(struct ckpt_target *to, u32 bytes)
{
	int ret;

	if (!bytes || bytes > PAGE_SIZE)
		return -EINVAL;
	ret = ckpt_get(&to->stream, to->page, bytes);
	if (ret)
		return ret;
	return strnlen(to->page, bytes) == bytes - 1 ? 0 : -EINVAL;
}

static int take_exe(struct ckpt_target *to)
{
	struct file *file = ckpt_open_mapped(to->page);
	int ret;

	if (IS_ERR(file)) {
		ckpt_say(current, "cannot open executable %s: %ld", to->page, PTR_ERR(file));
		return PTR_ERR(file);
	}
	ret = ckpt_set_exe(to, file);
	fput(file);
	return ret;
}

static int take_cwd(struct ckpt_target *to)
{
	int ret;

	if (to->page[0] != '/' || to->proc->cwd.dentry)
		return -EINVAL;
	ret = kern_path(to->page, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &to->proc->cwd);
	if (ret) {
		to->proc->cwd.dentry = NULL;
		return ret;
	}
	return path_permission(&to->proc->cwd, MAY_EXEC | MAY_CHDIR);
}

int ckpt_read_paths2(struct ckpt_target *to)
{
	struct cr2_path rec;
	u32 last = 0, more;
	int ret;

	while ((ret = ckpt_optional2(to, CKPT_REC_PATH, &rec, sizeof(rec), &more)) > 0) {
		if (more != rec.path_bytes || rec.kind <= last || rec.kind > CKPT_PATH_ROOT)
			return -EINVAL;
		last = rec.kind;
		ret = ckpt_read_path2(to, more);
		if (!ret && rec.kind == CKPT_PATH_EXE)
			ret = take_exe(to);
		else if (!ret && rec.kind == CKPT_PATH_CWD)
			ret = take_cwd(to);
		else if (!ret && strcmp(to->page, "/"))
			ret = -EOPNOTSUPP; /* the root directory stays the caller's */
		if (ret)
			return ret;
	}
	return ret;
}

static bool kind_fits(struct inode *inode, u32 kind)
{
	switch (kind) {
	case CKPT_FILE_REGULAR:
		return S_ISREG(inode->i_mode);
	case CKPT_FILE_DIRECTORY:
		return S_ISDIR(inode->i_mode);
	case CKPT_FILE_DEVICE:
		return ckpt_stateless_device(inode);
	}
	return false;
}

/*
 * Looks at what is there before opening just that: FIFOs block and devices act
 * when they are opened. Flags that would create or cut are not passed on.
 */
static struct file *open_again(struct ckpt_target *to, const struct cr2_file *rec)
{
	int flags = rec->flags & (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | __O_SYNC |
				  O_DIRECT | O_LARGEFILE | O_DIRECTORY | O_NOATIME | O_PATH);
	struct file *file;
	struct path path;
	int ret;

	if (to->page[0] != '/')
		return ERR_PTR(-EINVAL);
	ret = kern_path(to->page, LOOKUP_FOLLOW, &path);
	if (ret)
		return ERR_PTR(ret);
	file = ERR_PTR(-EINVAL);
	if (kind_fits(d_inode(path.dentry), rec->kind))
		file = file_open_root(&path, "", flags | O_NONBLOCK | O_NOCTTY | O_LARGEFILE, 0);
	path_put(&path);
	if (IS_ERR(file))
		return file;
	spin_lock(&file->f_lock);
	if (!(flags & O_NONBLOCK))
		file->f_flags &= ~O_NONBLOCK;
	spin_unlock(&file->f_lock);
	if (rec->kind == CKPT_FILE_REGULAR && !(flags & O_PATH) && rec->offset) {
		loff_t at = rec->offset > LLONG_MAX ? -EINVAL :
			    vfs_llseek(file, rec->offset, SEEK_SET);

		if (at < 0) {
			fput(file);
			return ERR_PTR(at);
		}
	}
	return file;
}

static struct ckpt_open *room_for_one(struct ckpt_proc *proc)
{
	struct ckpt_open *files;
	u32 room = proc->file_room ? proc->file_room * 2 : 16;

	if (proc->file_count < proc->file_room)
		return &proc->files[proc->file_count];
	files = kvmalloc_array(room, sizeof(*files), GFP_KERNEL_ACCOUNT);
	if (!files)
		return NULL;
	memcpy(files, proc->files, proc->file_count * sizeof(*files));
	kvfree(proc->files);
	proc->files = files;
	proc->file_room = room;
	return &files[proc->file_count];
}

static struct file *twin_of(struct ckpt_proc *proc, int fd, bool *found)
{
	u32 low = 0, high = proc->file_count;

	/* descriptors ascend */
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (proc->files[middle].fd < fd)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == proc->file_count || proc->files[low].fd != fd)
		return NULL;
	*found = true;
	return proc->files[low].file ? get_file(proc->files[low].file) : NULL;
}

/* What descriptor @rec->fd will refer to; NULL: whatever it refers to now. */
static struct file *file_for(struct ckpt_target *to, const struct cr2_file *rec)
{
	bool found = false;
	struct file *file;

	if (rec->same_as >= 0) {
		file = twin_of(to->proc, rec->same_as, &found);
		if (!found || rec->same_as >= rec->fd)
			return ERR_PTR(-EINVAL);
		if (file || rec->fd <= 2)
			return file;
		/* a standard stream of the caller under another number, too */
		file = fget_raw(rec->same_as);
		return file ? file : ERR_PTR(-EBADF);
	}
	if (rec->kind == CKPT_FILE_STDIO)
		return rec->fd <= 2 ? NULL : ERR_PTR(-EINVAL);
	return open_again(to, rec);
}

static int read_file(struct ckpt_target *to, const struct cr2_file *rec, u32 more)
{
	struct ckpt_proc *proc = to->proc;
	struct ckpt_open *slot;
	struct file *file;
	int ret = 0;

	if (more != rec->path_bytes || proc->file_count == proc->task.file_count)
		return -EINVAL;
	if (rec->fd < 0 || (proc->file_count && rec->fd <= proc->files[proc->file_count - 1].fd))
		return -EINVAL;
	if (rec->fd >= rlimit(RLIMIT_NOFILE))
		return -EMFILE;
	to->page[0] = '\0';
	if (more)
		ret = ckpt_read_path2(to, more);
	slot = room_for_one(proc);
	if (ret || !slot)
		return ret ? ret : -ENOMEM;
	file = file_for(to, rec);
	if (IS_ERR(file)) {
		ckpt_say(current, "cannot open %s as descriptor %d: %ld", to->page, rec->fd,
			 PTR_ERR(file));
		return PTR_ERR(file);
	}
	slot->fd = rec->fd;
	slot->fd_flags = rec->fd_flags & FD_CLOEXEC;
	slot->file = file;
	proc->file_count++;
	return 0;
}

int ckpt_read_files2(struct ckpt_target *to)
{
	struct cr2_file rec;
	u32 more;
	int ret;

	while ((ret = ckpt_optional2(to, CKPT_REC_FILE, &rec, sizeof(rec), &more)) > 0) {
		ret = read_file(to, &rec, more);
		if (ret)
			return ret;
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	if (ret < 0)
		return ret;
	return to->proc->file_count == to->proc->task.file_count ? 0 : -EINVAL;
}

/**
 * ckpt_prepare_files - what can fail of putting descriptors in place
 *
 * The caller's tables become its own alone, and large enough.
 */
int ckpt_prepare_files(struct ckpt_target *to)
{
	struct ckpt_proc *proc = to->proc;
	int ret, fd;

	ret = unshare_files();
	if (ret || !proc)
		return ret;
	ret = unshare_fs_struct();
	if (ret || !proc->file_count)
		return ret;
	/* a descriptor above the highest makes the table large enough for all */
	fd = f_dupfd(proc->files[proc->file_count - 1].fd, to->stream.file, O_CLOEXEC);
	if (fd < 0)
		return fd;
	return close_fd(fd);
}

/* Descriptors of the old life, all but those that the image takes over. */
static void close_others(struct ckpt_proc *proc)
{
	unsigned int fd;
	u32 i = 0;

	for (fd = 0;; fd++) {
		struct file *file;

		rcu_read_lock();
		file = task_lookup_next_fd_rcu(current, &fd);
		rcu_read_unlock();
		if (!file)
			break;
		while (i < proc->file_count && proc->files[i].fd < fd)
			i++;
		if (i == proc->file_count || proc->files[i].fd != fd)
			close_fd(fd);
		cond_resched();
	}
}

void ckpt_load_files(struct ckpt_target *to)
{
	struct ckpt_proc *proc = to->proc;
	u32 i;

	if (!proc) {
		/* version 1 knows nothing of files: the caller's stay, as across execve */
		do_close_on_exec(current->files);
		return;
	}
	close_others(proc);
	for (i = 0; i < proc->file_count; i++) {
		struct ckpt_open *open = &proc->files[i];

		if (open->file)
			replace_fd(open->fd, open->file, open->fd_flags ? O_CLOEXEC : 0);
		else
			set_close_on_exec(open->fd, open->fd_flags);
	}
	if (proc->cwd.dentry)
		set_fs_pwd(current->fs, &proc->cwd);
}
