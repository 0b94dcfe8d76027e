// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstdint>
#include <span>

struct rte_hash;
struct rte_mbuf;
struct rte_ring;

namespace millrace::bench::peer {

/// Which lcore owns each flow, with DPDK's parts: rte_net_get_ptype, rte_softrss_be or, where the CPU has it,
/// rte_thash_gfni, and rte_hash_lookup_bulk_data. IPv4 alone.
class OwnerLookup {
 public:
  static constexpr std::size_t burst = 32;
  explicit OwnerLookup(std::uint32_t capacity);
  ~OwnerLookup();
  OwnerLookup(const OwnerLookup&) = delete;
  OwnerLookup& operator=(const OwnerLookup&) = delete;

  [[nodiscard]] bool insert(const FlowKey& flow, std::uint16_t lcore);
  /// Writes the owner of each packet of a burst; 0xffff: nobody. Every packet is hashed for RPS too, which keeps the hash
  /// in the mbuf.
  void look_up(rte_mbuf* const* packets, std::uint16_t* owners);

 private:
  rte_hash* hash_;
};

/// rte_ring, one producer and one consumer.
class Ring {
 public:
  explicit Ring(std::uint32_t capacity);
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  /// How many of them went in.
  std::uint32_t enqueue(void* const* items, std::uint32_t count);
  std::uint32_t dequeue(void** items, std::uint32_t count);

 private:
  rte_ring* ring_;
};

}  // namespace millrace::bench::peer
