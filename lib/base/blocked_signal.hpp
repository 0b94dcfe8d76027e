// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <csignal>
#include <ctime>

namespace millrace {

/// Keeps a signal from the calling thread for a scope, SIGPIPE above all, which the thread's own write() raises. Threads that begin in the
/// scope never get it. One that came meanwhile is taken back, unless it waited already before; no handler is touched.
class BlockedSignal {
 public:
  explicit BlockedSignal(int signal) {
    sigemptyset(&only_);
    sigaddset(&only_, signal);
    sigset_t pending;
    sigpending(&pending);
    waited_before_ = sigismember(&pending, signal) == 1;
    pthread_sigmask(SIG_BLOCK, &only_, &before_);
  }
  ~BlockedSignal() {
    constexpr std::timespec now{};
    if (!waited_before_) sigtimedwait(&only_, nullptr, &now);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  BlockedSignal(const BlockedSignal&) = delete;
  BlockedSignal& operator=(const BlockedSignal&) = delete;

 private:
  sigset_t only_{}, before_{};
  bool waited_before_ = false;
};

}  // namespace millrace
