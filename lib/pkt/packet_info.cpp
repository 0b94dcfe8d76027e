// SPDX-License-Identifier: BSD-3-Clause
// A datagram's addresses and marks beside its payload. Registered and written by udp::Udp for sockets that ask; read by sockets.
#include <millrace/pkt/packet_info.hpp>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <atomic>
#include <cstring>

namespace millrace::pkt {
namespace {

static_assert(std::is_trivially_copyable_v<PacketInfo> && sizeof(PacketInfo) <= 24);
std::atomic<int> place{-1};

std::uint8_t* field(const Packet& packet) {
  auto* const mbuf = reinterpret_cast<rte_mbuf*>(const_cast<Mbuf*>(&packet.mbuf()));
  return RTE_MBUF_DYNFIELD(mbuf, place.load(std::memory_order_relaxed), std::uint8_t*);
}

}  // namespace

Result<void> register_packet_info() {
  if (place.load(std::memory_order_relaxed) >= 0) return {};
  constexpr rte_mbuf_dynfield wanted{.name = "millrace_packet_info", .size = sizeof(PacketInfo), .align = 1, .flags = 0};
  const int offset = rte_mbuf_dynfield_register(&wanted);
  if (offset < 0) return failure(rte_errno, std::string("no field for what comes beside datagrams: ").append(rte_strerror(rte_errno)));
  place.store(offset, std::memory_order_relaxed);
  return {};
}

void set_packet_info(Packet& packet, const PacketInfo& info) {
  std::memcpy(field(packet), &info, sizeof info);
  packet.meta().has_info = true;
}

std::optional<PacketInfo> packet_info(const Packet& packet) {
  if (!packet.meta().has_info) return std::nullopt;
  PacketInfo info;
  std::memcpy(&info, field(packet), sizeof info);
  return info;
}

}  // namespace millrace::pkt
