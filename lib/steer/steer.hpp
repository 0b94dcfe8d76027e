// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rcu_pointer.hpp>
#include <millrace/env/env.hpp>
#include <millrace/steer/arfs.hpp>
#include <millrace/steer/flow_table.hpp>
#include <millrace/steer/rfs.hpp>
#include <millrace/steer/rps_map.hpp>
#include <millrace/wire/toeplitz.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace millrace::steer {

using wire::Ipv4Tuple;
using wire::Ipv6Tuple;
using wire::microsoft_key;
using wire::symmetric_key;
using wire::Toeplitz;
using wire::ToeplitzKey;

/// The owner tables of an engine by lcore, made with one seed; null: that lcore is offline. Filled before the lcores start.
class Directory {
 public:
  explicit Directory(std::vector<FlowTable*> tables);

  [[nodiscard]] LcoreId size() const { return static_cast<LcoreId>(tables_.size()); }
  [[nodiscard]] bool is_online(LcoreId lcore) const { return lcore < tables_.size() && tables_[lcore] != nullptr; }
  [[nodiscard]] const FlowTable* table(LcoreId lcore) const { return tables_[lcore]; }
  /// Of all its tables: a flow's hash is the same in each.
  [[nodiscard]] const OwnerHash& hash() const { return hash_; }
  /// Any thread: the lcore other than `self` that owns the flow, asking `first` first (which may be `self` or offline).
  [[nodiscard]] std::optional<LcoreId> other_owner(const FlowKey& key, LcoreId self, LcoreId first) const;
  /// Any thread: an lcore on which a socket is bound (bound_key) to the flow's local endpoint; `first` if it has one,
  /// else the next in turn.
  [[nodiscard]] std::optional<LcoreId> bound(const FlowKey& flow, LcoreId first) const;

 private:
  std::vector<FlowTable*> tables_;
  OwnerHash hash_;
};

/// A received packet's flow. For an ICMP error it is the flow that the error quotes, seen from here.
struct Flow {
  FlowKey key{};           ///< ports are 0 when they cannot be told
  bool is_exact = false;   ///< ports are known: a socket lookup of the key makes sense
  bool is_quoted = false;  ///< taken from an ICMP error
  std::uint16_t echo_id = 0;  ///< of an echo reply: the ping socket's identifier, which stands where a port would (bound_key)
};
/// Reads the addresses and ports that Meta's offsets point at; null when the packet is not IP.
[[nodiscard]] std::optional<Flow> read_flow(const pkt::Packet& packet, std::uint16_t stack = 0);

/// 0 says "no hash", so a hash that happens to be 0 is 1.
[[nodiscard]] inline std::uint32_t not_zero(std::uint32_t hash) { return hash != 0 ? hash : 1; }

/// The Toeplitz hash of a flow's packets on their way in (remote is the source); never 0.
[[nodiscard]] std::uint32_t flow_hash(const FlowKey& key, const Toeplitz& toeplitz);
/// F6: the port's hash when it gave one and layer 4 is readable, else Toeplitz over the 4-tuple, over the addresses
/// alone for fragments and protocols without ports. 0 when not IP, and only then.
[[nodiscard]] std::uint32_t flow_hash(const pkt::Packet& packet, const Toeplitz& toeplitz);

/// F5, get_rps_cpu() of net/core/dev.c: the lcore that rps_cpus chooses, `local` when it chooses none.
[[nodiscard]] LcoreId rps_lcore(std::span<const LcoreId> map, std::uint32_t hash, const Directory& directory, LcoreId local);
/// Which of `lcores` lcores a hash chooses: reciprocal_scale().
[[nodiscard]] inline std::size_t rps_place(std::size_t lcores, std::uint32_t hash) { return (std::uint64_t{hash} * lcores) >> 32; }

