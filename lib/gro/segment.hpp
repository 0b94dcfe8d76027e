// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>
#include <millrace/wire/checksum.hpp>

#include <array>
#include <cstdint>

namespace millrace::gro {

/// What GRO may do with a received packet, judged by the packet itself (receive_path E5, E7).
enum class Kind : std::uint8_t {
  other,       ///< not TCP over IP: of no flow that GRO holds
  unreadable,  ///< TCP whose header cannot be read (fragments, cut frames): of any flow of its address pair
  alone,       ///< TCP that fails an entry condition: goes up unmerged, behind what is held of its flow
  candidate,   ///< TCP that may be held or merged
};

/// A received packet as GRO sees it, read once from its headers; borrows them.
struct Segment {
  const std::uint8_t* frame = nullptr;  ///< its first byte
  std::uint32_t link = 0;               ///< interface and VLAN id: where its flow lives
  std::uint32_t length = 0;             ///< bytes from the IP header on
  std::uint32_t payload = 0;            ///< of these, TCP payload
  std::uint32_t seq = 0;
  std::uint16_t id = 0;                 ///< IPv4 identification, 0 for IPv6
  std::uint16_t count = 1;              ///< segments in it: more than 1 when the device merged some (LRO)
  std::uint16_t mss = 0;                ///< payload of each of them
  std::uint16_t l3_offset = 0;
  std::uint16_t l4_offset = 0;
  std::uint8_t tcp_header = 0;          ///< bytes of it, options included
  std::uint8_t flags = 0;
  std::uint8_t family = 0;              ///< 4 or 6

  [[nodiscard]] const std::uint8_t* ip() const { return frame + l3_offset; }
  [[nodiscard]] const std::uint8_t* tcp() const { return frame + l4_offset; }
  /// Source address followed by destination address.
  [[nodiscard]] const std::uint8_t* addresses() const { return ip() + (family == 4 ? 12 : 8); }
  [[nodiscard]] std::uint16_t payload_offset() const { return static_cast<std::uint16_t>(l4_offset + tcp_header); }
};

/// Reads a dissected packet. For `other` nothing of the segment is meant, for `unreadable` only link, family and
/// addresses(). Looks at no payload: the TCP checksum is judged by checksum_is_right().
[[nodiscard]] Kind read(const pkt::Packet& packet, Segment& segment);

/// A keyed hash of what the socket lookup sees of a packet (receive_path X18): link, addresses, ports. The device's
/// own hash would not do, for a flow may change it at any packet (other RSS key or fields).
[[nodiscard]] std::uint64_t flow_hash(const Segment& segment, const std::array<std::uint64_t, 2>& secret);

/// Sums a candidate with its pseudo-header: true when its TCP checksum is right. Touches the whole payload.
[[nodiscard]] bool checksum_is_right(const pkt::Packet& packet, const Segment& segment);

/// The sum of the pseudo-header of a TCP segment of `length` bytes; addresses as Segment::addresses() has them.
[[nodiscard]] wire::Sum pseudo_header_sum(const std::uint8_t* addresses, std::uint8_t family, std::uint32_t length);

}  // namespace millrace::gro
