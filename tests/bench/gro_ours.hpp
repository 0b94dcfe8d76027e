// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/gro/gro.hpp>

#include <span>
#include <vector>

namespace millrace::bench {

/// Our side of B2: what the rx poller does with a burst between the port and steering.
class OurGro {
 public:
  explicit OurGro(const gro::Config& config = {});

  /// Dissects and merges; takes the packets over until take().
  void receive(std::span<pkt::Mbuf* const> burst);
  /// The end of a poll at which nothing may stay behind.
  void flush_all() { gro_.flush_all(env_, up_); }
  /// The end of a poll below its weight, in poll mode.
  void complete() { gro_.complete(env_, up_); }
  void advance(Duration by) { env_.now += by; }
  /// The end of a poll that used its whole weight: what began in this tick stays.
  void flush_old() { gro_.flush_old(env_, up_); }
  /// What has come out, in order.
  [[nodiscard]] std::vector<pkt::Mbuf*> take();
  /// The same, forgotten.
  void forget();

 private:
  stats::LcoreStats stats_;
  Env env_;
  gro::Gro gro_;
  pkt::Burst burst_;
  pkt::PacketList up_;
};

}  // namespace millrace::bench
