// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/port_ends.hpp"

#include <millrace/poll/napi.hpp>
#include <millrace/runtime/clock.hpp>
#include <millrace/runtime/softirq.hpp>
#include <millrace/runtime/softnet.hpp>
#include <millrace/runtime/waker.hpp>

namespace millrace::bench {

/// Port alone: RxQueue::receive and TxQueue::transmit, 32 at a time, until `packets` have gone through; returns how
/// many did.
std::uint64_t port_loop(const PortEnds& ends, std::uint64_t packets);

/// A receiver that sends back what it gets, at the place of the rx poller.
class Reflector final : public poll::Napi {
 public:
  Reflector(port::RxQueue& rx, port::TxQueue& tx) : rx_(rx), tx_(tx) {}
  int poll(Env& env, int weight) override;

 private:
  port::RxQueue& rx_;
  port::TxQueue& tx_;
  pkt::Burst burst_;
};

/// The receive pass as an lcore runs it, with a Reflector: weight, budget, time limit, poll list, counters, clock.
class PollLoop {
 public:
  explicit PollLoop(const PortEnds& ends);
  std::uint64_t run(std::uint64_t packets);
  /// One receive pass; how many packets went through.
  std::uint64_t pass();

 private:
  Env& env_;
  Reflector reflector_;
  runtime::MonotonicClock clock_;
  runtime::Waker waker_;
  runtime::Softirq softirq_;
  runtime::Softnet softnet_;
};

}  // namespace millrace::bench
