// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>
#include <millrace/wire/protocol.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

/// VLAN tags that dissect() looks through.
inline constexpr std::size_t max_vlan_tags = 2;

/// Where the layers of a frame begin, in bytes from its first. It says where things are, not that they are right:
/// lengths beyond the header in question, checksums and addresses are judged by the layers themselves.
struct Layers {
  std::uint16_t ethertype = 0;       ///< host order, behind the VLAN tags; 0: too short, or an 802.3 length
  std::uint16_t l3_offset = 0;       ///< behind the Ethernet header and the VLAN tags
  std::uint16_t l4_offset = 0;       ///< TCP, UDP, ICMP or ICMPv6 header that lies whole in frame and datagram, else 0
  std::uint16_t payload_offset = 0;  ///< behind the TCP header with its options or the UDP header, else 0
  std::uint16_t vlan_proto = 0;      ///< EtherType of the outer tag, as skb->vlan_proto
  std::uint16_t vlan_tci = 0;        ///< of the outer tag
  std::uint16_t inner_vlan_tci = 0;
  std::uint8_t vlan_tags = 0;        ///< 0 to max_vlan_tags
  std::uint8_t l4_proto = 0;         ///< last protocol number that could be read; 0 when the frame is not IP
  bool is_fragment = false;          ///< part of a larger datagram, the first part included
};
// Not 16 bytes or fewer: those are returned in two registers, for which g++ reads back in one piece what it has just
// stored in several, and that costs more than all of dissect().
static_assert(sizeof(Layers) > 16);

/// What eth_type_trans and the flow dissector find in a frame. Reads only inside `frame`, which may be the first
/// buffer of a longer packet; takes a bounded number of steps.
[[nodiscard]] Layers dissect(std::span<const std::uint8_t> frame);

/// The flow as the receiver sees it: local is the destination. Ports are zero when l4_offset is, and for ICMP; all of
/// it is zero when the frame is not IP or its IP header unreadable. `layers` is what dissect() said of this frame;
/// `stack` is the caller's to set.
[[nodiscard]] FlowKey flow_key(std::span<const std::uint8_t> frame, const Layers& layers);

}  // namespace millrace::wire
