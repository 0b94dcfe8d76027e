// SPDX-License-Identifier: BSD-3-Clause
// How an lcore sleeps and what wakes it; queues and their interrupts coming and going. Called by Lcore's loop and, for
// queues, by the control path; calls EventSet, RxInterrupt and the steps of sleep_protocol.hpp.
#include <millrace/runtime/lcore.hpp>

#include <algorithm>
#include <limits>

namespace millrace::runtime {
namespace {

constexpr std::uint64_t idle_passes_before_sleep = 1000;
// How often frames are counted that may end a hold-off (receive_path B5).
constexpr Duration frames_look = 5us;
// Where interrupts and wake-ups end the sleep only a timer bounds it. Not for ever even so: a device may lose one.
constexpr Duration longest_wait = 100ms;
// The kernel wakes nobody sooner.
constexpr Duration shortest_wait = 1us;

}  // namespace

// Takes the interrupts that have come, if any is unmasked. Returns whether one was.
bool Lcore::look_for_interrupts() {
  const auto armed = [](const auto& poller) { return poller->interrupt().is_armed(); };
  if (std::none_of(parts.pollers.begin(), parts.pollers.end(), armed)) return false;
  const std::uint64_t before = stats_.softnet[stats::Softnet::interrupts];
  events_.wait(0ns, [this](std::uint64_t token) { on_event(token); });
  return stats_.softnet[stats::Softnet::interrupts] != before;
}

// The interrupt handler: it schedules, and touches no packet (receive_path B1).
void Lcore::on_event(std::uint64_t token) {
  if (token == waker_token) return waker_.drain();
  RxPoller* const poller = poller_of(static_cast<std::uint32_t>(token));
  if (poller == nullptr) return stats_.softnet.add(stats::Softnet::interrupts_spurious);
  if (poller->interrupt().on_event(env_)) softnet_.schedule(*poller);
}

RxPoller* Lcore::poller_of(std::uint32_t napi_id) {
  for (auto& poller : parts.pollers)
    if (poller->id() == napi_id) return poller.get();
  return nullptr;
}

void Lcore::adopt(std::unique_ptr<RxPoller> poller) {
  if (const int fd = poller->interrupt().fd(); fd >= 0) events_.add(fd, poller->id());
  poller->move_to(*parts.receive);
  softnet_.add(*poller);
  parts.pollers.push_back(std::move(poller));
}

std::unique_ptr<RxPoller> Lcore::release(std::uint32_t napi_id) {
  const auto at = std::find_if(parts.pollers.begin(), parts.pollers.end(), [&](const auto& p) { return p->id() == napi_id; });
  if (at == parts.pollers.end()) return nullptr;
  std::unique_ptr<RxPoller> poller = std::move(*at);
  parts.pollers.erase(at);
  softnet_.remove(*poller);
  if (const int fd = poller->interrupt().fd(); fd >= 0) events_.remove(fd);
  poller->drain(env_);
  end_of_burst();
  parts.receive->wake_targets();
  return poller;
}

// How many passes in a row find nothing before it sleeps.
std::uint64_t Lcore::patience() const {
  bool interrupts_alone = !parts.pollers.empty();
  for (const auto& poller : parts.pollers) {
    if (poller->interrupt().mode() == RxMode::poll) return std::numeric_limits<std::uint64_t>::max();
    interrupts_alone &= poller->interrupt().is_driven();
  }
  return interrupts_alone ? 1 : idle_passes_before_sleep;
}

/// What sleep_protocol.hpp asks of an lcore.
struct Lcore::Sleeper {
  Lcore& lcore;
  const std::atomic<bool>& stop;
  void announce() { lcore.waker_.announce(); }
  void retract() { lcore.waker_.retract(); }
  // Queues in interrupt mode arm themselves when they complete. Edges of what was polled long ago would end the sleep.
  void arm() {
    lcore.events_.wait(0ns, [this](std::uint64_t token) { lcore.on_event(token); });
    for (auto& poller : lcore.parts.pollers)
      if (poller->wants_poll() && poller->interrupt().can_sleep()) poller->interrupt().arm(lcore.env_);
  }
  void disarm() {
    for (auto& poller : lcore.parts.pollers)
      if (!poller->interrupt().is_driven()) poller->interrupt().disarm();
  }
  // The second look: one more pass, armed and announced.
  bool has_work() { return lcore.run_once() || lcore.has_work() || stop.load(std::memory_order_relaxed); }
};

// Returns whether the second look found something to do, so that it did not sleep.
bool Lcore::sleep(Duration at_most, const std::atomic<bool>& stop) {
  const auto wakes = [](const auto& poller) { return poller->interrupt().can_sleep(); };
  const auto counts = [](const auto& poller) { return poller->interrupt().is_counting_frames(); };
  if (std::any_of(parts.pollers.begin(), parts.pollers.end(), counts)) {
    at_most = frames_look;
  } else if (std::all_of(parts.pollers.begin(), parts.pollers.end(), wakes)) {
    at_most = longest_wait;
  }
  Sleeper sleeper{*this, stop};
  if (!prepare_to_sleep(sleeper)) return true;
  if (const Instant deadline = next_deadline(); deadline != never) at_most = std::min<Duration>(at_most, deadline - env_.now);
  if (at_most > shortest_wait) {
    stats_.softnet.add(stats::Softnet::idle_sleeps);
    rcu_.offline();
    const int events = events_.wait(at_most, [this](std::uint64_t token) { on_event(token); });
    rcu_.online();
    if (events > 0) stats_.softnet.add(stats::Softnet::idle_wakeups);
  }
  sleeper.disarm();
  sleeper.retract();
  return false;
}

}  // namespace millrace::runtime
