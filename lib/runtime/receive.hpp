// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/runtime/capture_point.hpp>
#include <millrace/runtime/softnet.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/runtime/worker_rings.hpp>
#include <millrace/stack/socket/stack.hpp>
#include <millrace/stats/dev_stats.hpp>
#include <millrace/steer/steer.hpp>

#include <span>
#include <vector>

namespace millrace::runtime {

/// The middle of the path on one lcore: what GRO passes up is steered, to this lcore's stack or onto the ring of
/// the lcore that should have it.
class Receive {
 public:
  struct Wiring {
    WorkerRings& rings;
    std::span<Waker* const> wakers;             ///< by lcore
    std::span<socket::Stack* const> by_ifindex; ///< this lcore's stack behind each interface; null where none
    CapturePoint capture;
  };
  Receive(Env& env, const SoftnetLimits& limits, const steer::Steer& steer, const Wiring& wiring);

  /// netif_receive_skb_list_internal(): empties `up`, in order.
  void steer(pkt::PacketList& up);
  /// __netif_receive_skb_core(): one packet, for this lcore's stack.
  void netif_receive(pkt::Packet packet);
  /// net_rps_action_and_irq_enable(): wakes the sleeping lcores that were given packets since the last call.
  void wake_targets();
  /// What this lcore dropped for a port before its stack had it.
  [[nodiscard]] const stats::DevCoreStats& core_stats(std::uint16_t ifindex) const { return core_stats_[ifindex]; }

 private:
  void enqueue_to_backlog(std::uint16_t target, pkt::Packet packet);
  void copy_to_other_lcores(const pkt::Packet& packet);

  Env& env_;
  const SoftnetLimits& limits_;
  const steer::Steer& steer_;
  Wiring wiring_;
  std::vector<std::uint32_t> waiting_;  // per target: its backlog as last seen, plus what we added since
  std::vector<bool> to_wake_;
  std::vector<stats::DevCoreStats> core_stats_;  // by ifindex
};

}  // namespace millrace::runtime
