// SPDX-License-Identifier: GPL-2.0
/* What of a task's memory is in its image. */
#include <string.h>
#include "ktest.h"

static struct layout layout;

static void contents(void)
{
	struct image image;
	struct task task;
	long crid;

	file_of_f("/tmp/task1.data", 8);
	task = task_start("/bin/task1", "stop", NULL, -1);
	task_says(&task, "ready");
	task_wait_stopped(&task);
	image = dump_stopped(task.pid, 0, &crid);
	task_kill(&task);
	expect(image_parse(&image, &layout), "a whole image");
	expect(pages_between(&image, &layout, 0x200000000000, 0x200040000000) == 0, "no page of an untouched GiB");
	expect(pages_between(&image, &layout, 0x300000000000, 0x300000008000) == 1, "one page of the file mapping");
	expect(page_at(&image, &layout, 0x300000004000) != NULL, "the page that was written");
	image_free(&image);
}

const struct test memory_tests[] = {
	{ "memory: untouched and clean file pages are not in the image, private changes are", contents },
	{ NULL, NULL },
};