/// Decides which lcore processes a packet (F22): the owner of its flow; else whom RPS says, or the receiving one, unless
/// only other lcores have a socket bound to its local endpoint. Where several lcores have a UDP socket for its flow, RFS
/// chooses the one on which it is read (F7), once every packet of the flow that went elsewhere is delivered (F8).
/// One per lcore, touched by that lcore only.
class Steer {
 public:
  /// An lcore, and the flow's entry when RFS keeps one: who queues the packet for that lcore stores
  /// HandOver::queued() in its last_qtail.
  struct Choice {
    LcoreId lcore;
    DevFlow* flow = nullptr;
    bool is_parked = false;  ///< it is to be asked for again when end_switches() was called (receive_path F9)
  };

  /// All are borrowed and outlive this. Without `hand_over` there is no RFS.
  Steer(const Directory& directory, const Toeplitz& toeplitz, const HandOver* hand_over = nullptr)
      : directory_(directory), toeplitz_(toeplitz), hand_over_(hand_over) {}

  /// Names the stack (FlowKey::stack) behind an interface; 0 when never called.
  void set_stack(std::uint16_t ifindex, std::uint16_t stack);
  /// The stack behind the VLAN of that id on top of an interface.
  void set_vlan_stack(std::uint16_t ifindex, std::uint16_t id, std::uint16_t stack) { vlan_stacks_.push_back({ifindex, id, stack}); }
  /// rps_cpus of one rx queue; off when never called. May change at any time: flows with an owner do not move.
  void set_rps(std::uint16_t ifindex, std::uint16_t rx_queue, const RpsMap& map);
  /// rps_flow_cnt of one rx queue, with an empty table: nothing that the queue brought is queued for any lcore now.
  void set_rps_flow_cnt(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint32_t entries);
  /// Set-up: where the engine's rps_sock_flow_entries are, whenever there is such a table; without one RFS is off.
  void set_sock_flows(const RcuPointer<SockFlows>& flows) { sock_flows_ = &flows; }

  // aRFS (receive_path F9). Each is called on the lcore, but for the first.

  /// Set-up: where it asks for flow rules; without, it never does.
  void set_rule_requests(RuleRequests& requests) { requests_ = &requests; }
  /// ethtool -K ntuple: where RFS hands a flow of the port over, a rule is asked for. The port's own hash does not count
  /// then, for a device may give none to what a rule has brought. Off when never called.
  void set_ntuple(std::uint16_t ifindex, bool on) { interface(ifindex).ntuple = on; }
  /// Whether the table of that queue has room for a flow that a rule is to bring there.
  [[nodiscard]] bool has_room_for_rule(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint32_t hash);
  /// The rule is there, and nothing of the flow is under way.
  void take_rule(std::uint16_t ifindex, std::uint16_t rx_queue, const Filter& filter, LcoreId here);
  /// The rule is gone from that queue.
  void lose_rule(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint16_t id);
  /// The rule that was asked for on that queue is gone: it may be asked for again.
  void forget_asking(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint32_t hash);
  /// A flow changes its queue: its packets are parked from now on, until all such changes have ended.
  void begin(const Switch& change) { switches_.push_back(change); }
  void end_switches() { switches_.clear(); }
  /// Asks for the end of rules that nothing uses any more. Returns whether any rule is left to be looked at.
  bool expire_rules();

  /// For a packet that env.lcore received, dissected, with Meta's offsets, ifindex and rx_queue set. Counts local,
  /// owner, bound, rps or rfs, and the kind of hash when one was needed. Where RFS is on the packet has the hash of its
  /// flow afterwards, as if the port had given it.
  [[nodiscard]] Choice choose(Env& env, pkt::Packet& packet);
  /// The same for up to most_packets packets at once, several times as fast; get_rps_cpu() of a list before any of it is
  /// delivered, as Linux does. Where the lcore is `undecided` the packet has to be chosen for by itself, at its turn:
  /// the choice waits for what is queued before it, or is of no common shape.
  void choose(Env& env, std::span<pkt::Mbuf* const> packets, Choice* choices) { rps_needed_ ? choose_all<true>(env, packets, choices) : choose_all<false>(env, packets, choices); }
  /// Linux's static branch rps_needed (receive_path F21): whether any rx queue has rps_cpus or rps_flow_cnt. While none has,
  /// choose_all<false>(), which is compiled without RPS, decides the same; a burst asks once.
  [[nodiscard]] bool is_rps_needed() const { return rps_needed_; }
  template <bool rps>
  void choose_all(Env& env, std::span<pkt::Mbuf* const> packets, Choice* choices);
  static constexpr std::size_t most_packets = FlowTable::most_probes;
  static constexpr LcoreId undecided = max_lcores;

