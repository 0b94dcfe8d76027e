// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>
#include <memory>

namespace millrace {

/// Threads for work that must leave the poll lcores: a TBB task arena.
class Executor {
 public:
  Executor();
  /// Waits for every task.
  ~Executor();
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  /// Any thread.
  void run(std::function<void()> task);

 private:
  struct Arena;
  std::unique_ptr<Arena> arena_;
};

}  // namespace millrace
