// SPDX-License-Identifier: BSD-3-Clause
// How a thread outside joins and leaves the lcores. Called by applications through Engine and ThreadQueue.
#include <millrace/engine/impl.hpp>
#include <millrace/engine/thread_queue_impl.hpp>

#include <cerrno>
#include <future>

namespace millrace {

Result<std::unique_ptr<ThreadQueue>> Engine::attach_thread(std::size_t stack) {
  if (stack >= impl_->config.stacks.size())
    return failure(EINVAL, "there is no stack " + std::to_string(stack) + ": the configuration has " + std::to_string(impl_->config.stacks.size()));
  static std::atomic<unsigned> serial{0};
  auto queue = std::make_unique<ThreadQueue::Impl>();
  queue->registration = std::make_unique<runtime::ThreadRegistration>();
  auto pool = pkt::Pool::create({.name = "mr_thread" + std::to_string(serial++), .packets = 2048, .data_room = ThreadQueue::max_datagram});
  if (!pool) return tl::unexpected(pool.error());
  queue->pool = std::move(*pool);
  queue->is_running = [impl = impl_.get()] { return impl->is_running(); };
  for (auto& lcore : impl_->lcores) {
    queue->lcores.push_back(lcore.get());
    queue->ports.push_back(std::make_unique<ThreadPort>(lcore->env(), lcore->parts.stacks[stack]->sockets(), lcore->waker(), queue->waker));
  }
  for (std::uint16_t id = 0; id < lcores(); ++id) {
    Result<void> added = queue->on_lcore(id, [&queue, id] {
      queue->lcores[id]->add_source(*queue->ports[id]);
      return Result<void>{};
    });
    if (!added) return tl::unexpected(added.error());
  }
  return std::make_unique<ThreadQueue>(std::move(queue));
}

// Calls f on the lcore and waits for it; here, when the lcore has no thread.
Result<void> ThreadQueue::Impl::on_lcore(std::uint16_t lcore, const std::function<Result<void>()>& f) {
  if (!is_running()) return f();
  std::promise<Result<void>> done;
  if (!lcores[lcore]->inbox().post([&] { done.set_value(f()); }))
    return failure(EAGAIN, "the inbox of lcore " + std::to_string(lcore) + " is full; try again");
  return done.get_future().get();
}

void ThreadQueue::Impl::detach(std::uint16_t lcore) { lcores[lcore]->remove_source(*ports[lcore]); }

void ThreadQueue::Impl::close_later(std::uint16_t lcore, std::uint32_t id) {
  lcores[lcore]->inbox().post([port = ports[lcore].get(), id] { port->close(id); });
}

}  // namespace millrace
