// SPDX-License-Identifier: BSD-3-Clause
// Where a packet enters: rx_burst, then GRO, which dissects it too. Called by net_rx_action; calls RxQueue::receive,
// gro::Gro and Receive::steer.
#include <millrace/runtime/rx_poller.hpp>

#include <algorithm>
#include <utility>

namespace millrace::runtime {
namespace {

constexpr std::uint16_t rx_burst = 32;

}  // namespace

// Unmasking, with what it looks at.
struct RxPoller::Unmasking {
  Env& env;
  RxPoller& poller;
  void arm() { poller.interrupt_.arm(env); }
  void disarm() { poller.interrupt_.disarm(); }
  // What is found waits in the burst for the next poll.
  bool look() {
    const auto most = static_cast<std::uint16_t>(std::min<int>(rx_burst, poller.weight()));
    return poller.wiring_.queue.receive(env, poller.burst_, most) != 0;
  }
};

void RxPoller::show_burst(Env& env) {
  burst_.for_each([&](pkt::Packet& packet) { tap(env, packet, TapPoint::driver); });
}

int RxPoller::take_burst(Env& env) {
  const int count = burst_.size();
  if (count == 0) return 0;
  receive_->enter(Stage::gro);
  if (env.tap != nullptr && env.tap->wants(TapPoint::driver)) [[unlikely]] show_burst(env);
  if (xdp_ != nullptr) [[unlikely]] run_xdp(env, *xdp_, burst_, *receive_);
  gro_.receive(env, burst_, wiring_.arrival, up_);
  return count;
}

int RxPoller::poll(Env& env, int weight) {
  waited_ = false;
  int done = take_burst(env);
  while (done < weight) {
    const auto asked = static_cast<std::uint16_t>(std::min<int>(rx_burst, weight - done));
    receive_->enter(Stage::rx);
    const std::uint16_t n = wiring_.queue.receive(env, burst_, asked);
    done += take_burst(env);
    if (n < asked) break;
  }
  taken_ += static_cast<std::uint32_t>(done);
  if (done < weight) finish(env, done);
  receive_->steer(up_);
  return done;
}

// Completion, and the interrupt after it: unmasked unless it is deferred (D12) or held off (B5).
void RxPoller::finish(Env& env, int work) {
  if (work != 0) receive_->enter(Stage::gro);
  unmasked_ = complete_done(env, work);
  const std::uint32_t taken = std::exchange(taken_, 0);  // polls that used their weight included
  if (!unmasked_ || !interrupt_.is_driven()) return;
  if (interrupt_.hold_off(env, *host(), *this, taken)) return;
  Unmasking unmasking{env, *this};
  if (unmask_and_look(unmasking)) host()->schedule(*this);
}

void RxPoller::weight_used(Env& env) {
  receive_->enter(Stage::gro);
  gro_.flush_old(env, up_);
  receive_->steer(up_);
}

void RxPoller::flush_held(Env& env, bool old_only) {
  if (old_only) {
    gro_.flush_old(env, up_);
  } else if (interrupt_.is_driven()) {
    gro_.flush_all(env, up_);  // gro.poll_hold_us is for those who poll again at once (X19)
  } else {
    gro_.complete(env, up_);
  }
}

void RxPoller::configure_gro(Env& env, const gro::Config& config) {
  gro_.configure(env, with_destination(config), up_);
  receive_->steer(up_);
}

void RxPoller::take_waiting(Env& env, int waiting) {
  constexpr int most_descriptors = 32768;
  take_burst(env);  // what unmasking has found
  for (int left = waiting >= 0 ? waiting : most_descriptors; left > 0;) {
    const auto asked = static_cast<std::uint16_t>(std::min<int>(rx_burst, left));
    const std::uint16_t n = wiring_.queue.receive(env, burst_, asked);
    left -= take_burst(env);
    if (n == 0 || (waiting < 0 && n < asked)) break;
  }
  gro_.flush_all(env, up_);
  receive_->steer(up_);
}

// What ENA's driver of Linux does of its own (check_for_rx_interrupt_queue()), for all. Where the device does not tell what waits, a
// poll now and then is no loss, and no proof of one.
bool RxPoller::misses_interrupt() {
  const int waiting = wiring_.queue.waiting();
  const bool may_wait = interrupt_.is_armed() && !is_scheduled() && waiting != 0;
  if (!std::exchange(waited_, may_wait) || !may_wait) return false;
  host()->schedule(*this);
  return waiting > 0;
}

void RxPoller::drain(Env& env) {
  interrupt_.disarm();
  interrupt_.cancel_hold_off();
  take_burst(env);
  gro_.flush_all(env, up_);
  receive_->steer(up_);
}

}  // namespace millrace::runtime
