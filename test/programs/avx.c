// SPDX-License-Identifier: Apache-2.0
//
// Vector registers, masks, general registers, x87 and MXCSR live across the checkpoint: the loop below is one piece of
// assembly that makes no system call and no memory access but for the comparisons, so the checkpoint always falls into it.
#include "common.h"

#define REGISTERS 32
static uint64_t table[REGISTERS][8] __attribute__((aligned(64)));
static uint32_t mxcsr_wanted = 0x1f80 | 0x6000;  // all masked, rounding towards zero
static uint32_t mxcsr_seen;
static uint16_t control_wanted = 0x0c7f;  // x87: rounding towards zero, single precision
static uint16_t control_seen;

// In: rsi the table. Out: eax 0 when every comparison held until the word went up, else 1 + the kind that failed; rdx rounds.
#define GENERAL_LOAD                                                                                   \
  "mov $0x1111111111111111, %%rbx\n mov $0x2222222222222222, %%r8\n mov $0x3333333333333333, %%r9\n"   \
  "mov $0x4444444444444444, %%r10\n mov $0x5555555555555555, %%r11\n mov $0x6666666666666666, %%r12\n" \
  "mov $0x7777777777777777, %%r13\n mov $0x0888888888888888, %%r14\n mov $0x0999999999999999, %%r15\n"
// clang-format off
#define ONE_GENERAL(value, reg) "mov $" value ", %%rcx\n cmp %%rcx, %%" reg "\n jne 93f\n"
#define GENERAL_CHECK                      \
  ONE_GENERAL("0x1111111111111111", "rbx") \
  ONE_GENERAL("0x2222222222222222", "r8")  \
  ONE_GENERAL("0x3333333333333333", "r9")  \
  ONE_GENERAL("0x4444444444444444", "r10") \
  ONE_GENERAL("0x5555555555555555", "r11") \
  ONE_GENERAL("0x6666666666666666", "r12") \
  ONE_GENERAL("0x7777777777777777", "r13") \
  ONE_GENERAL("0x0888888888888888", "r14") \
  ONE_GENERAL("0x0999999999999999", "r15")
// clang-format on
#define CONTROL_CHECK                                                               \
  "stmxcsr %[mxcsr]\n mov %[mxcsr], %%ecx\n cmp %[mxcsr_wanted], %%ecx\n jne 94f\n" \
  "fnstcw %[cw]\n mov %[cw], %%cx\n cmp %[cw_wanted], %%cx\n jne 95f\n"
#define ENDINGS                                                                               \
  "inc %%rdx\n incl %[rounds]\n cmpl $0, %[go]\n je 1b\n xor %%eax, %%eax\n jmp 99f\n"        \
  "91: mov $1, %%eax\n jmp 99f\n 92: mov $2, %%eax\n jmp 99f\n 93: mov $3, %%eax\n jmp 99f\n" \
  "94: mov $4, %%eax\n jmp 99f\n 95: mov $5, %%eax\n 99:\n"
#define OPERANDS                                                                                                   \
  : "=&a"(failed), "=&d"(rounds), [mxcsr] "+m"(mxcsr_seen), [cw] "+m"(control_seen), [rounds] "+m"(control.rounds)                        \
  : "S"(table), [go] "m"(control.go), [mxcsr_wanted] "m"(mxcsr_wanted), [cw_wanted] "m"(control_wanted)     \
  : "rbx", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "cc", "memory"

static void spin512(int* failed_out, uint64_t* rounds_out) {
  int failed;
  uint64_t rounds;
  __asm__ volatile(
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
      "vmovdqu64 \\i*64(%%rsi), %%zmm\\i\n .endr\n"
      ".irp i,2,3,4,5,6,7\n kmovq \\i*8(%%rsi), %%k\\i\n .endr\n" GENERAL_LOAD
      "xor %%edx, %%edx\n 1:\n"
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
      "vpcmpneqq \\i*64(%%rsi), %%zmm\\i, %%k1\n kortestb %%k1, %%k1\n jnz 91f\n .endr\n"
      ".irp i,2,3,4,5,6,7\n kmovq %%k\\i, %%rcx\n cmp \\i*8(%%rsi), %%rcx\n jne 92f\n .endr\n" GENERAL_CHECK
          CONTROL_CHECK ENDINGS "vzeroall\n" OPERANDS);
  *failed_out = failed;
  *rounds_out = rounds;
}

static void spin256(int* failed_out, uint64_t* rounds_out) {
  int failed;
  uint64_t rounds;
  __asm__ volatile(".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14\n vmovdqu \\i*64(%%rsi), %%ymm\\i\n .endr\n" GENERAL_LOAD
                   "xor %%edx, %%edx\n 1:\n"
                   ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14\n vpxor \\i*64(%%rsi), %%ymm\\i, %%ymm15\n vptest "
                   "%%ymm15, %%ymm15\n jnz 91f\n .endr\n" GENERAL_CHECK CONTROL_CHECK ENDINGS "vzeroall\n" OPERANDS);
  *failed_out = failed;
  *rounds_out = rounds;
}

static void spin128(int* failed_out, uint64_t* rounds_out) {
  int failed;
  uint64_t rounds;
  __asm__ volatile(
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14\n movdqu \\i*64(%%rsi), %%xmm\\i\n .endr\n" GENERAL_LOAD
      "xor %%edx, %%edx\n 1:\n"
      ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14\n movdqa \\i*64(%%rsi), %%xmm15\n pcmpeqd %%xmm\\i, %%xmm15\n"
      "pmovmskb %%xmm15, %%ecx\n cmp $0xffff, %%ecx\n jne 91f\n .endr\n" GENERAL_CHECK CONTROL_CHECK ENDINGS OPERANDS);
  *failed_out = failed;
  *rounds_out = rounds;
}

int main(int argc, char** argv) {
  static const char* kinds[] = {"",      "a vector register",   "a mask register", "a general register",
                                "MXCSR", "the x87 control word"};
  int width = __builtin_cpu_supports("avx512bw") ? 512 : __builtin_cpu_supports("avx2") ? 256 : 128;
  if (argc > 1 && atoi(argv[1]) < width) width = atoi(argv[1]);
  for (int i = 0; i < REGISTERS; i++)
    for (int j = 0; j < 8; j++) table[i][j] = mix(i * 8 + j);
  say("width %d", width);
  ready("avx");
  int failed = 0;
  uint64_t rounds = 0;
  long double pi = 3.14159265358979323846L, seen, seen_one;
  __asm__ volatile("fninit\n fldt %0\n fld1\n fldcw %1\n ldmxcsr %2"
                   :
                   : "m"(pi), "m"(control_wanted), "m"(mxcsr_wanted));
  if (width == 512) spin512(&failed, &rounds);
  else if (width == 256) spin256(&failed, &rounds);
  else spin128(&failed, &rounds);
  __asm__ volatile("fstpt %0\n fstpt %1\n fninit" : "=m"(seen_one), "=m"(seen));
  uint32_t usual = 0x1f80;
  __asm__ volatile("ldmxcsr %0" : : "m"(usual));
  if (failed) BAD("%s changed after %lu rounds", kinds[failed], (unsigned long)rounds);
  if (seen != pi || seen_one != 1) BAD("the x87 stack changed");
  return verdict();
}
