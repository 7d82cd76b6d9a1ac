// SPDX-License-Identifier: Apache-2.0
//
// What the unit tests need: TEST(name) { CHECK(...); }. A failed check ends its test and says where; random tests take their
// seed from SEED or the clock, and it is printed.
#ifndef CKPT_TEST_CHECK_H
#define CKPT_TEST_CHECK_H

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ckpt::test {

struct Test {
  const char* name;
  std::function<void()> run;
};

std::vector<Test>& tests();

struct Registration {
  Registration(const char* name, std::function<void()> run) { tests().push_back(Test{name, std::move(run)}); }
};

/** The seed of this run. */
uint64_t seed();

/** xorshift64*: the same numbers for the same seed. */
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }
  uint64_t below(uint64_t limit) { return next() % limit; }

 private:
  uint64_t state_;
};

}  // namespace ckpt::test

#define TEST(name)                                                             \
  static void test_##name();                                                   \
  static const ::ckpt::test::Registration register_##name(#name, test_##name); \
  static void test_##name()

#define CHECK(condition)                                                                                    \
  do {                                                                                                      \
    if (!(condition)) {                                                                                     \
      throw std::runtime_error(std::string(__FILE__) + ":" + std::to_string(__LINE__) + ": " + #condition); \
    }                                                                                                       \
  } while (0)

#endif  // CKPT_TEST_CHECK_H
