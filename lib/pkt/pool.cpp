// SPDX-License-Identifier: BSD-3-Clause
// Pool over rte_mempool: buffers with our Meta as private area. Called by the runtime (set-up) and the stack.
#include <millrace/pkt/pool.hpp>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_memzone.h>
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

// Without huge pages rte_mempool would put each buffer at the beginning of a page of its own: a third of the memory lost, and
// the headers of all packets in the same few sets of the caches. Where a device, too, sees virtual addresses a buffer may as
// well cross pages.
bool may_cross_pages() { return rte_eal_has_hugepages() == 0 && rte_eal_iova_mode() == RTE_IOVA_VA; }

// The number of buffers in it, or -errno.
int populate(rte_mempool* pool, const std::string& name) {
  if (!may_cross_pages()) return rte_mempool_populate_default(pool);
  std::size_t smallest = 0;
  std::size_t align = 0;
  const auto bytes = rte_mempool_op_calc_mem_size_default(pool, pool->size, 0, &smallest, &align);
  if (bytes < 0) return static_cast<int>(bytes);
  const rte_memzone* const zone =
      rte_memzone_reserve_aligned(("PK_" + name).c_str(), static_cast<std::size_t>(bytes), pool->socket_id, 0, static_cast<unsigned>(align));
  if (zone == nullptr) return -rte_errno;
  const auto free_zone = [](rte_mempool_memhdr*, void* it) { rte_memzone_free(static_cast<const rte_memzone*>(it)); };
  const int put = rte_mempool_populate_iova(pool, static_cast<char*>(zone->addr), zone->iova, zone->len, free_zone, const_cast<rte_memzone*>(zone));
  if (put < 0) rte_memzone_free(zone);
  return put;
}

// rte_pktmbuf_pool_create(), but for populate(). Null with rte_errno.
rte_mempool* create_pool(const Pool::Options& options) {
  const unsigned cache = options.packets >= 4 * cache_size ? cache_size : 0;
  const auto room = static_cast<std::uint16_t>(options.data_room + headroom);
  rte_mempool* pool = rte_mempool_create_empty(options.name.c_str(), options.packets, sizeof(rte_mbuf) + sizeof(Meta) + room, cache,
                                               sizeof(rte_pktmbuf_pool_private), options.numa_node,
                                               may_cross_pages() ? RTE_MEMPOOL_F_NO_IOVA_CONTIG : 0);
  if (pool == nullptr) return nullptr;
  rte_pktmbuf_pool_private layout{};
  layout.mbuf_data_room_size = room;
  layout.mbuf_priv_size = sizeof(Meta);
  // By name, since spare_of() looks into the ring.
  int fault = rte_mempool_set_ops_byname(pool, "ring_mp_mc", nullptr);
  if (fault == 0) {
    rte_pktmbuf_pool_init(pool, &layout);
    fault = std::min(populate(pool, options.name), 0);
  }
  if (fault != 0) {
    rte_mempool_free(pool);
    rte_errno = -fault;
    return nullptr;
  }
  rte_mempool_obj_iter(pool, rte_pktmbuf_init, nullptr);
  return pool;
}

void clear_meta(Mbuf* m) {
  m->meta = Meta{};
  m->meta.gso_segs = 1;
}

// rte_pktmbuf_reset() without the second line: what is free has no `next` (rte_mbuf_raw_free), and who sends sets tx_offload.
// So that line of a packet of one buffer is never written, and stays in the caches of all who read it.
void reset(Mbuf* m) {
  m->data_off = headroom;
  m->refcnt = 1;
  m->nb_segs = 1;
  m->port = RTE_MBUF_PORT_INVALID;
  m->ol_flags = 0;
  m->packet_type = 0;
  m->pkt_len = 0;
  m->data_len = 0;
  m->vlan_tci = 0;
  m->vlan_tci_outer = 0;
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::create(const Options& options) {
  rte_mempool* pool = create_pool(options);
  if (pool == nullptr) {
    return failure(rte_errno, "packet pool '" + options.name + "' of " + std::to_string(options.packets) + " x " +
                                  std::to_string(options.data_room) + " bytes: " + rte_strerror(rte_errno) +
                                  (rte_errno == ENOMEM ? "; raise eal.memory_mb or lower the pool's size" : ""));
  }
  return std::unique_ptr<Pool>(new Pool(pool, options.packets));
}

Pool::~Pool() { rte_mempool_free(rte(pool_)); }

Packet Pool::allocate() {
  rte_mbuf* m = rte_mbuf_raw_alloc(rte(pool_));
  if (m == nullptr) return {};
  auto* ours = reinterpret_cast<Mbuf*>(m);
  reset(ours);
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
