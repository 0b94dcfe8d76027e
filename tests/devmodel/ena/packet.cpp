// SPDX-License-Identifier: BSD-3-Clause
// The parser in front of RSS and the receive checksums. Called by Ena::receive(); calls the sums. What does not hold together
// (a length beyond the frame, a version that is not the type's) stays unknown: the device gives no verdict about it.
#include "tests/devmodel/ena/packet.hpp"

#include "tests/devmodel/sums.hpp"

namespace millrace::devmodel::ena {
namespace {

constexpr std::size_t ethernet_header = 14;
constexpr unsigned most_vlan_tags = 2;  // src_vlan_cnt has two bits

bool is_vlan_type(std::uint16_t type) { return type == 0x8100 || type == 0x88a8; }

/// Whether a header follows that another one may stand behind (RFC 8200 4). A fragment header is none of them: the device
/// does not look behind it.
bool is_skipped_extension(std::uint8_t next_header) {
  return next_header == 0 || next_header == 43 || next_header == 60;  // hop by hop, routing, destination options
}

void check_l4(Bytes frame, Packet& packet, std::uint8_t protocol) {
  const std::size_t least = protocol == ip_protocol_tcp ? 20 : 8;
  if (protocol != ip_protocol_tcp && protocol != ip_protocol_udp) return;
  if (packet.l4_bytes < least) return;
  packet.l4 = protocol == ip_protocol_tcp ? L4::tcp : L4::udp;
  // The destination of a packet with a routing header is not the one in its IP header: with extensions the sum is left alone.
  if (packet.fragment || packet.extension_headers) return;
  const Bytes segment = frame.subspan(packet.l4_at, packet.l4_bytes);
  // RFC 768: no checksum, so nothing to verify. Over IPv6 that is not allowed, and an error.
  if (packet.l3 == L3::ipv4 && protocol == ip_protocol_udp && be16(segment, 6) == 0) return;
  const std::uint16_t pseudo = pseudo_header_sum(frame.subspan(packet.l3_at), protocol, packet.l4_bytes);
  packet.l4_checked = true;
  packet.l4_sum_good = ones_sum(segment, pseudo) == 0xffff &&
                       !(protocol == ip_protocol_udp && be16(segment, 6) == 0);
}

void dissect_ipv4(Bytes frame, Packet& packet) {
  const Bytes ip = frame.subspan(packet.l3_at);
  if (ip.size() < 20 || ip[0] >> 4 != 4) return;
  const std::size_t header = std::size_t{ip[0] & 0xfU} * 4;
  const std::size_t total = be16(ip, 2);
  if (header < 20 || total < header || total > ip.size()) return;
  packet.l3 = L3::ipv4;
  packet.l3_sum_good = ones_sum(ip.first(header)) == 0xffff;
  packet.fragment = (be16(ip, 6) & 0x3fff) != 0;
  if ((be16(ip, 6) & 0x1fff) != 0) return;  // what follows is no header
  packet.l4_at = packet.l3_at + header;
  packet.l4_bytes = total - header;
  check_l4(frame, packet, ip[9]);
}

void dissect_ipv6(Bytes frame, Packet& packet) {
  const Bytes ip = frame.subspan(packet.l3_at);
  if (ip.size() < 40 || ip[0] >> 4 != 6 || be16(ip, 4) + 40U > ip.size()) return;
  packet.l3 = L3::ipv6;
  const std::size_t end = 40 + be16(ip, 4);
  std::size_t at = 40;
  std::uint8_t next = ip[6];
  while (is_skipped_extension(next) && at + 8 <= end) {
    packet.extension_headers = true;
    next = ip[at];
    at += 8 * (ip[at + 1] + std::size_t{1});
  }
  if (next == 44) packet.extension_headers = true;
  if (at > end) return;
  packet.l4_at = packet.l3_at + at;
  packet.l4_bytes = end - at;
  check_l4(frame, packet, next);
}

}  // namespace

Packet dissect(Bytes frame) {
  Packet packet;
  if (frame.size() < ethernet_header) return packet;
  std::size_t at = ethernet_header;
  std::uint16_t type = be16(frame, at - 2);
  while (is_vlan_type(type) && packet.vlan_tags < most_vlan_tags && at + 4 <= frame.size()) {
    ++packet.vlan_tags;
    at += 4;
    type = be16(frame, at - 2);
  }
  packet.l3_at = at;
  if (type == 0x0800) dissect_ipv4(frame, packet);
  if (type == 0x86dd) dissect_ipv6(frame, packet);
  return packet;
}

}  // namespace millrace::devmodel::ena
