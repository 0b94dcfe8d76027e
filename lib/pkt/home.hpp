// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/spsc_ring.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/stats/lcore_stats.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace millrace::pkt {

class Pool;

/// The ways home of freed buffers (receive_path D18; Linux: skb_attempt_defer_free): one SPSC ring for each pair of
/// lcores, from the one that freed to the one whose pool the buffer comes from. Without them the cache of a mempool only
/// drains where packets are received and only fills where they are freed, and every buffer goes round through the
/// mempool's shared ring, cold. Made and destroyed on the control thread; the pools outlive it.
class HomeRings {
 public:
  /// Buffers on one ring at most; what finds it full goes to the shared part of its pool.
  static constexpr std::uint32_t capacity = 1024;
  /// `pools` by lcore. A buffer of any other pool has no home here.
  explicit HomeRings(std::span<const Pool* const> pools);
  /// Frees what is still on its way; every lcore has stopped.
  ~HomeRings();
  HomeRings(const HomeRings&) = delete;
  HomeRings& operator=(const HomeRings&) = delete;

  /// Buffers on their way to an lcore. Any thread; exact when no lcore runs.
  [[nodiscard]] std::uint32_t waiting(std::uint16_t home) const;

 private:
  friend class Home;
  using Ring = SpscRing<Mbuf*>;
  [[nodiscard]] std::uint16_t lcores() const { return static_cast<std::uint16_t>(pools_.size()); }
  [[nodiscard]] Ring& ring(std::uint16_t from, std::uint16_t to) const { return *rings_[std::size_t{from} * pools_.size() + to]; }

  std::vector<void*> pools_;
  std::vector<std::unique_ptr<Ring>> rings_;
};

/// One lcore's end of them, driven by that lcore alone. A buffer of the lcore's own pool is freed at once; one of another
/// lcore's pool waits for 31 more like it. What comes home goes on top of the pool's cache of the driving thread, from
/// which the next allocation takes it, an rx queue's included: the last freed is the first used again.
/// Not by this way: what DPDK's drivers free themselves when it has been sent, what threads outside free, and the bytes
/// behind the last reference to them; all that goes to the mempool, where it belongs too.
class Home {
 public:
  static constexpr std::uint32_t batch = 32;
  /// `stats` are the lcore's: group `pool`.
  Home(HomeRings& rings, std::uint16_t lcore, stats::LcoreStats& stats);
  ~Home() { flush(); }
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  /// Ends a packet: each of its buffers goes home.
  void free(Packet packet);
  /// Takes what other lcores gave back: at the beginning of a pass. Their lines are still with who freed them, and are asked
  /// for; the last batch goes to the pool behind the next one or with flush(), when they have come.
  void collect();
  /// Batches that are not full go too: at the end of a pass.
  void flush();

 private:
  using Batch = std::array<Mbuf*, batch>;
  struct Way {
    HomeRings::Ring* ring = nullptr;
    std::uint32_t count = 0;
    Batch mbufs;
  };
  void go_home(Mbuf* m);
  [[nodiscard]] Way* way_to(const void* pool);
  void give_back(Way& way);
  void put_ahead();

  HomeRings& rings_;
  stats::CounterBlock<stats::Pool>& count_;
  void* const own_pool_;
  const std::uint16_t lcore_;
  const void* last_pool_ = nullptr;
  Way* last_way_ = nullptr;
  std::vector<Way> ways_;  // by home
  std::array<Batch, 2> collected_;
  Batch* ahead_ = &collected_[0];
  Batch* spare_ = &collected_[1];
  std::uint32_t ahead_count_ = 0;
};

}  // namespace millrace::pkt
