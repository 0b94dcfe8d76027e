// SPDX-License-Identifier: BSD-3-Clause
// Freed buffers go back to the lcore whose pool they come from. Called by consume() and drop() of env.hpp and by Lcore
// around each pass; calls rte_mempool. skb_attempt_defer_free() and skb_defer_free_flush() of net/core (receive_path D18).
#include <millrace/pkt/home.hpp>

#include <millrace/base/prefetch.hpp>
#include <millrace/pkt/pool.hpp>

#include <rte_mbuf.h>

#include <algorithm>
#include <utility>

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
    : rings_(rings), count_(stats.pool), own_pool_(rings.pools_[lcore]), lcore_(lcore), ways_(rings.lcores()) {
  for (std::uint16_t home = 0; home < ways_.size(); ++home)
    if (home != lcore) ways_[home].ring = &rings.ring(lcore, home);
}

void Home::free(Packet packet) {
  Mbuf* const head = packet.release();
  if (is_sole(*head)) return go_home(head);
  for (Mbuf* m = head; m != nullptr;) {
    Mbuf* const next = m->next;
    if (rte_pktmbuf_prefree_seg(rte(m)) != nullptr) go_home(m);  // else others still refer to its bytes
    m = next;
  }
}

// Of a buffer that has nothing to be undone.
void Home::go_home(Mbuf* m) {
  Way* const way = m->pool == last_pool_ ? last_way_ : way_to(m->pool);
  if (way == nullptr) return rte_mbuf_raw_free(rte(m));
  if (way->count == 0) way->ring->prefetch_room(batch);
  way->mbufs[way->count++] = m;
  if (way->count == batch) give_back(*way);
}

// Buffers of one pool come in a row. Null: it is this lcore's own, or no lcore's.
Home::Way* Home::way_to(const void* pool) {
  const auto at = std::find(rings_.pools_.begin(), rings_.pools_.end(), pool);
  last_pool_ = pool;
  last_way_ = at == rings_.pools_.end() || pool == own_pool_ ? nullptr : &ways_[static_cast<std::size_t>(at - rings_.pools_.begin())];
  return last_way_;
}

// At once: what is written piece by piece would be fetched to and fro meanwhile, for the other core reads ahead.
void Home::give_back(Way& way) {
  const std::uint32_t taken = way.ring->enqueue(way.mbufs.data(), way.count);
  count_.add(stats::Pool::home_returned, taken);
  for (std::uint32_t i = taken; i < way.count; ++i) rte_mbuf_raw_free(rte(way.mbufs[i]));
  if (taken < way.count) count_.add(stats::Pool::home_ring_full, way.count - taken);
  way.count = 0;
}

void Home::flush() {
  for (Way& way : ways_)
    if (way.count != 0) give_back(way);
  put_ahead();
}

void Home::collect() {
  for (std::uint16_t from = 0; from < rings_.lcores(); ++from) {
    if (from == lcore_) continue;
    while (const std::uint32_t n = rings_.ring(from, lcore_).dequeue(spare_->data(), batch)) {
      for (std::uint32_t i = 0; i < n; ++i) {
        prefetch_for_write((*spare_)[i]);
        prefetch_for_write(&(*spare_)[i]->meta);
      }
      put_ahead();
      std::swap(ahead_, spare_);
      ahead_count_ = n;
      count_.add(stats::Pool::home_collected, n);
    }
  }
}

void Home::put_ahead() {
  if (ahead_count_ != 0) rte_mempool_put_bulk(rte_pool(own_pool_), reinterpret_cast<void**>(ahead_->data()), std::exchange(ahead_count_, 0));
}

}  // namespace millrace::pkt
