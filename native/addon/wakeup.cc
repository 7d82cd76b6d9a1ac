// SPDX-License-Identifier: Apache-2.0
#include "addon/wakeup.h"

namespace ckpt {

Wakeup::Wakeup(Napi::Env env, std::function<void()> onWake, std::function<void()> onEnvironmentEnd)
    : env_(env), onWake_(std::move(onWake)), onEnvironmentEnd_(std::move(onEnvironmentEnd)) {
  const napi_status made = napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "ckpt"), 0, 1,
                                                           nullptr, nullptr, this, call, &function_);
  if (made != napi_ok) throw Napi::Error::New(env);
  napi_unref_threadsafe_function(env, function_);
  // Hooks run last in, first out: before node takes the function itself down.
  napi_add_env_cleanup_hook(env, environmentEnds, this);
}

Wakeup::~Wakeup() {
  if (environmentEnded_) return;
  napi_remove_env_cleanup_hook(env_, environmentEnds, this);
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
}

void Wakeup::signal() {
  if (signalled_.exchange(true)) return;
  napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void Wakeup::holdProcess() {
  if (environmentEnded_) return;
  if (held_) {
    napi_ref_threadsafe_function(env_, function_);
  } else {
    napi_unref_threadsafe_function(env_, function_);
  }
}

void Wakeup::call(napi_env env, napi_value, void* context, void*) {
  if (!env) return;  // the function is being taken down: `context` may be gone
  auto* const self = static_cast<Wakeup*>(context);
  self->signalled_ = false;
  self->onWake_();
}

void Wakeup::environmentEnds(void* data) {
  auto* const self = static_cast<Wakeup*>(data);
  self->environmentEnded_ = true;
  self->onEnvironmentEnd_();
}

}  // namespace ckpt
