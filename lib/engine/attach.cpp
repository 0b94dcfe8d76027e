// SPDX-License-Identifier: BSD-3-Clause
// How a thread outside joins and leaves the lcores. Called by applications through Engine and ThreadQueue.
#include <millrace/engine/impl.hpp>
#include <millrace/engine/thread_queue_impl.hpp>

#include <cerrno>
#include <future>
#include <thread>

namespace millrace {

Result<std::unique_ptr<ThreadQueue>> Engine::attach_thread(std::size_t stack) {
  if (stack >= impl_->config.stacks.size())
    return failure(EINVAL, "there is no stack " + std::to_string(stack) + ": the configuration has " +
                               std::to_string(impl_->config.stacks.size()));
  static std::atomic<unsigned> serial{0};
  auto queue = std::make_unique<ThreadQueue::Impl>();
  queue->registration = std::make_unique<runtime::ThreadRegistration>();
  auto pool = pkt::Pool::create(
      {.name = "mr_thread" + std::to_string(serial++), .packets = 2048, .data_room = ThreadQueue::max_datagram});
  if (!pool) return tl::unexpected(pool.error());
  queue->pool = std::move(*pool);
  queue->is_running = [impl = impl_.get()] { return impl->is_running(); };
  queue->clock = &impl_->clock();
  queue->tunables = &impl_->thread_tunables;
  if (impl_->is_manual()) queue->step = [this](Instant until) { return step(until); };
  for (auto& lcore : impl_->lcores) {
    auto port =
        std::make_shared<ThreadPort>(lcore->env(), lcore->parts.stacks[stack]->sockets(), lcore->waker(), queue->waker);
    queue->lanes.push_back({.lcore = lcore, .port = std::move(port)});
  }
  for (std::uint16_t id = 0; id < lcores(); ++id) {
    Result<void> added = queue->on_lcore(id, [&lane = queue->lanes[id]] {
      lane.lcore->add_source(*lane.port);
      return Result<void>{};
    });
    if (!added) return tl::unexpected(added.error());
  }
  return std::make_unique<ThreadQueue>(std::move(queue));
}

ThreadQueue::Impl::~Impl() {
  for (WaitSet::Impl* set : sets) {
    set->entries.clear();
    set->queue = nullptr;
  }
  for (auto& [socket, slot] : slots) close(socket, slot);
  for (std::uint16_t id = 0; id < lanes.size(); ++id) {
    const auto leave = [&lane = lanes[id]] {
      lane.port->close_all();
      lane.lcore->remove_source(*lane.port);
      return Result<void>{};
    };
    while (!on_lcore(id, leave))
      std::this_thread::yield();  // a full inbox: the port must not go while the lcore looks at it
  }
}

// Calls f on the lcore and waits for it; here, when the lcore has no thread.
Result<void> ThreadQueue::Impl::on_lcore(std::uint16_t lcore, const std::function<Result<void>()>& f) {
  if (!is_running()) return f();
  std::promise<Result<void>> done;
  if (!lanes[lcore].lcore->inbox().post([&] { done.set_value(f()); }))
    return failure(EAGAIN, "the inbox of lcore " + std::to_string(lcore) + " is full; try again");
  return done.get_future().get();
}

// On every lcore or, when one fails, on none.
Result<void> ThreadQueue::Impl::on_each_lcore(const std::function<Result<void>(ThreadPort&)>& f,
                                              const std::function<void(ThreadPort&)>& undo) {
  for (std::uint16_t id = 0; id < lanes.size(); ++id) {
    Result<void> done = on_lcore(id, [&] { return f(*lanes[id].port); });
    if (done) continue;
    for (std::uint16_t before = 0; before < id; ++before)
      (void)on_lcore(before, [&] { return undo(*lanes[before].port), Result<void>{}; });
    return done;
  }
  return {};
}

void ThreadQueue::Impl::want_room(Lane& lane) {
  if (lane.room_wanted) return;
  lane.room_wanted = lane.lcore->inbox().post([weak = std::weak_ptr(lane.port)] {
    if (const auto port = weak.lock()) port->announce_room();  // else the queue ended while no lcore was running
  });
}

}  // namespace millrace
