// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/words.hpp>
#include <millrace/pkt/mbuf.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>

namespace millrace::gro {

/// What the packets of one burst have in common: the rx queue from which they come.
struct Arrival {
  MacAddress mac{};           ///< the port's own
  std::uint32_t napi_id = 0;
  std::uint16_t ifindex = 0;  ///< the port puts the same into Meta::ifindex
  /// The port verifies layer-4 checksums, so that Mbuf::ol_flags say what Meta::checksum says. Only a shortcut.
  bool has_verdicts = false;
};

/// eth_type_trans() and the flow dissector: sets Meta::{l3_offset, l4_offset, payload_offset, ethertype, l4_proto,
/// type, napi_id}. False when the frame is too short for an Ethernet header; nothing is set then.
[[nodiscard]] bool arrive(pkt::Mbuf& mbuf, const Arrival& arrival);

/// To whom a frame is addressed on its link; the frame has at least 6 bytes.
[[nodiscard]] inline pkt::PacketType packet_type(const std::uint8_t* frame, const MacAddress& own) {
  const auto differs = [frame](const std::uint8_t* address) {
    return (load32(frame) ^ load32(address)) | static_cast<std::uint32_t>(load16(frame + 4) ^ load16(address + 4));
  };
  if (differs(own.bytes.data()) == 0) return pkt::PacketType::host;
  if ((frame[0] & 1) == 0) return pkt::PacketType::other_host;
  constexpr std::uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  return differs(broadcast) == 0 ? pkt::PacketType::broadcast : pkt::PacketType::multicast;
}

}  // namespace millrace::gro
