// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "codec/error.h"
#include "test/check.h"

namespace ckpt::test {

std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

uint64_t seed() {
  static const uint64_t value = [] {
    const char* given = getenv("SEED");
    return given && *given ? strtoull(given, nullptr, 10) : static_cast<uint64_t>(time(nullptr));
  }();
  return value;
}

}  // namespace ckpt::test

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  printf("SEED=%llu\n", static_cast<unsigned long long>(ckpt::test::seed()));
  int passed = 0, failed = 0;
  for (const auto& test : ckpt::test::tests()) {
    if (argc > 1 && !strstr(test.name, argv[1])) continue;
    try {
      test.run();
      passed++;
      printf("ok   %s\n", test.name);
    } catch (const std::exception& error) {
      failed++;
      printf("FAIL %s: %s\n", test.name, error.what());
    }
    fflush(stdout);
  }
  printf("%d passed, %d failed\n", passed, failed);
  return failed ? 1 : 0;
}
