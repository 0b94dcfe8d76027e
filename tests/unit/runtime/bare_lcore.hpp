// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/runtime/lcore.hpp>

#include <functional>

namespace millrace::test {

/// An lcore without ports or stacks.
struct BareLcore {
  explicit BareLcore(runtime::Clock& clock, const runtime::SoftnetLimits& wanted = {}) : limits(wanted), lcore(0, clock, waker, limits, rings) {
    lcore.parts.wheel = std::make_unique<timer::Wheel>(lcore.env().now);
    lcore.env().wheel = lcore.parts.wheel.get();
    lcore.parts.steer = std::make_unique<steer::Steer>(directory, toeplitz);
    lcore.parts.receive = std::make_unique<runtime::Receive>(
        lcore.env(), lcore.softnet().limits, *lcore.parts.steer,
        runtime::Receive::Wiring{.rings = rings, .wakers = wakers, .by_ifindex = stacks, .hand_over = hand_over, .stages = &lcore.softnet().stages});
    lcore.parts.backlog = std::make_unique<runtime::Backlog>(*lcore.parts.receive, rings, 0, 64);
    lcore.parts.backlog->enable(&lcore.softnet(), 0);
    lcore.parts.receive->set_backlog(*lcore.parts.backlog);
  }
  std::uint64_t count(stats::Softnet which) const { return lcore.stats().softnet[which]; }

  runtime::Waker waker;
  std::array<runtime::Waker*, 1> wakers{&waker};
  runtime::SoftnetLimits limits;
  runtime::WorkerRings rings{1, 16};
  runtime::HandOver hand_over{rings, 0};
  steer::FlowTable flows{16, 1};
  steer::Directory directory{{&flows}};
  steer::Toeplitz toeplitz;
  std::array<socket::Stack*, 2> stacks{};
  runtime::Lcore lcore;
};

/// Uses its whole weight at every poll, as a queue that is never empty does.
class FloodNapi final : public poll::Napi {
 public:
  FloodNapi() { enable(); }
  int poll(Env& env, int weight) override {
    ++polls;
    env.stats->softnet.add(stats::Softnet::processed, static_cast<std::uint64_t>(weight));
    if (on_poll) on_poll();
    return weight;
  }
  int polls = 0;
  std::function<void()> on_poll;
};

}  // namespace millrace::test
