// SPDX-License-Identifier: BSD-3-Clause
// The out-of-line part of Packet: trimming, chaining and the two ways a packet ends.
#include <millrace/pkt/packet.hpp>

#include <millrace/base/copy.hpp>
#include <millrace/pkt/home.hpp>
#include <millrace/pkt/rx_stamp.hpp>

#include <rte_mbuf.h>

#include <algorithm>
#include <atomic>

namespace millrace::pkt {
namespace {

std::atomic<std::uint64_t> lost_packets{0};

rte_mbuf* rte(Mbuf* m) { return reinterpret_cast<rte_mbuf*>(m); }

}  // namespace

void Packet::free_without_reason(Mbuf* mbuf) {
  lost_packets.fetch_add(1, std::memory_order_relaxed);
  rte_pktmbuf_free(rte(mbuf));
}

std::uint64_t freed_without_reason() { return lost_packets.load(std::memory_order_relaxed); }

void consume(Packet packet) {
  Mbuf* const m = packet.release();
  if (is_sole(*m)) return rte_mbuf_raw_free(rte(m));
  rte_pktmbuf_free(rte(m));
}

namespace {

/// Of a packet that is not is_sole(); what of it still is goes to `free`.
template <class Free>
void end_buffers(Mbuf* m, Free&& free) {
  while (m != nullptr) {
    Mbuf* const next = m->next;
    if (rte_pktmbuf_prefree_seg(rte(m)) != nullptr) free(m);  // else others still refer to its bytes
    m = next;
  }
}

}  // namespace

// Many at a time go back to the pool that they come from.
void consume(PacketList& packets) {
  constexpr unsigned most = 32;
  Mbuf* freed[most];
  unsigned n = 0;
  void* pool = nullptr;
  const auto flush = [&] {
    if (n != 0) rte_mempool_put_bulk(static_cast<rte_mempool*>(pool), reinterpret_cast<void**>(freed), n);
    n = 0;
  };
  const auto free = [&](Mbuf* m) {
    if (m->pool != pool || n == most) flush();
    pool = m->pool;
    freed[n++] = m;
  };
  for (Mbuf *m = packets.take(), *next = nullptr; m != nullptr; m = next) {
    next = m->meta.list_next;
    if (is_sole(*m)) {
      free(m);
    } else {
      end_buffers(m, free);
    }
  }
  flush();
}

// Whole buffers go.
void Packet::trim_buffers(std::uint32_t n, Home* home) {
  MR_ASSERT(n <= mbuf_->pkt_len);
  while (n >= mbuf_->data_len && mbuf_->next != nullptr) {
    // The head carries the packet's totals and Meta, so the next buffer takes them over.
    Mbuf* next = mbuf_->next;
    n -= mbuf_->data_len;
    next->pkt_len = mbuf_->pkt_len - mbuf_->data_len;
    next->nb_segs = static_cast<std::uint16_t>(mbuf_->nb_segs - 1);
    next->ol_flags |= mbuf_->ol_flags & ~(RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL);
    if ((mbuf_->ol_flags & rx_stamp_flag()) != 0) copy_rx_stamp(*mbuf_, *next);
    next->port = mbuf_->port;
    next->rss_hash = mbuf_->rss_hash;
    next->vlan_tci = mbuf_->vlan_tci;
    next->meta = mbuf_->meta;
    next->meta.frame_offset = 0;
    mbuf_->next = nullptr;
    mbuf_->nb_segs = 1;
    if (home != nullptr) {
      home->free(adopt(mbuf_));
    } else {
      rte_pktmbuf_free_seg(rte(mbuf_));
    }
    mbuf_ = next;
  }
  mbuf_->data_off = static_cast<std::uint16_t>(mbuf_->data_off + n);
  mbuf_->data_len = static_cast<std::uint16_t>(mbuf_->data_len - n);
  mbuf_->pkt_len -= n;
}

bool Packet::is_shared() const {
  const rte_mbuf* m = rte(mbuf_);
  return !RTE_MBUF_DIRECT(m) || rte_mbuf_refcnt_read(m) > 1;
}

void Packet::cut_off(std::uint32_t n) {
  MR_ASSERT(n <= mbuf_->pkt_len);
  mbuf_->pkt_len = n;
  std::uint16_t segments = 1;
  Mbuf* m = mbuf_;
  while (n > m->data_len) {
    n -= m->data_len;
    m = m->next;
    ++segments;
  }
  m->data_len = static_cast<std::uint16_t>(n);
  mbuf_->nb_segs = segments;
  if (Mbuf* rest = std::exchange(m->next, nullptr)) {
    while (rest != nullptr) {
      Mbuf* next = std::exchange(rest->next, nullptr);
      rest->nb_segs = 1;
      rte_pktmbuf_free_seg(rte(rest));
      rest = next;
    }
  }
}

void Packet::chain(Packet tail) {
  Mbuf* t = tail.release();
  Mbuf* last = mbuf_;
  while (last->next != nullptr) last = last->next;
  last->next = t;
  mbuf_->nb_segs = static_cast<std::uint16_t>(mbuf_->nb_segs + t->nb_segs);
  mbuf_->pkt_len += t->pkt_len;
}

std::size_t Packet::copy_out(std::uint32_t offset, std::span<std::uint8_t> into) const {
  if (!into.empty() && offset + into.size() <= mbuf_->data_len) {
    copy_bytes(into.data(), mbuf_->data() + offset, into.size());
    return into.size();
  }
  std::size_t copied = 0;
  for (Mbuf* m = mbuf_; m != nullptr && copied < into.size(); m = m->next) {
    if (offset >= m->data_len) {
      offset -= m->data_len;
      continue;
    }
    const std::size_t n = std::min<std::size_t>(m->data_len - offset, into.size() - copied);
    copy_bytes(into.data() + copied, m->data() + offset, n);
    copied += n;
    offset = 0;
  }
  return copied;
}

}  // namespace millrace::pkt
