// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_TEST_IMAGES_H
#define CKPT_TEST_IMAGES_H

#include <string>
#include <vector>

#include "codec/bytes.h"
#include "test/check.h"

namespace ckpt::test {

/** A golden version-1 image: "no-pages", "one-page", "ldt-tls", "mixed". */
Bytes goldenImage(const std::string& name);
const std::vector<std::string>& goldenNames();

/** A version-2 image: one task, `mappings` mappings of up to `pagesMax` pages, and unknown records here and there. */
Bytes version2Image(Random& random, unsigned mappings, unsigned pagesMax);

/** Makes TAIL2 agree with the bytes before it, after they were changed. */
void sealVersion2(Bytes& image);

/** A folder of its own, removed with the object. */
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string& path() const { return path_; }
  std::string write(const std::string& name, const Bytes& bytes) const;

 private:
  std::string path_;
};

}  // namespace ckpt::test

#endif  // CKPT_TEST_IMAGES_H
