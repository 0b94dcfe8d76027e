// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/steer/flow_table.hpp>
#include <millrace/steer/rps_map.hpp>
#include <millrace/wire/toeplitz.hpp>

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace millrace::steer {

using wire::Ipv4Tuple;
using wire::Ipv6Tuple;
using wire::microsoft_key;
using wire::symmetric_key;
using wire::Toeplitz;
using wire::ToeplitzKey;

/// The owner tables of an engine by lcore; null: that lcore is offline. Filled before the lcores start.
class Directory {
 public:
  explicit Directory(std::vector<FlowTable*> tables) : tables_(std::move(tables)) {}

  [[nodiscard]] LcoreId size() const { return static_cast<LcoreId>(tables_.size()); }
  [[nodiscard]] bool is_online(LcoreId lcore) const { return lcore < tables_.size() && tables_[lcore] != nullptr; }
  [[nodiscard]] const FlowTable* table(LcoreId lcore) const { return tables_[lcore]; }
  /// Any thread: the lcore other than `self` that owns the flow, asking `first` first (which may be `self` or offline).
  [[nodiscard]] std::optional<LcoreId> other_owner(const FlowKey& key, LcoreId self, LcoreId first) const;
  /// Any thread: an lcore on which a socket is bound (bound_key) to the flow's local endpoint; `first` if it has one,
  /// else the next in turn.
  [[nodiscard]] std::optional<LcoreId> bound(const FlowKey& flow, LcoreId first) const;

 private:
  std::vector<FlowTable*> tables_;
};

/// A received packet's flow. For an ICMP error it is the flow that the error quotes, seen from here.
struct Flow {
  FlowKey key{};           ///< ports are 0 when they cannot be told
  bool is_exact = false;   ///< ports are known: a socket lookup of the key makes sense
  bool is_quoted = false;  ///< taken from an ICMP error
};
/// Reads the addresses and ports that Meta's offsets point at; null when the packet is not IP.
[[nodiscard]] std::optional<Flow> read_flow(const pkt::Packet& packet, std::uint16_t stack = 0);

/// The Toeplitz hash of a flow's packets on their way in (remote is the source); never 0.
[[nodiscard]] std::uint32_t flow_hash(const FlowKey& key, const Toeplitz& toeplitz);
/// F6: the port's hash when it gave one and layer 4 is readable, else Toeplitz over the 4-tuple, over the addresses
/// alone for fragments and protocols without ports. 0 when not IP, and only then.
[[nodiscard]] std::uint32_t flow_hash(const pkt::Packet& packet, const Toeplitz& toeplitz);

/// F5, get_rps_cpu() of net/core/dev.c: the lcore that rps_cpus chooses, `local` when it chooses none.
[[nodiscard]] LcoreId rps_lcore(const RpsMap& map, std::uint32_t hash, const Directory& directory, LcoreId local);

/// Decides which lcore processes a packet (F22): the owner of its flow; else whom RPS says, or the receiving one, unless
/// only other lcores have a socket bound to its local endpoint.
/// One per lcore, touched by that lcore only.
class Steer {
 public:
  /// Both are borrowed and outlive this.
  Steer(const Directory& directory, const Toeplitz& toeplitz) : directory_(directory), toeplitz_(toeplitz) {}

  /// Names the stack (FlowKey::stack) behind an interface; 0 when never called.
  void set_stack(std::uint16_t ifindex, std::uint16_t stack);
  /// rps_cpus of one rx queue; off when never called. May change at any time: flows with an owner do not move.
  void set_rps(std::uint16_t ifindex, std::uint16_t rx_queue, const RpsMap& map);

  /// For a packet that env.lcore received, dissected, with Meta's offsets, ifindex and rx_queue set. Counts local,
  /// owner, bound or rps, and the kind of hash when one was needed.
  [[nodiscard]] LcoreId choose(Env& env, const pkt::Packet& packet) const;

 private:
  struct Interface {
    std::uint16_t stack = 0;
    std::vector<RpsMap> rps;  ///< by rx queue
  };
  Interface& interface(std::uint16_t ifindex);
  struct Choice {
    LcoreId lcore;
    stats::Steer why;
  };
  [[nodiscard]] Choice without_own(Env& env, const pkt::Packet& packet, const std::optional<Flow>& flow) const;
  [[nodiscard]] LcoreId suggest(Env& env, const pkt::Packet& packet, const std::optional<Flow>& flow) const;

  const Directory& directory_;
  const Toeplitz& toeplitz_;
  std::vector<Interface> interfaces_;  // by ifindex
};

}  // namespace millrace::steer
