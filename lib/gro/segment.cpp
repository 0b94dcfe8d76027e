// SPDX-License-Identifier: BSD-3-Clause
// Reads a received packet for GRO: entry conditions, flow hash, checksum. Called by gro.cpp.
// Clauses: receive_path E5, E7, E10, X18.
#include <millrace/gro/segment.hpp>

#include <millrace/base/words.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>
#include <millrace/wire/udp.hpp>

namespace millrace::gro {
namespace {

constexpr std::uint16_t dont_fragment = 0x4000;  // of the IPv4 fragment field

// The VLAN id with a mark that there is one: taken off by the device, or still in the frame.
std::uint32_t vlan_of(const pkt::Mbuf& m, const std::uint8_t* frame) {
  constexpr std::uint32_t present = 0x1000;
  if ((m.ol_flags & pkt::flag::rx_vlan) != 0) return present | (m.vlan_tci & wire::vlan_id_mask);
  if (m.meta.l3_offset <= wire::ethernet_header_bytes) return 0;
  return present | (load_be16(frame + wire::ethernet_header_bytes) & wire::vlan_id_mask);
}

bool ipv4_sum_is_right(const pkt::Mbuf& m, const std::uint8_t* ip) {
  if ((m.ol_flags & (pkt::flag::rx_ip_good | pkt::flag::rx_ip_bad)) != 0) return (m.ol_flags & pkt::flag::rx_ip_bad) == 0;
  // A sum of one's complement is valid when it is 0xffff, that is, a multiple of 0xffff above zero; byte order does
  // not matter (RFC 1071 section 2).
  const std::uint64_t sum = std::uint64_t{load32(ip)} + load32(ip + 4) + load32(ip + 8) + load32(ip + 12) + load32(ip + 16);
  return sum % 0xffff == 0;
}

// False when no whole header lies in the first buffer, or the packet is a fragment.
bool read_l4(const pkt::Mbuf& m, Segment& s) {
  const pkt::Meta& meta = m.meta;
  if (meta.l4_offset == 0) return false;
  s.layout.l4_offset = meta.l4_offset;
  s.layout.l4_header = static_cast<std::uint8_t>(meta.payload_offset - meta.l4_offset);
  s.length = m.pkt_len - meta.l3_offset;
  s.payload = m.pkt_len - meta.payload_offset;
  if (!s.is_udp()) {
    s.seq = load_be32(s.l4() + 4);
    s.flags = s.l4()[13];
  }
  s.count = 1;
  s.mss = static_cast<std::uint16_t>(s.payload);
  return true;
}

// A frame that the device merged brings the size and number of its segments (E10, E17); when they do not fit its
// payload it cannot be merged.
bool may_merge(const pkt::Mbuf& m, Segment& s) {
  if ((m.ol_flags & pkt::flag::rx_lro) == 0 && m.meta.gso_segs <= 1) return true;
  s.count = m.meta.gso_segs;
  s.mss = m.meta.gso_size;
  return s.mss != 0 && (s.payload + s.mss - 1) / s.mss == s.count;
}

// udp_gro_receive_segment(): a checksum, as GSO needs one, and the length of the bytes that are there.
bool is_plain_l4(const Segment& s) {
  return !s.is_udp() || (load_be16(s.l4() + 6) != 0 && load_be16(s.l4() + 4) == s.payload + wire::udp_header_bytes);
}

bool is_known(std::uint8_t proto, Segment& s) {
  if (proto == wire::ip_proto::udp) s.link |= udp_link;
  return proto == wire::ip_proto::tcp || proto == wire::ip_proto::udp;
}

Kind read_ipv4(const pkt::Mbuf& m, Segment& s) {
  const std::uint8_t* ip = s.ip();
  if (m.data_len < s.layout.l3_offset + wire::ipv4_header_bytes || !is_known(ip[9], s)) return Kind::other;
  s.family = 4;
  if (!read_l4(m, s)) return Kind::unreadable;
  s.id = load_be16(ip + 4);
  // E5: options, padding or truncation, the reserved fragment bit, a wrong header checksum.
  const bool plain = is_plain_l4(s) && ip[0] == 0x45 && load_be16(ip + 2) == s.length && (load_be16(ip + 6) & ~dont_fragment) == 0;
  return plain && may_merge(m, s) && ipv4_sum_is_right(m, ip) ? Kind::candidate : Kind::alone;
}

// A whole packet that bears a Fragment header (RFC 6946) is not merged, as in Linux.
bool has_fragment_header(const pkt::Mbuf& m, const Segment& s) {
  return s.layout.l4_offset > s.layout.l3_offset + wire::ipv6_header_bytes &&
         wire::walk_ipv6({s.ip(), static_cast<std::size_t>(m.data_len - s.layout.l3_offset)}).fragment_at != 0;
}

// Where the walk along the extension headers ended early, at one of them.
bool may_hide_l4(std::uint8_t proto) {
  using namespace wire::ip_proto;
  return proto == hop_by_hop || proto == routing || proto == fragment || proto == destination_options;
}

Kind read_ipv6(const pkt::Mbuf& m, Segment& s) {
  const pkt::Meta& meta = m.meta;
  if (m.data_len < s.layout.l3_offset + wire::ipv6_header_bytes) return Kind::other;
  s.family = 6;
  if (!is_known(meta.l4_proto, s)) {
    s.hides_protocol = may_hide_l4(meta.l4_proto);
    return s.hides_protocol ? Kind::unreadable : Kind::other;
  }
  if (!read_l4(m, s)) return Kind::unreadable;
  s.id = 0;
  const std::uint8_t* ip = s.ip();
  const bool plain = is_plain_l4(s) && load_be16(ip + 4) + wire::ipv6_header_bytes == s.length;
  return plain && may_merge(m, s) && !has_fragment_header(m, s) ? Kind::candidate : Kind::alone;
}

}  // namespace

Kind read(const pkt::Packet& packet, Segment& s) {
  const pkt::Mbuf& m = packet.mbuf();
  const std::uint16_t type = m.meta.ethertype;
  if (type != wire::ethertype::ipv4 && type != wire::ethertype::ipv6) return Kind::other;
  s.frame = packet.data().data();
  s.layout.l3_offset = static_cast<std::uint8_t>(m.meta.l3_offset);
  s.link = std::uint32_t{m.meta.ifindex} << 16 | vlan_of(m, s.frame);
  return type == wire::ethertype::ipv4 ? read_ipv4(m, s) : read_ipv6(m, s);
}

std::uint64_t flow_hash(const Segment& s, const std::array<std::uint64_t, 2>& secret) {
  const FlowHash hash(secret);
  return s.family == 4 ? hash.v4(s.addresses(), s.link_and_ports()) : hash.v6(s.addresses(), s.link_and_ports());
}

bool checksum_is_right(const pkt::Packet& packet, const Segment& s) {
  wire::Sum sum = pseudo_header_sum(s.addresses(), s.family, s.proto(), s.payload + s.layout.l4_header);
  std::uint32_t skip = s.layout.l4_offset;
  packet.for_each_segment([&](std::span<const std::uint8_t> bytes) {
    sum.add(bytes.subspan(skip));
    skip = 0;
  });
  return sum.is_valid();
}

wire::Sum pseudo_header_sum(const std::uint8_t* addresses, std::uint8_t family, std::uint8_t proto, std::uint32_t length) {
  wire::Sum sum;
  sum.add({addresses, family == 4 ? std::size_t{8} : std::size_t{32}});
  sum.add_be32(length);
  sum.add_be16(proto);
  return sum;
}

}  // namespace millrace::gro
