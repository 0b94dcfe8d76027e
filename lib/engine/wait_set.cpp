// SPDX-License-Identifier: BSD-3-Clause
// The set of sockets that a thread waits for. Called by one thread outside the lcores, and by its ThreadQueue when
// something has come; calls the queue. fs/eventpoll.c: ep_insert, ep_poll_callback, ep_send_events.
#include <millrace/engine/wait_set_impl.hpp>

#include <millrace/engine/thread_queue_impl.hpp>

#include <algorithm>
#include <cerrno>
#include <sys/epoll.h>

namespace millrace {
namespace {

constexpr std::uint32_t mode_bits = EPOLLET | EPOLLONESHOT;
constexpr std::uint32_t event_bits = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDNORM | EPOLLRDBAND |
                                     EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP;
constexpr std::uint32_t unasked = EPOLLERR | EPOLLHUP;

bool is_valid(std::uint32_t events) { return (events & ~(mode_bits | event_bits)) == 0; }

}  // namespace

WaitSet::WaitSet(ThreadQueue& queue, std::size_t capacity) : impl_(std::make_unique<Impl>(*queue.impl_, capacity)) {
  queue.impl_->sets.push_back(impl_.get());
}

WaitSet::~WaitSet() {
  if (impl_->queue == nullptr) return;
  while (!impl_->entries.empty()) remove(impl_->entries.begin()->first);
  std::erase(impl_->queue->sets, impl_.get());
}

WaitSet::Impl::Entry** WaitSet::Impl::place(Socket socket) const {
  if (queue == nullptr) return nullptr;
  if (socket == queue_events) return &queue->watch;
  ThreadQueue::Impl::Slot* slot = queue->find(socket);
  return slot != nullptr ? &slot->watch : nullptr;
}

int WaitSet::add(Socket socket, std::uint32_t events) {
  Impl::Entry** const place = impl_->place(socket);
  if (place == nullptr) return -EBADF;
  if (!is_valid(events)) return -EINVAL;
  if (*place != nullptr) return &(*place)->set == impl_.get() ? -EEXIST : -EBUSY;
  if (impl_->entries.size() >= impl_->capacity) return -ENOSPC;
  auto& entry = impl_->entries.try_emplace(socket, *impl_, socket, events | unasked).first->second;
  *place = &entry;
  if (socket != queue_events) impl_->queue->withdraw(socket, *impl_->queue->find(socket));
  if (impl_->state(entry) != 0) Impl::wake(entry, 0);
  return 0;
}

int WaitSet::modify(Socket socket, std::uint32_t events) {
  if (impl_->place(socket) == nullptr) return -EBADF;
  if (!is_valid(events)) return -EINVAL;
  const auto at = impl_->entries.find(socket);
  if (at == impl_->entries.end()) return -ENOENT;
  at->second.interest = events | unasked;
  if (impl_->state(at->second) != 0) Impl::wake(at->second, 0);
  return 0;
}

int WaitSet::remove(Socket socket) {
  Impl::Entry** const place = impl_->place(socket);
  if (place == nullptr) return -EBADF;
  if (*place == nullptr || &(*place)->set != impl_.get()) return -ENOENT;
  *place = nullptr;
  impl_->forget(socket);
  if (socket != queue_events) impl_->queue->tell_again(socket);
  return 0;
}

std::size_t WaitSet::size() const { return impl_->entries.size(); }

int WaitSet::fd() {
  if (impl_->queue == nullptr) return -EBADF;
  impl_->queue->export_fd();
  return impl_->queue->waker.fd();
}

std::uint32_t WaitSet::Impl::state(const Entry& entry) const {
  if (entry.socket == queue_events) {
    const std::uint32_t news = queue->has_event() ? EPOLLIN | EPOLLRDNORM : 0;
    return news & entry.interest;
  }
  return queue->events_of(entry.socket) & entry.interest;
}

// Reports what is ready, once around: a level-triggered entry goes to the end, to be looked at again the next time.
std::size_t WaitSet::Impl::harvest(std::span<Event> into) {
  std::size_t n = 0;
  List<Entry, &Entry::ready> again;
  while (n < into.size()) {
    Entry* entry = ready.pop_front();
    if (entry == nullptr) break;
    const std::uint32_t events = state(*entry);
    if (events == 0) continue;
    into[n++] = {entry->socket, events};
    if ((entry->interest & EPOLLONESHOT) != 0) {
      entry->interest &= mode_bits;
    } else if ((entry->interest & EPOLLET) == 0) {
      again.push_back(*entry);
    }
  }
  ready.splice_back(again);
  return n;
}

std::int64_t WaitSet::wait(std::span<Event> into, Duration timeout) {
  if (impl_->queue == nullptr) return -EBADF;
  if (into.empty()) return -EINVAL;
  ThreadQueue::Impl& queue = *impl_->queue;
  queue.disarm();
  queue.collect();
  std::size_t n = impl_->harvest(into);
  if (n == 0 && timeout != 0ns) n = impl_->wait_for(into, timeout);
  if (n == 0) {
    const bool was_armed = queue.armed;
    queue.rest();
    if (queue.armed && !was_armed) queue.collect();
    n = impl_->harvest(into);
    if (n != 0) queue.disarm();
  }
  if (n != 0) queue.settle_fd();
  return static_cast<std::int64_t>(n);
}

// Until something is there or the time is over; then the queue stays armed.
std::size_t WaitSet::Impl::wait_for(std::span<Event> into, Duration timeout) {
  std::size_t n = 0;
  queue->wait_until(queue->deadline(timeout), [&] { return (n = harvest(into)) != 0; });
  return n;
}

}  // namespace millrace
