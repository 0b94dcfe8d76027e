// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/neighbor/interface.hpp>
#include <millrace/stats/dev_stats.hpp>

#include <cstdint>

namespace millrace::runtime {

class Receive;

/// One lcore's end of a stack's loopback device: loopback_xmit() of drivers/net/loopback.c (receive_path M2). What is
/// sent is received at once by way of a backlog, as netif_rx() has it, so of the lcore that owns its flow.
class Loopback final : public neighbor::LinkOutput {
 public:
  static constexpr std::uint32_t mtu = 65536;  ///< bytes of an IP packet, as Linux's lo

  /// `receive` is the lcore's and outlives this.
  Loopback(Receive& receive, std::uint16_t ifindex) : receive_(receive), ifindex_(ifindex) {}
  void transmit(pkt::Packet frame) override;

  /// What was sent, which is what was received (receive_path M4); drops: what a full backlog refused.
  stats::QueueStats counted;

 private:
  Receive& receive_;
  const std::uint16_t ifindex_;
};

}  // namespace millrace::runtime
