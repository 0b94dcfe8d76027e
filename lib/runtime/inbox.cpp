// SPDX-License-Identifier: BSD-3-Clause
// Calls posted to an lcore. Called by the engine from any thread (post) and by Lcore (run).
#include <millrace/runtime/inbox.hpp>

namespace millrace::runtime {

bool Inbox::post(std::function<void()> call) {
  {
    const McsLock::Guard lock(lock_);
    if (calls_.size() >= limit) return false;
    calls_.push_back(std::move(call));
    has_calls_.store(true, std::memory_order_release);
  }
  waker_.wake_if_asleep();
  return true;
}

bool Inbox::run() {
  if (empty()) return false;
  std::vector<std::function<void()>> calls;
  {
    const McsLock::Guard lock(lock_);
    calls.swap(calls_);
    has_calls_.store(false, std::memory_order_relaxed);
  }
  for (auto& call : calls) call();
  return true;
}

void Inbox::clear() {
  std::vector<std::function<void()>> calls;  // what they hold goes without the lock
  const McsLock::Guard lock(lock_);
  calls.swap(calls_);
  has_calls_.store(false, std::memory_order_relaxed);
}

}  // namespace millrace::runtime
