// SPDX-License-Identifier: Apache-2.0
//
// How fast libzstd, linked natively, compresses frames of 32 KiB at level 1 on one thread. Prints {"seconds", "bytes"}.
//   zstd-frames FILE BYTES LEVEL
#include <zstd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  constexpr size_t kFrameBytes = 32768;
  const size_t bytes = strtoull(argv[2], nullptr, 10);
  std::vector<char> input(bytes);
  std::FILE* const file = std::fopen(argv[1], "rb");
  if (!file || std::fread(input.data(), 1, bytes, file) != bytes) return 1;
  std::fclose(file);
  std::vector<char> output(ZSTD_compressBound(kFrameBytes));
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, std::atoi(argv[3]));
  size_t stored = 0;
  const auto started = std::chrono::steady_clock::now();
  for (size_t at = 0; at + kFrameBytes <= bytes; at += kFrameBytes) {
    stored += ZSTD_compress2(context, output.data(), output.size(), input.data() + at, kFrameBytes);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  ZSTD_freeCCtx(context);
  std::printf("{\"seconds\": %f, \"bytes\": %zu}\n", seconds.count(), stored);
  return 0;
}
