// SPDX-License-Identifier: BSD-3-Clause
// Freed buffers go back to the lcore whose pool they come from. Called by consume() and drop() of env.hpp and by Lcore
// around each pass; calls rte_mempool. skb_attempt_defer_free() and skb_defer_free_flush() of net/core (receive_path D18).
#include <millrace/pkt/home.hpp>

#include <millrace/pkt/pool.hpp>

#include <rte_mbuf.h>

#include <algorithm>

namespace millrace::pkt {
namespace {

rte_mbuf* rte(Mbuf* m) { return reinterpret_cast<rte_mbuf*>(m); }
rte_mempool* rte_pool(void* pool) { return static_cast<rte_mempool*>(pool); }

}  // namespace

HomeRings::HomeRings(std::span<const Pool* const> pools) : rings_(pools.size() * pools.size()) {
  for (const Pool* pool : pools) pools_.push_back(pool->handle());
  for (std::size_t from = 0; from < pools.size(); ++from)
    for (std::size_t to = 0; to < pools.size(); ++to)
      if (from != to) rings_[from * pools.size() + to] = std::make_unique<Ring>(capacity);
}

HomeRings::~HomeRings() {
  Mbuf* m = nullptr;
  for (auto& ring : rings_)
    while (ring && ring->dequeue(&m, 1) == 1) rte_mbuf_raw_free(rte(m));
}

std::uint32_t HomeRings::waiting(std::uint16_t home) const {
  std::uint32_t sum = 0;
  for (std::uint16_t from = 0; from < lcores(); ++from)
    if (from != home) sum += ring(from, home).size();
  return sum;
}

Home::Home(HomeRings& rings, std::uint16_t lcore, stats::LcoreStats& stats)
    : rings_(rings), count_(stats.pool), own_pool_(rings.pools_[lcore]), lcore_(lcore), batches_(rings.lcores()) {}

void Home::free(Packet packet) {
  for (Mbuf* m = packet.release(); m != nullptr;) {
    Mbuf* const next = m->next;
    free_buffer(m);
    m = next;
  }
}

void Home::free_buffer(Mbuf* m) {
  rte_mbuf* const left = rte_pktmbuf_prefree_seg(rte(m));
  if (left == nullptr) return;  // others still refer to its bytes
  if (left->pool == own_pool_) return rte_mbuf_raw_free(left);
  const std::uint16_t home = home_of(left->pool);
  if (home == nowhere) return rte_mbuf_raw_free(left);
  Batch& to = batches_[home];
  to.mbufs[to.count++] = m;
  if (to.count == batch) give_back(home);
}

// Buffers of one pool come in a row.
std::uint16_t Home::home_of(const void* pool) {
  if (pool == last_pool_) return last_home_;
  const auto at = std::find(rings_.pools_.begin(), rings_.pools_.end(), pool);
  last_pool_ = pool;
  last_home_ = at == rings_.pools_.end() ? nowhere : static_cast<std::uint16_t>(at - rings_.pools_.begin());
  return last_home_;
}

void Home::give_back(std::uint16_t home) {
  Batch& from = batches_[home];
  const std::uint32_t taken = rings_.ring(lcore_, home).enqueue(from.mbufs.data(), from.count);
  count_.add(stats::Pool::home_returned, taken);
  if (taken < from.count) {
    count_.add(stats::Pool::home_ring_full, from.count - taken);
    rte_mempool_put_bulk(rte_pool(rings_.pools_[home]), reinterpret_cast<void**>(from.mbufs.data() + taken), from.count - taken);
  }
  from.count = 0;
}

void Home::flush() {
  for (std::uint16_t home = 0; home < batches_.size(); ++home)
    if (batches_[home].count != 0) give_back(home);
}

void Home::collect() {
  for (std::uint16_t from = 0; from < rings_.lcores(); ++from) {
    if (from == lcore_) continue;
    std::array<Mbuf*, batch> back;
    while (const std::uint32_t n = rings_.ring(from, lcore_).dequeue(back.data(), batch)) {
      // Their lines are still with who freed them: fetched together now, not one by one when they are used.
      for (std::uint32_t i = 0; i < n; ++i) __builtin_prefetch(back[i], 1);
      rte_mempool_put_bulk(rte_pool(own_pool_), reinterpret_cast<void**>(back.data()), n);
      count_.add(stats::Pool::home_collected, n);
    }
  }
}

}  // namespace millrace::pkt
