// SPDX-License-Identifier: GPL-2.0
/* What a version-2 image says of the machine and of the files that it came from, against what they say of themselves. */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "ktest.h"

static struct layout layout;

/* The bytes of a UUID as /proc writes it. */
static void boot_id(uint8_t id[16])
{
	char text[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY), digits = 0;

	expect(read(fd, text, sizeof(text) - 1) == 37, "a boot id");
	close(fd);
	memset(id, 0, 16);
	for (const char *p = text; *p && digits < 32; p++) {
		unsigned int digit;

		if (sscanf((char[]){ *p, 0 }, "%x", &digit) == 1) {
			id[digits / 2] |= digit << (digits % 2 ? 0 : 4);
			digits++;
		}
	}
	expect(digits == 32, "32 digits, not %d", digits);
}

/* The GNU build id in the notes of an ELF file. Return: its bytes, 0 when there is none. */
static uint32_t note_of(const uint8_t *elf, uint8_t id[32])
{
	const Elf64_Ehdr *head = (const void *)elf;
	const Elf64_Phdr *segment = (const void *)(elf + head->e_phoff);

	for (int i = 0; i < head->e_phnum; i++) {
		const uint8_t *at = elf + segment[i].p_offset, *end = at + segment[i].p_filesz;

		while (segment[i].p_type == PT_NOTE && at < end) {
			const Elf64_Nhdr *note = (const void *)at;
			const uint8_t *name = at + sizeof(*note), *desc = name + (note->n_namesz + 3) / 4 * 4;

			if (note->n_type == NT_GNU_BUILD_ID && !strcmp((const char *)name, "GNU")) {
				memcpy(id, desc, note->n_descsz);
				return note->n_descsz;
			}
			at = desc + (note->n_descsz + 3) / 4 * 4;
		}
	}
	return 0;
}

static uint32_t build_id_of(const char *path, uint8_t id[32])
{
	int fd = open(path, O_RDONLY);
	struct image file = image_read(fd);
	uint32_t bytes = 0;

	expect(file.size > sizeof(Elf64_Ehdr), "the file %s", path);
	if (file.size > sizeof(Elf64_Ehdr) && !memcmp(file.bytes, ELFMAG, SELFMAG))
		bytes = note_of(file.bytes, id);
	image_free(&file);
	close(fd);
	return bytes;
}

static void check_machine(const struct image *image)
{
	struct cr2_machine machine;
	size_t at = image_find2(image, CKPT_REC_MACHINE, 0);
	struct utsname names;
	uint8_t id[16];

	expect(at, "a MACHINE record");
	memcpy(&machine, image->bytes + at, sizeof(machine));
	boot_id(id);
	expect(!memcmp(machine.boot_id, id, 16), "the boot id of this machine");
	uname(&names);
	expect(!strcmp(machine.kernel_release, names.release), "release %s, not %s", names.release,
	       machine.kernel_release);
	expect(!strcmp(machine.hostname, names.nodename), "name %s, not %s", names.nodename, machine.hostname);
}

/* Of every mapped file: the program has a build id, the data has none. */
static void check_files(const struct image *image)
{
	int programs = 0, data = 0;

	for (size_t at = 0; (at = image_find2(image, CKPT_REC_VMA2, at));) {
		struct cr2_vma vma;
		uint8_t id[32] = { 0 };
		const char *path = (const char *)image->bytes + at + sizeof(vma);
		uint32_t bytes;

		memcpy(&vma, image->bytes + at, sizeof(vma));
		if (!vma.path_bytes)
			continue;
		bytes = build_id_of(path, id);
		programs += bytes == 20;
		data += !bytes;
		expect(vma.build_id_bytes == bytes && !memcmp(vma.build_id, id, sizeof(id)),
		       "the build id of %s (%u bytes, not %u)", path, bytes, vma.build_id_bytes);
	}
	expect(programs > 1 && data > 1, "mappings of the program and of data: %d, %d", programs, data);
}

static void check_vdso(const struct image *image)
{
	struct cr2_vdso vdso;
	size_t at = image_find2(image, CKPT_REC_VDSO, 0);
	uint8_t id[32] = { 0 };
	uint32_t bytes = note_of((const uint8_t *)getauxval(AT_SYSINFO_EHDR), id);

	expect(at && bytes, "a VDSO record, and a vdso with a build id");
	memcpy(&vdso, image->bytes + at, sizeof(vdso));
	expect(vdso.build_id_bytes == bytes && !memcmp(vdso.build_id, id, sizeof(id)), "the vdso's build id");
}

static void check_all(const struct image *image)
{
	check_machine(image);
	check_files(image);
	check_vdso(image);
}

static void kernel(void)
{
	struct task task = task_stopped("/bin/task2", NULL);
	struct image image = dump_whole(task.pid, CKPT_FLAG_VERSION2, &layout);

	task_kill(&task);
	check_all(&image);
	image_free(&image);
}

static void twin(void)
{
	struct task task;
	struct run run;

	if (!program_there())
		return;
	task = task_stopped("/bin/task2", NULL);
	run = program_checkpoint(task.pid, "2", "--via", "user", false);
	task_kill(&task);
	expect(run.status == 0 && image_parse(&run.image, &layout), "the twin to dump: %s", run.said);
	check_all(&run.image);
	image_free(&run.image);
}

const struct test identity_tests[] = {
	{ "identity: boot id, release and build ids in the kernel's image", kernel },
	{ "identity: the same in the twin's", twin },
	{ NULL, NULL },
};
