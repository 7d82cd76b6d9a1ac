// SPDX-License-Identifier: Apache-2.0
//
// SHA-256(salt || page) of two pages side by side. The processor's SHA instructions are bound by their latency: two independent
// messages in turn keep them busy, where one leaves them idle half the time.
#ifndef CKPT_CODEC_SHA256_PAIRS_H
#define CKPT_CODEC_SHA256_PAIRS_H

#include "codec/bytes.h"

namespace ckpt {

/** Whether this processor has the instructions. */
bool hasSha256Pairs();

/** Hashes of two pages under a salt of 32 bytes. Only where hasSha256Pairs(). */
void sha256Pair(const uint8_t* salt, const uint8_t* pageA, const uint8_t* pageB, Hash& hashA, Hash& hashB);

}  // namespace ckpt

#endif  // CKPT_CODEC_SHA256_PAIRS_H
