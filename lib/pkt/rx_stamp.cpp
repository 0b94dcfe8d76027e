// SPDX-License-Identifier: BSD-3-Clause
// The field of a buffer in which devices leave the time of reception. Registered by the engine and the drivers; read by
// sockets.
#include <millrace/pkt/rx_stamp.hpp>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <atomic>

namespace millrace::pkt {
namespace {

// Written once, before any port stamps; the place first.
std::atomic<int> place{-1};
std::atomic<std::uint64_t> mark{0};

rte_mbuf_timestamp_t* field(const Mbuf& m) {
  auto* const ours = reinterpret_cast<rte_mbuf*>(const_cast<Mbuf*>(&m));
  return RTE_MBUF_DYNFIELD(ours, place.load(std::memory_order_relaxed), rte_mbuf_timestamp_t*);
}

}  // namespace

Result<void> register_rx_stamps() {
  int offset = -1;
  std::uint64_t bit = 0;
  if (rte_mbuf_dyn_rx_timestamp_register(&offset, &bit) != 0)
    return failure(rte_errno, std::string("no field for receive timestamps: ") + rte_strerror(rte_errno));
  place.store(offset, std::memory_order_relaxed);
  mark.store(bit, std::memory_order_release);
  return {};
}

std::uint64_t rx_stamp_flag() { return mark.load(std::memory_order_acquire); }

std::optional<std::uint64_t> rx_stamp(const Mbuf& m) {
  if ((m.ol_flags & rx_stamp_flag()) == 0) return std::nullopt;
  return *field(m);
}

void set_rx_stamp(Mbuf& m, std::uint64_t stamp) {
  const std::uint64_t bit = rx_stamp_flag();
  if (bit == 0) return;
  *field(m) = stamp;
  m.ol_flags |= bit;
}

void copy_rx_stamp(const Mbuf& from, Mbuf& to) {
  to.ol_flags &= ~rx_stamp_flag();
  if (const std::optional<std::uint64_t> stamp = rx_stamp(from)) set_rx_stamp(to, *stamp);
}

}  // namespace millrace::pkt
