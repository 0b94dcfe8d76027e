// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/runtime/hand_over.hpp>
#include <millrace/runtime/ptype.hpp>
#include <millrace/runtime/softnet.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/runtime/worker_rings.hpp>
#include <millrace/stack/socket/stack.hpp>
#include <millrace/stats/dev_stats.hpp>
#include <millrace/steer/flow_limit.hpp>
#include <millrace/steer/steer.hpp>

#include <memory>
#include <span>
#include <vector>

namespace millrace::runtime {

class TxPath;

/// The middle of the path on one lcore: what GRO passes up is steered, to this lcore's stack or onto the ring of
/// the lcore that should have it.
class Receive final : public ip::Resteer {
 public:
  struct Wiring {
    WorkerRings& rings;
    std::span<Waker* const> wakers;              ///< by lcore
    std::span<socket::Stack* const> by_ifindex;  ///< this lcore's stack behind each interface; null where none
    HandOver& hand_over;                         ///< this lcore's, by which `steer` goes
    StageClock* stages = nullptr;  ///< null: nobody asks
    std::span<const std::unique_ptr<TxPath>> tx_paths{};  ///< this lcore's way out by ifindex; null where none
  };
  /// `limits`: this lcore's own, as they are at each moment.
  Receive(Env& env, const SoftnetLimits& limits, steer::Steer& steer, const Wiring& wiring);

  /// Set-up: the NAPI that takes what netif_rx queued for this lcore itself.
  void set_backlog(poll::Napi& backlog) { backlog_ = &backlog; }
  /// netif_receive_skb_list_internal(): empties `up`, in order.
  void steer(pkt::PacketList& up);
  /// netif_rx(): one packet, dissected and with Meta set as a port's poll would, always by way of a backlog: that of
  /// the lcore which owns the packet's flow or which rps_cpus of its rx queue choose, else this lcore's (receive_path
  /// F18). False (NET_RX_DROP): it is dropped and counted.
  bool netif_rx(pkt::Packet packet);
  /// For the lcore that has the socket of a datagram that fragments made: it goes by that lcore's backlog (receive_path H7).
  [[nodiscard]] pkt::Packet resteer(pkt::Packet frame) override;
  /// A frame of this host's to a group: received by netif_rx(), on every lcore (receive_path H11).
  void loop_back(pkt::Packet frame) override;
  /// Whether the packet, TCP or UDP, is likely to go to another lcore: see Steer::leads_elsewhere().
  [[nodiscard]] bool leads_elsewhere(const pkt::Packet& packet) const { return steer_.leads_elsewhere(env_, packet); }
  /// __netif_receive_skb_core(): one packet, for this lcore's stack and whoever else takes it. Verifies first what GRO
  /// merged unseen (receive_path X21).
  void netif_receive(pkt::Packet packet);
  /// The same of several, in order, to the same effect: what follows one another for one handler goes to it at once (G1).
  void netif_receive_list(pkt::PacketList& packets);
  /// Handlers of this lcore; the stacks' are there from the beginning.
  [[nodiscard]] PacketTypes& packet_types() { return packet_types_; }
  [[nodiscard]] const PacketTypes& packet_types() const { return packet_types_; }
  /// The flows that were changing their rx queue have done so: what waited for that is steered, in order (receive_path
  /// F9).
  void unpark();
  /// net_rps_action_and_irq_enable(): wakes the sleeping lcores that were given packets since the last call.
  void wake_targets();
  /// This lcore's way out by a port; null: there is none.
  [[nodiscard]] TxPath* tx_path(std::uint16_t ifindex) const {
    return ifindex < wiring_.tx_paths.size() ? wiring_.tx_paths[ifindex].get() : nullptr;
  }
  /// The pass goes on with that stage.
  void enter(Stage stage) {
    if (wiring_.stages != nullptr) wiring_.stages->enter(stage);
  }
  /// What this lcore dropped for a port before its stack had it.
  [[nodiscard]] const stats::DevCoreStats& core_stats(std::uint16_t ifindex) const { return core_stats_[ifindex]; }

  /// net.core.netdev_max_backlog has changed: the rings of this lcore hold as much. They never shrink.
  void limits_changed() { wiring_.rings.grow(env_.lcore, limits_.netdev_max_backlog + 1); }
  /// net.core.flow_limit_cpu_bitmap: the table of this lcore, null when it is not in the mask. Returns the one before.
  std::unique_ptr<steer::FlowLimit> set_flow_limit(std::unique_ptr<steer::FlowLimit> limit) {
    return std::exchange(flow_limit_, std::move(limit));
  }
  [[nodiscard]] bool has_flow_limit() const { return flow_limit_ != nullptr; }

 private:
  void add_protocols();
  void to_stack(pkt::Packet packet);
  /// Nobody but their stack looks at packets, and they need no new stamp.
  [[nodiscard]] bool is_undisturbed() const { return env_.tap == nullptr && !packet_types_.is_wanted() && limits_.netdev_tstamp_prequeue; }
  void to_known_flows(pkt::PacketList& packets);
  [[nodiscard]] bool are_plain(const pkt::PacketList& packets) const;
  void to_stack(pkt::PacketList& packets);
  [[nodiscard]] const PacketType* find_last(pkt::Packet& packet);
  void receive_unseen(pkt::Packet packet);
  void hold(const steer::Steer::Choice& to, pkt::Packet packet);
  void deliver_held();
  void look_at_rings();
  void bring(pkt::Packet packet, steer::Steer::Choice to);
  bool enqueue_to_backlog(const steer::Steer::Choice& to, pkt::Packet packet);
  bool park(pkt::Packet packet);
  void publish();
  bool refuse(pkt::Packet packet, stats::DropReason reason);
  [[nodiscard]] bool is_over_flow_limit(const pkt::Packet& packet, std::uint32_t waiting);
  void copy_to_other_lcores(const pkt::Packet& packet);
  [[nodiscard]] pkt::Packet copy_of(const pkt::Packet& packet);
  /// Nothing is on its way from this lcore to itself, so that a packet may go up at once.
  [[nodiscard]] bool own_queue_is_drained() const {
    return wiring_.rings.queued(env_.lcore, env_.lcore) == wiring_.rings.delivered(env_.lcore, env_.lcore);
  }

  /// There is no other lcore, no tap, and nothing that packets could overtake.
  [[nodiscard]] bool all_stay_here() const { return waiting_.size() == 1 && env_.tap == nullptr && own_queue_is_drained(); }

  Env& env_;
  const SoftnetLimits& limits_;
  steer::Steer& steer_;
  Wiring wiring_;
  PacketTypes packet_types_;
  poll::Napi* backlog_ = nullptr;
  std::unique_ptr<steer::FlowLimit> flow_limit_;
  pkt::PacketList held_;                // for this lcore, while the rest of the burst is steered
  std::vector<std::uint32_t> waiting_;  // per target: its backlog as last seen, plus what we added since
  std::vector<bool> to_wake_;
  pkt::PacketList parked_;                       // until their flows have changed their rx queue
  std::vector<stats::DevCoreStats> core_stats_;  // by ifindex
};

}  // namespace millrace::runtime
