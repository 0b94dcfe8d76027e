// SPDX-License-Identifier: BSD-3-Clause
// Executor over TBB. Called by Engine::offload.
#include <millrace/engine/executor.hpp>

#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include <utility>

namespace millrace {

struct Executor::Arena {
  tbb::task_arena arena;
  tbb::task_group tasks;
};

Executor::Executor() : arena_(std::make_unique<Arena>()) {}

Executor::~Executor() {
  arena_->arena.execute([this] { arena_->tasks.wait(); });
}

void Executor::run(std::function<void()> task) { arena_->arena.enqueue(arena_->tasks.defer(std::move(task))); }

}  // namespace millrace
