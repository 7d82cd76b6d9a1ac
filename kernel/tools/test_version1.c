// SPDX-License-Identifier: GPL-2.0
/* Version 1: round trips of a program that it can carry. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;

static void self_with(const char *option)
{
	struct task task, copy;
	struct image image;
	long crid = 0;
	int fds[2];

	if (pipe(fds))
		return;
	task_files();
	task = task_start("/bin/task1", "self", option, fds[1]);
	close(fds[1]);
	image = image_read(fds[0]);
	close(fds[0]);
	expect(sscanf(task_line(&task), "crid %ld", &crid) == 1 && crid > 0, "a crid");
	expect(task_end(&task) == 0, "the original to go on unharmed");
	expect(image_parse(&image, &layout), "a whole image (%zu bytes)", image.size);
	expect(layout.version == 1, "version 1");

	copy = restart_image(&image, 0);
	task_goes_on(&copy, false, 42);
	image_free(&image);
}

static void self(void)
{
	self_with(NULL);
}

static void self_ldt(void)
{
	self_with("ldt");
}

static void other_with(const char *option)
{
	struct task task = task_stopped("/bin/task1", option), copy;
	struct image image = dump_whole(task.pid, 0, &layout);

	task_kill(&task);

	copy = restart_image(&image, 0);
	task_goes_on(&copy, false, 42);
	image_free(&image);
}

static void other(void)
{
	other_with(NULL);
}

static void other_ldt(void)
{
	other_with("ldt");
}

static void goes_on(void)
{
	struct task task = task_stopped("/bin/task1", NULL);
	struct image image;
	long first, second;

	image = dump_stopped(task.pid, 0, &first);
	image_free(&image);
	image = dump_stopped(task.pid, 0, &second);
	expect(first > 0 && second > first, "crids that differ: %ld, %ld", first, second);
	kill(task.pid, SIGCONT);
	task_goes_on(&task, false, 42);
	image_free(&image);
}

static void twice(void)
{
	static struct layout other_layout;
	struct task task = task_stopped("/bin/task1", NULL);
	struct image one = dump_whole(task.pid, 0, &layout), two = dump_whole(task.pid, 0, &other_layout);

	task_kill(&task);
	expect(one.size == two.size && layout.first_vma == other_layout.first_vma &&
	       !memcmp(one.bytes + layout.first_vma, two.bytes + layout.first_vma, one.size - layout.first_vma),
	       "dumping to change nothing: two images alike from the first mapping on");
	image_free(&one);
	image_free(&two);
}

static bool zeros(const struct image *image, size_t at, size_t bytes)
{
	while (bytes && !image->bytes[at])
		at++, bytes--;
	return !bytes;
}

#define PAD(at, type, field) zeros(&image, (at) + offsetof(struct type, field), sizeof(((struct type *)0)->field))

static void padding(void)
{
	struct task task = task_stopped("/bin/task1", "ldt");
	struct image image = dump_whole(task.pid, 0, &layout);
	struct cr_vma vma;

	task_kill(&task);
	expect(PAD(layout.task, cr_task, pad), "zeros in TASK");
	expect(PAD(layout.mm, cr_mm, pad0) && PAD(layout.mm, cr_mm, pad1), "zeros in MM");
	expect(PAD(layout.cpu, cr_cpu, pad), "zeros in CPU");
	for (int i = 0; i < layout.count; i++) {
		const struct mapping *map = &layout.maps[i];
		size_t name = map->name[0] ? strlen(map->name) + 1 + sizeof(struct cr_hdr) : 0;
		size_t at = map->addrs - name - sizeof(vma);

		memcpy(&vma, image.bytes + at, sizeof(vma));
		expect(vma.vm_start == map->start, "a VMA record");
		expect(PAD(at, cr_vma, pad0) && PAD(at, cr_vma, pad1), "zeros in VMA");
	}
	image_free(&image);
}

const struct test version1_tests[] = {
	{ "version 1: a program checkpoints itself, its copy sees 0", self },
	{ "version 1: LDT and TLS entries survive a self-checkpoint", self_ldt },
	{ "version 1: a stopped task is dumped, killed and restarted from a pipe", other },
	{ "version 1: LDT and TLS entries of a stopped task survive", other_ldt },
	{ "version 1: a dumped task goes on after SIGCONT", goes_on },
	{ "version 1: dumping changes nothing", twice },
	{ "version 1: padding is zero", padding },
	{ NULL, NULL },
};
