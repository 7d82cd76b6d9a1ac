// SPDX-License-Identifier: Apache-2.0
//
// Lets native threads wake the JavaScript thread, and ties an object's threads to the life of its environment: when that ends
// (a worker's exit, the process's), the threads are stopped first.
#ifndef CKPT_ADDON_WAKEUP_H
#define CKPT_ADDON_WAKEUP_H

#include <napi.h>

#include <atomic>
#include <functional>

namespace ckpt {

class Wakeup {
 public:
  /** `onWake` runs on the JavaScript thread, `onEnvironmentEnd` there too, once, when the environment goes first. */
  Wakeup(Napi::Env env, std::function<void()> onWake, std::function<void()> onEnvironmentEnd);
  /** The threads that might signal() have ended. */
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  /** From any thread. Signals before the JavaScript thread came round to it are one. */
  void signal();
  /** While held, the process does not end by itself, and the object that owns this is not collected. */
  template <typename Object>
  void hold(Object& owner, bool held) {
    if (held == held_) return;
    held_ = held;
    holdProcess();
    if (held) {
      owner.Ref();
    } else {
      owner.Unref();
    }
  }

 private:
  void holdProcess();
  static void call(napi_env env, napi_value function, void* context, void* data);
  static void environmentEnds(void* self);

  napi_env env_;
  std::function<void()> onWake_;
  std::function<void()> onEnvironmentEnd_;
  napi_threadsafe_function function_ = nullptr;
  std::atomic<bool> signalled_{false};
  bool held_ = false;
  bool environmentEnded_ = false;
};

}  // namespace ckpt

#endif  // CKPT_ADDON_WAKEUP_H
