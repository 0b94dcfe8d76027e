// SPDX-License-Identifier: BSD-3-Clause
// How a thread outside waits: the events of a socket, telling queue or sets of them, sleeping and being woken. Called by
// ThreadQueue and WaitSet; calls runtime::Waker. tcp_poll(), datagram_poll(), ep_poll() (receive_path L1, L3, X20).
#include <millrace/engine/thread_queue_impl.hpp>

#include <algorithm>
#include <sys/epoll.h>

namespace millrace {
namespace {

constexpr Duration longest_sleep = 1h;

}  // namespace

// The events that are the case now.
std::uint32_t ThreadQueue::Impl::events_of(Socket socket) const {
  const auto at = slots.find(socket);
  if (at == slots.end()) return 0;
  const Slot& slot = at->second;
  const bool has_room = slot.under_way < slot.window && !starved.contains(socket);
  std::uint32_t mask = slot.received.empty() ? 0u : EPOLLIN | EPOLLRDNORM;
  if (slot.is_udp) return mask | (has_room ? EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND : 0u);
  if (!slot.connected && !slot.closed) return 0;
  if (slot.ended || slot.closed) mask |= EPOLLIN | EPOLLRDNORM | EPOLLRDHUP;
  if (slot.closed || (slot.ended && slot.shut)) mask |= EPOLLHUP;
  if (slot.error != 0) mask |= EPOLLERR;
  // As tcp_poll(): where writing can only fail, the writer is to learn it.
  if (slot.closed || slot.shut || has_room) mask |= EPOLLOUT | EPOLLWRNORM;
  return mask;
}

void ThreadQueue::Impl::post(const Event& event) {
  events.push_back(event);
  if (watch != nullptr) WaitSet::Impl::wake(*watch, EPOLLIN | EPOLLRDNORM);
}

// `key`: what sets hear of it; 0: anything may have changed.
void ThreadQueue::Impl::tell(const Event& event, Slot& slot, std::uint32_t key) {
  if (slot.watch != nullptr) return WaitSet::Impl::wake(*slot.watch, key);
  if (event.what == What::readable && std::exchange(slot.readable_due, true)) return;
  post(event);
}

// The socket has come to a set: what it was to tell stands in its state.
void ThreadQueue::Impl::withdraw(Socket socket, Slot& slot) {
  std::erase_if(events, [&](const Event& e) { return e.socket == socket && e.what != What::accepted; });
  slot.readable_due = false;
}

// The socket has left a set: what is the case and was perhaps not reported.
void ThreadQueue::Impl::tell_again(Socket socket) {
  Slot& slot = slots.at(socket);
  if ((events_of(socket) & EPOLLIN) != 0) tell({What::readable, socket}, slot, 0);
  if (slot.closed) tell({What::closed, socket, slot.error}, slot, 0);
}

bool ThreadQueue::Impl::has_event() {
  while (!events.empty() && find(events.front().socket) == nullptr) events.pop_front();  // closed meanwhile
  return !events.empty();
}

bool ThreadQueue::Impl::has_ready() const {
  return std::any_of(sets.begin(), sets.end(), [](const WaitSet::Impl* set) { return !set->ready.empty(); });
}

// From here on the lcores must wake us, whose rings must be looked at once more.
void ThreadQueue::Impl::arm() {
  // Who waits on the fd elsewhere may have been woken by a write that came late, after the drain before.
  if (std::exchange(signalled, false) || fd_given) waker.drain();
  waker.announce();
  armed = true;
}

void ThreadQueue::Impl::disarm() {
  if (std::exchange(armed, false)) signalled |= !waker.retract_unwoken();
}

void ThreadQueue::Impl::signal() {
  if (!std::exchange(signalled, true)) waker.signal();
}

// Nothing was found: the next news write the eventfd, unless it has to be readable now.
void ThreadQueue::Impl::rest() {
  if (exported && has_ready()) {
    disarm();
    signal();
  } else if (!armed) {
    arm();
  }
}

// Something was found. An epoll of the application's may be where the thread goes next.
void ThreadQueue::Impl::settle_fd() {
  if (!exported) return;
  if (!has_ready()) {
    arm();
    collect();
    if (!has_ready()) return;
    disarm();
  }
  signal();
}

void ThreadQueue::Impl::export_fd() {
  exported = fd_given = true;
  if (!armed) signal();
}

Instant ThreadQueue::Impl::deadline(Duration timeout) const {
  const Instant now = clock->now();
  return timeout < 0ns || timeout > never - now ? never : now + timeout;
}

void ThreadQueue::Impl::wait_until(Instant until, const std::function<bool()>& ready) {
  if (step) {
    do {
      collect();
      if (ready()) return disarm();
    } while (step(until));
    return;
  }
  // Awake, so nobody writes the eventfd for us.
  const Duration busy_poll = std::chrono::microseconds(tunables->busy_poll_us.load(std::memory_order_relaxed));
  if (busy_poll > 0ns) disarm();
  for (const Instant end = std::min(until, clock->now() + busy_poll); clock->now() < end;) {
    collect();
    if (ready()) return;
  }
  for (;;) {
    if (!armed) arm();
    collect();
    if (ready()) return disarm();
    const Instant now = clock->now();
    if (now >= until) return;
    waker.sleep(until == never ? longest_sleep : std::min(longest_sleep, until - now));
    armed = signalled = false;
  }
}

// __skb_wait_for_more_packets(). A write of the eventfd that answers this wait is not news for the next one.
void ThreadQueue::Impl::wait_for_packets(const Slot& slot, Duration timeout) {
  if (timeout == Duration{0}) return;
  wait_until(deadline(timeout), [&] { return slot.is_answered(); });
  if (!exported && std::exchange(signalled, false)) waker.drain();
}

// sk_busy_loop() of a thread's socket: looks at the rings for as long as SO_BUSY_POLL says. Under the manual clock this
// thread drives the lcores, and polls the socket's queue itself.
void ThreadQueue::Impl::busy_loop(Slot& slot) {
  struct Look {
    Impl& q;
    Slot& s;
    static bool done(void* self) {
      Look& look = *static_cast<Look*>(self);
      for (Lane& lane : look.q.lanes)
        if (look.q.step) lane.port->run();
      look.q.collect();
      return look.s.is_answered();
    }
  } look{*this, slot};
  if (slot.busy_poll.us == 0 || Look::done(&look)) return;
  if (step) {
    for (const Lane& lane : lanes)
      if (lane.lcore->owns_napi(slot.napi_id)) lane.lcore->busy_poll(slot.napi_id, slot.busy_poll, Look::done, &look);
    return;
  }
  const Instant end = clock->now() + std::chrono::microseconds(slot.busy_poll.us);
  while (clock->now() < end && !Look::done(&look)) {
  }
}

}  // namespace millrace
