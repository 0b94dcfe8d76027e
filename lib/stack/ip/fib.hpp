// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/grace.hpp>
#include <millrace/base/list.hpp>
#include <millrace/wire/address.hpp>

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

namespace millrace::ip {

/// What a route does with a packet: Linux's RTN_*.
enum class RouteType : std::uint8_t {
  unicast,      ///< it goes to the next hop
  local,        ///< it is for this host
  broadcast,    ///< for this host and all on the link
  multicast,    ///< a group on the link
  blackhole,    ///< dropped, and nobody is told
  unreachable,  ///< dropped; its sender is told: host unreachable
  prohibit,     ///< dropped; its sender is told: administratively prohibited
};

/// Where a route leads; routes with equal ones share it (struct fib_info).
struct NextHop {
  RouteType type = RouteType::unicast;
  std::uint16_t ifindex = 0;  ///< 0: none, as of a blackhole
  IpAddress gateway{};        ///< unspecified: the destination is on the link
  IpAddress source{};         ///< RTA_PREFSRC: what this host's packets come from; unspecified: chosen by RFC 6724
  auto operator<=>(const NextHop&) const = default;
};

/// Longest-prefix match over both families: a multibit trie of 8 bits a level. A lookup reads one word a level and stops
/// where no longer prefix is; a host's few routes fit the first-level cache. Any number of threads look up, without a lock
/// or a wait, while one changes it: a change is a store of each word, and what it takes away is freed when `grace` says so.
class Fib {
 public:
  /// A null `grace`: there is one thread. `most_nodes` bounds the memory, 3 KiB each.
  explicit Fib(GracePeriods* grace = nullptr, std::size_t most_nodes = std::size_t{1} << 20);
  ~Fib();
  Fib(const Fib&) = delete;
  Fib& operator=(const Fib&) = delete;

  /// Any thread. Null: no prefix holds the address. Read it before the next quiescent state only.
  [[nodiscard]] const NextHop* lookup(const IpAddress& address) const {
    const bool v4 = address.is_v4();
    std::size_t at = v4 ? 12 : 0;
    std::uint64_t best = 0;
    for (const Node* node = &roots_[v4 ? 0 : 1]; node != nullptr; ++at) {
      const std::uint64_t entry = node->entries[address.bytes[at]].load(std::memory_order_acquire);
      if (entry >> hop_shift != 0) best = entry >> hop_shift;
      node = child_of(entry);
    }
    return hops_[best].load(std::memory_order_acquire);
  }

  /// Any thread. How long the prefix is that holds the address, rounded up to whole bytes; 0 where it is one of eight bits at most, as a
  /// default route is, or there is none.
  [[nodiscard]] unsigned match_bits(const IpAddress& address) const {
    const bool v4 = address.is_v4();
    std::size_t at = v4 ? 12 : 0;
    unsigned bits = 0, level = 0;
    for (const Node* node = &roots_[v4 ? 0 : 1]; node != nullptr; ++at, ++level) {
      const std::uint64_t entry = node->entries[address.bytes[at]].load(std::memory_order_acquire);
      if (entry >> hop_shift != 0) bits = level == 0 ? 0 : (level + 1) * 8;
      node = child_of(entry);
    }
    return bits;
  }

  // The one that changes it.

  /// The prefix, without host bits, leads there from now on, wherever it led before. False, and nothing is changed: nodes
  /// or next hops are used up.
  [[nodiscard]] bool set(const IpPrefix& prefix, const NextHop& hop);
  /// The prefix, which is set, leads nowhere of its own from now on.
  void clear(const IpPrefix& prefix);
  [[nodiscard]] std::size_t nodes() const { return node_count_; }
  /// Taken away, and not yet free.
  [[nodiscard]] std::size_t retired() const { return retired_.size(); }

 private:
  static constexpr std::size_t most_hops = 4096;
  static constexpr unsigned hop_shift = 48;  // an entry: number of the next hop, then 48 bits of a user-space pointer

  /// 8 bits of the address. `prefixes` holds what ends in this node, as a heap: place (1 << n | first n bits) is that of a
  /// prefix of n bits; `entries` says for each value of the 8 bits which is the longest, and the node below.
  struct Node {
    std::array<std::atomic<std::uint64_t>, 256> entries{};
    std::array<std::uint16_t, 512> prefixes{};
    std::uint16_t prefix_count = 0;
    std::uint16_t child_count = 0;
    ListHook hook;
  };
  struct Hop {
    std::uint16_t id = 0;
    std::uint32_t users = 0;
  };
  struct Retired {
    std::uint64_t grace_period;
    std::unique_ptr<Node> node;
    std::unique_ptr<const NextHop> hop;
    std::uint16_t hop_id;
  };

  [[nodiscard]] static Node* child_of(std::uint64_t entry) {
    return reinterpret_cast<Node*>(static_cast<std::uintptr_t>(entry & ((std::uint64_t{1} << hop_shift) - 1)));
  }
  [[nodiscard]] std::uint16_t hold(const NextHop& hop);
  void let_go(std::uint16_t id);
  [[nodiscard]] std::size_t missing_nodes(const IpPrefix& prefix) const;
  void write(const IpPrefix& prefix, std::uint16_t hop);
  void prune(const std::array<Node*, 16>& path, const std::uint8_t* key, std::size_t depth);
  void retire(Retired what);
  void free_retired();

  GracePeriods* const grace_;
  const std::size_t most_nodes_;
  std::array<Node, 2> roots_;
  std::array<std::atomic<const NextHop*>, most_hops> hops_{};  ///< by number; 0: none
  std::map<NextHop, Hop> held_hops_;
  std::vector<std::uint16_t> free_hops_;
  List<Node, &Node::hook> all_;  ///< all but the roots
  std::size_t node_count_ = 0;
  std::deque<Retired> retired_;  ///< in order of their grace periods
};

}  // namespace millrace::ip
