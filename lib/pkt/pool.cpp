// SPDX-License-Identifier: BSD-3-Clause
// Pool over rte_mempool: buffers with our Meta as private area. Called by the runtime (set-up) and the stack.
#include <millrace/pkt/pool.hpp>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <algorithm>
#include <cerrno>

namespace millrace::pkt {
namespace {

constexpr unsigned cache_size = 256;

rte_mempool* rte(void* pool) { return static_cast<rte_mempool*>(pool); }

// Buffers that the calling thread could allocate: what lies in other threads' caches is out of its reach.
std::uint32_t spare_of(rte_mempool* pool) {
  const rte_mempool_cache* cache = rte_mempool_default_cache(pool, rte_lcore_id());
  const std::uint32_t free = rte_ring_count(static_cast<const rte_ring*>(pool->pool_data)) + (cache != nullptr ? cache->len : 0);
  const std::uint32_t reserve = pool->size / 8;
  return free > reserve ? free - reserve : 0;
}

void clear_meta(Mbuf* m) {
  m->meta = Meta{};
  m->meta.gso_segs = 1;
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::create(const Options& options) {
  const unsigned cache = options.packets >= 4 * cache_size ? cache_size : 0;
  // By name, since spare_of() looks into the ring.
  rte_mempool* pool = rte_pktmbuf_pool_create_by_ops(options.name.c_str(), options.packets, cache, sizeof(Meta),
                                                     static_cast<std::uint16_t>(options.data_room + headroom),
                                                     options.numa_node, "ring_mp_mc");
  if (pool == nullptr) {
    return failure(rte_errno, "packet pool '" + options.name + "' of " + std::to_string(options.packets) + " x " +
                                  std::to_string(options.data_room) + " bytes: " + rte_strerror(rte_errno) +
                                  (rte_errno == ENOMEM ? "; raise eal.memory_mb or lower the pool's size" : ""));
  }
  return std::unique_ptr<Pool>(new Pool(pool, options.packets));
}

Pool::~Pool() { rte_mempool_free(rte(pool_)); }

Packet Pool::allocate() {
  rte_mbuf* m = rte_pktmbuf_alloc(rte(pool_));
  if (m == nullptr) return {};
  auto* ours = reinterpret_cast<Mbuf*>(m);
  clear_meta(ours);
  return Packet::adopt(ours);
}

Packet Pool::reference(const Packet& of, std::uint32_t offset, std::uint32_t length) {
  Packet whole;
  const Mbuf* source = &of.mbuf();
  for (; source != nullptr && offset >= source->data_len; source = source->next) offset -= source->data_len;
  while (length > 0) {
    MR_ASSERT(source != nullptr);
    rte_mbuf* m = rte_pktmbuf_alloc(rte(pool_));
    if (m == nullptr) {
      if (whole) consume(std::move(whole));
      return {};
    }
    rte_pktmbuf_attach(m, reinterpret_cast<rte_mbuf*>(const_cast<Mbuf*>(source)));
    auto* ours = reinterpret_cast<Mbuf*>(m);
    clear_meta(ours);
    const std::uint32_t n = std::min<std::uint32_t>(length, source->data_len - offset);
    ours->data_off = static_cast<std::uint16_t>(ours->data_off + offset);
    ours->data_len = static_cast<std::uint16_t>(n);
    ours->pkt_len = n;
    ours->nb_segs = 1;
    ours->next = nullptr;
    Packet part = Packet::adopt(ours);
    if (whole) {
      whole.chain(std::move(part));
    } else {
      whole = std::move(part);
    }
    length -= n;
    offset = 0;
    source = source->next;
  }
  return whole;
}

Packet Pool::split_front(Packet& from, std::uint32_t n) {
  MR_ASSERT(n > 0 && n <= from.length());
  if (n == from.length()) return std::move(from);
  Mbuf* const head = &from.mbuf();
  Mbuf* last = nullptr;
  Mbuf* cut = head;
  std::uint16_t whole = 0;
  std::uint32_t left = n;
  for (; left >= cut->data_len; cut = cut->next, ++whole) {
    left -= cut->data_len;
    last = cut;
  }
  Mbuf* piece = nullptr;
  if (left > 0) {
    rte_mbuf* m = rte_pktmbuf_alloc(rte(pool_));
    if (m == nullptr) return {};
    rte_pktmbuf_attach(m, reinterpret_cast<rte_mbuf*>(cut));
    piece = reinterpret_cast<Mbuf*>(m);
    clear_meta(piece);
    piece->data_len = static_cast<std::uint16_t>(left);
    piece->nb_segs = 1;
    piece->next = nullptr;
    cut->data_off = static_cast<std::uint16_t>(cut->data_off + left);
    cut->data_len = static_cast<std::uint16_t>(cut->data_len - left);
  }
  const auto rest = static_cast<std::uint16_t>(head->nb_segs - whole);
  cut->pkt_len = head->pkt_len - n;
  static_cast<void>(from.release());
  from = Packet::adopt(cut);
  cut->nb_segs = rest;
  if (last != nullptr) last->next = piece;
  Mbuf* const front = last != nullptr ? head : piece;
  front->nb_segs = static_cast<std::uint16_t>(whole + (piece != nullptr ? 1 : 0));
  front->pkt_len = n;
  return Packet::adopt(front);
}

std::uint32_t Pool::spare() const { return spare_of(rte(pool_)); }

bool is_pool_short(const Packet& packet) { return spare_of(rte(packet.mbuf().pool)) == 0; }

std::uint32_t Pool::in_use() const { return rte_mempool_in_use_count(rte(pool_)); }

}  // namespace millrace::pkt
