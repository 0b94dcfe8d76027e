// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/words.hpp>
#include <millrace/pkt/mbuf.hpp>
#include <millrace/wire/address.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::gro {

/// What the packets of one burst have in common: the rx queue from which they come.
struct Arrival {
  MacAddress mac{};           ///< the port's own
  std::uint16_t ifindex = 0;  ///< the port puts the same into Meta::ifindex
  std::uint32_t napi_id = 0;
  /// The port verifies layer-4 checksums, so that Mbuf::ol_flags say what Meta::checksum says. Only a shortcut.
  bool has_verdicts = false;
};

/// eth_type_trans() and the flow dissector: sets Meta::{l3_offset, l4_offset, payload_offset, ethertype, l4_proto,
/// type, napi_id, frame_offset}. False when the frame is too short for an Ethernet header; nothing is set then.
[[nodiscard]] bool arrive(pkt::Mbuf& mbuf, const Arrival& arrival);

/// To whom a frame is addressed on its link; the frame has at least 8 bytes.
[[nodiscard]] inline pkt::PacketType packet_type(const std::uint8_t* frame, const Arrival& arrival) {
  // Both addresses have two bytes behind them, which the shift takes off.
  static_assert(offsetof(Arrival, mac) == 0 && offsetof(Arrival, ifindex) == 6 && std::endian::native == std::endian::little);
  const std::uint64_t to = load64(frame) << 16;
  if (to == load64(reinterpret_cast<const std::uint8_t*>(&arrival)) << 16) return pkt::PacketType::host;
  if ((frame[0] & 1) == 0) return pkt::PacketType::other_host;
  return to == ~std::uint64_t{0} << 16 ? pkt::PacketType::broadcast : pkt::PacketType::multicast;
}

}  // namespace millrace::gro
