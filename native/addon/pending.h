// SPDX-License-Identifier: Apache-2.0
#ifndef CKPT_ADDON_PENDING_H
#define CKPT_ADDON_PENDING_H

#include <napi.h>

#include <utility>
#include <vector>

#include "addon/convert.h"

namespace ckpt {

/** The promises that one method has given out and that are not settled yet. */
class Pending {
 public:
  Napi::Promise add(Napi::Env env) {
    deferred_.emplace_back(env);
    return deferred_.back().Promise();
  }

  bool empty() const { return deferred_.empty(); }

  /** Resolves them all with what `take` returns, unless that is empty; rejects them all with what it throws. */
  template <typename Take>
  void settle(Napi::Env env, Take take) {
    if (empty()) return;
    Napi::Value value;
    try {
      value = take();
    } catch (const std::exception&) {
      const Napi::Value error = errorOf(env, std::current_exception());
      for (auto& deferred : std::exchange(deferred_, {})) deferred.Reject(error);
      return;
    }
    if (value.IsEmpty()) return;
    for (auto& deferred : std::exchange(deferred_, {})) deferred.Resolve(value);
  }

 private:
  std::vector<Napi::Promise::Deferred> deferred_;
};

}  // namespace ckpt

#endif  // CKPT_ADDON_PENDING_H