  /// Whether the packet, TCP or UDP, would be another lcore's by its owner, a bound socket or rps_cpus. Counts nothing,
  /// moves nothing: it is asked before choose(), and RFS may yet decide otherwise.
  [[nodiscard]] bool leads_elsewhere(const Env& env, const pkt::Packet& packet) const;

  /// The hash by which flows are told apart here, for the flow limit; 0 when not IP.
  [[nodiscard]] std::uint32_t hash_of(const pkt::Packet& packet) const { return flow_hash(packet, toeplitz_); }

 private:
  struct Queue {
    RpsMap rps;
    DevFlows flows;
  };
  struct Interface {
    std::uint16_t stack = 0;
    bool ntuple = false;
    std::vector<Queue> queues;  ///< by rx queue
  };
  template <bool rps>
  class Pass;
  void look_for_rps();
  struct VlanStack {
    std::uint16_t ifindex, id, stack;
  };
  /// Where to, and the counter that says why.
  struct Decision {
    LcoreId lcore;
    stats::Steer why;
    DevFlow* flow = nullptr;
  };
  Interface& interface(std::uint16_t ifindex);
  Queue& queue(std::uint16_t ifindex, std::uint16_t rx_queue);
  [[nodiscard]] const Queue* find_queue(const pkt::Meta& meta) const;
  [[nodiscard]] Queue* find_queue(const pkt::Meta& meta) { return const_cast<Queue*>(std::as_const(*this).find_queue(meta)); }
  /// Of an untagged packet, or where no VLAN has a device.
  [[nodiscard]] std::uint16_t stack_of(const pkt::Meta& meta) const { return meta.ifindex < interfaces_.size() ? interfaces_[meta.ifindex].stack : std::uint16_t{0}; }
  [[nodiscard]] std::uint16_t stack_of(const pkt::Packet& packet) const;
  [[nodiscard]] std::uint32_t count_hash(Env& env, const pkt::Packet& packet, const Flow& flow) const;
  [[nodiscard]] LcoreId suggest(Env& env, const pkt::Packet& packet, const std::optional<Flow>& flow, const Queue* queue) const;
  [[nodiscard]] Decision settle(LcoreId local, const Flow& flow, LcoreId suggested) const;
  [[nodiscard]] Decision without_owner(const FlowKey& key, LcoreId suggested) const;
  [[nodiscard]] Decision answer_of(const Flow& flow, LcoreId suggested) const;
  [[nodiscard]] Decision follow(Env& env, pkt::Packet& packet, const Flow& flow, Queue& queue);
  void ask_for_rule(const pkt::Packet& packet, const Flow& flow, DevFlow& entry);
  [[nodiscard]] bool is_parked(const pkt::Meta& meta, const Flow& flow) const;
  [[nodiscard]] bool owns(LcoreId lcore, const FlowKey& key) const {
    return directory_.is_online(lcore) && directory_.table(lcore)->contains(key);
  }

  const Directory& directory_;
  const Toeplitz& toeplitz_;
  const HandOver* hand_over_;
  const RcuPointer<SockFlows>* sock_flows_ = nullptr;
  RuleRequests* requests_ = nullptr;
  std::vector<Switch> switches_;
  std::vector<Interface> interfaces_;  // by ifindex
  std::vector<VlanStack> vlan_stacks_;
  bool rps_needed_ = false;
};

}  // namespace millrace::steer
