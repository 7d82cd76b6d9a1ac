// SPDX-License-Identifier: Apache-2.0
//
// BLAKE3 of whole pages, keyed with a salt, on as many chunks side by side as the processor's vectors have lanes: 16 with
// AVX-512, 8 with AVX2, else 4. The result is that of any other BLAKE3 in its keyed mode.
#ifndef CKPT_CODEC_BLAKE3_PAGES_H
#define CKPT_CODEC_BLAKE3_PAGES_H

#include "codec/bytes.h"

namespace ckpt {

using Salt = std::array<uint8_t, 32>;

/** Lanes of this processor: 16, 8 or 4. */
unsigned blake3Lanes();

/** Hashes pages[0..count) into out. `lanes`: not more than blake3Lanes(). Thread-safe. */
void blake3Pages(const Salt& salt, const uint8_t* const* pages, size_t count, Hash* out,
                 unsigned lanes = blake3Lanes());

}  // namespace ckpt

#endif  // CKPT_CODEC_BLAKE3_PAGES_H
