// SPDX-License-Identifier: Apache-2.0
//
// Descriptors of its own: LDT entries (one of them the base of gs, read through in the loop) and a GDT entry of set_thread_area, which
// 64-bit tasks reach only through the 32-bit system call. Exits 77 where the kernel has no modify_ldt.
#include <asm/ldt.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "common.h"

static unsigned char before[8192 * 8], after[8192 * 8];
static int before_bytes, tls_entry = -1;
static uint32_t* low;

static int set_thread_area(struct user_desc* desc) {  // 243 of the 32-bit table; desc lies below 4 GiB
  int result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(243), "b"((uint32_t)(uintptr_t)desc)
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static int get_thread_area(struct user_desc* desc) {
  int result;
  __asm__ volatile("int $0x80"
                   : "=a"(result)
                   : "a"(244), "b"((uint32_t)(uintptr_t)desc)
                   : "memory", "r8", "r9", "r10", "r11");
  return result;
}

static void install(int entry, uint32_t base, uint32_t limit, int pages, int useable) {
  struct user_desc desc = {.entry_number = entry,
                           .base_addr = base,
                           .limit = limit,
                           .seg_32bit = 1,
                           .limit_in_pages = pages,
                           .useable = useable};
  MUST(syscall(SYS_modify_ldt, 0x11, &desc, sizeof desc) == 0);
}

static void check(void) {
  uint32_t word;
  __asm__ volatile("movl %%gs:8, %0" : "=r"(word));
  if (word != 0xcafe0008) BAD("through gs: %x", word);
  uint16_t selector;
  __asm__ volatile("mov %%gs, %0" : "=r"(selector));
  if (selector != (5 << 3 | 7)) BAD("gs is %x", selector);
}

int main(void) {
  program_name = "ldt";
  if (syscall(SYS_modify_ldt, 0, before, sizeof before) < 0) {
    say("skip: this kernel has no modify_ldt");
    return 77;
  }
  low = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  MUST(low != MAP_FAILED);
  for (int i = 0; i < 1024; i++) low[i] = 0xcafe0000 + i * 4;
  install(0, 0x12345678, 0xfffff, 1, 1);
  install(5, (uint32_t)(uintptr_t)low, 0xfff, 0, 1);
  install(700, 0xfedcba98, 0x54321, 0, 0);
  struct user_desc* desc = (struct user_desc*)(low + 1024);
  *desc = (struct user_desc){
      .entry_number = -1, .base_addr = 0x13572468, .limit = 0xabcde, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
  if (set_thread_area(desc) == 0) tls_entry = desc->entry_number;
  before_bytes = syscall(SYS_modify_ldt, 0, before, sizeof before);
  MUST(before_bytes >= 701 * 8);
  __asm__ volatile("mov %0, %%gs" : : "r"((uint16_t)(5 << 3 | 7)));
  check();
  say("gdt entry %d", tls_entry);
  ready("ldt");
  hold(1, check);
  int after_bytes = syscall(SYS_modify_ldt, 0, after, sizeof after);
  MUST(after_bytes == before_bytes && !memcmp(before, after, before_bytes));
  if (tls_entry >= 0) {
    memset(desc, 0, sizeof *desc);
    desc->entry_number = tls_entry;
    MUST(get_thread_area(desc) == 0 && desc->base_addr == 0x13572468 && desc->limit == 0xabcde && desc->limit_in_pages);
  }
  __asm__ volatile("mov %0, %%gs" : : "r"((uint16_t)0));
  __asm__ volatile("mov %0, %%gs" : : "r"((uint16_t)(5 << 3 | 7)));  // the base comes from the table itself now
  check();
  return verdict();
}
