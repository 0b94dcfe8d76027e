// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/gro/flow_hash.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/base/byte_order.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/protocol.hpp>

#include <array>
#include <bit>
#include <cstdint>

namespace millrace::gro {

/// What GRO may do with a received packet, judged by the packet itself (receive_path E5, E7).
enum class Kind : std::uint8_t {
  other,       ///< neither TCP nor UDP over IP: of no flow that GRO holds
  unreadable,  ///< its ports cannot be read (fragments, cut frames): of any flow of its address pair and protocol
  alone,       ///< fails an entry condition: goes up unmerged, behind what is held of its flow
  candidate,   ///< may be held or merged
};

/// A bit of Segment::link: UDP, not TCP. So flows of the two never meet.
inline constexpr std::uint32_t udp_link = 0x2000;

/// Where the headers of a frame lie. Compared whole.
struct Layout {
  std::uint16_t l4_offset = 0;
  std::uint8_t l3_offset = 0;
  std::uint8_t l4_header = 0;  ///< bytes of the TCP header, options included, or of the UDP header

  [[nodiscard]] std::uint16_t payload_offset() const { return static_cast<std::uint16_t>(l4_offset + l4_header); }
  bool operator==(const Layout& other) const { return std::bit_cast<std::uint32_t>(*this) == std::bit_cast<std::uint32_t>(other); }
};

/// A received packet as GRO sees it, read once from its headers; borrows them.
struct Segment {
  const std::uint8_t* frame = nullptr;  ///< its first byte
  std::uint32_t link = 0;               ///< interface, VLAN id, protocol: where its flow lives
  std::uint32_t length = 0;             ///< bytes from the IP header on
  std::uint32_t payload = 0;            ///< of these, payload behind layer 4
  std::uint32_t seq = 0;
  std::uint16_t id = 0;                 ///< IPv4 identification, 0 for IPv6
  std::uint16_t count = 1;              ///< segments in it: more than 1 when the device merged some (LRO)
  std::uint16_t mss = 0;                ///< payload of each of them
  Layout layout;
  std::uint8_t flags = 0;
  std::uint8_t family = 0;              ///< 4 or 6
  bool hides_protocol = false;          ///< unreadable, and it cannot be told whether TCP or UDP

  [[nodiscard]] bool is_udp() const { return (link & udp_link) != 0; }
  [[nodiscard]] std::uint8_t proto() const { return is_udp() ? wire::ip_proto::udp : wire::ip_proto::tcp; }
  [[nodiscard]] std::uint16_t destination_port() const { return load_be16(l4() + 2); }
  [[nodiscard]] const std::uint8_t* ip() const { return frame + layout.l3_offset; }
  [[nodiscard]] const std::uint8_t* l4() const { return frame + layout.l4_offset; }
  /// Ports as in the packet, the link above them.
  [[nodiscard]] std::uint64_t link_and_ports() const { return std::uint64_t{link} << 32 | load32(l4()); }
  /// Source address followed by destination address.
  [[nodiscard]] const std::uint8_t* addresses() const { return ip() + (family == 4 ? 12 : 8); }
};

/// Reads a dissected packet. For `other` nothing of the segment is meant, for `unreadable` only link, family and
/// addresses(). Looks at no payload: the checksum is judged by checksum_is_right().
[[nodiscard]] Kind read(const pkt::Packet& packet, Segment& segment);

/// The segment's FlowHash. The device's own hash would not do, for a flow may change it at any packet (other RSS key or
/// fields).
[[nodiscard]] std::uint64_t flow_hash(const Segment& segment, const std::array<std::uint64_t, 2>& secret);

/// Sums a candidate with its pseudo-header: true when its checksum is right. Touches the whole payload.
[[nodiscard]] bool checksum_is_right(const pkt::Packet& packet, const Segment& segment);

/// The sum of the pseudo-header of layer 4 of `length` bytes; addresses as Segment::addresses() has them.
[[nodiscard]] wire::Sum pseudo_header_sum(const std::uint8_t* addresses, std::uint8_t family, std::uint8_t proto, std::uint32_t length);

}  // namespace millrace::gro
