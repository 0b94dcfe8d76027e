// SPDX-License-Identifier: BSD-3-Clause
// Which segment may follow which in one packet, and the headers of the result. Called by gro.cpp.
// Clauses: receive_path E4, E6-E9, E13; Linux 6.18's inet_gro_flush(), ipv6_gro_receive(), tcp_gro_receive().
#include <millrace/gro/rules.hpp>

#include <millrace/base/words.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/tcp.hpp>

#include <bit>
#include <cstring>

namespace millrace::gro {
namespace {

using namespace wire::tcp_flag;

// What is not compared: bytes 4 and 5 of load64(ip), FIN and PSH in load32(tcp + 12).
constexpr std::uint64_t bytes_4_and_5 =
    std::endian::native == std::endian::little ? 0x0000ffff00000000 : 0x00000000ffff0000;
constexpr std::uint32_t fin_and_psh =
    std::endian::native == std::endian::little ? std::uint32_t{fin | psh} << 8 : std::uint32_t{fin | psh} << 16;

// E4: the Ethernet header with up to two tags, 14 to 22 bytes, in three words that overlap.
static_assert(wire::ethernet_header_bytes + wire::max_vlan_tags * wire::vlan_tag_bytes <= 22);
std::uint64_t link_differs(const std::uint8_t* a, const std::uint8_t* b, std::uint16_t bytes) {
  return (load64(a) ^ load64(b)) | (load64(a + 6) ^ load64(b + 6)) | (load64(a + bytes - 8) ^ load64(b + bytes - 8));
}

// E6: version and TOS, then DF, TTL and protocol. The other fragment bits are zero in every candidate.
std::uint64_t ipv4_differs(const std::uint8_t* a, const std::uint8_t* b) {
  return std::uint64_t{load32(a + 6) ^ load32(b + 6)} | static_cast<std::uint64_t>(load16(a) ^ load16(b));
}

// E6: the second segment decides whether the identification counts up or stands still; DF does not matter since
// Linux 6.18.
bool ipv4_id_follows(const Held& h, const Segment& s) {
  return s.id == h.next_id || (h.count == 1 && repeats_id(h, s.id));
}

// E7: everything but the payload length, addresses excepted, for those are the flow's; extension headers byte by byte.
std::uint64_t ipv6_differs(const Held& h, const std::uint8_t* a, const std::uint8_t* b) {
  std::uint64_t differs = (load64(a) ^ load64(b)) & ~bytes_4_and_5;
  const std::size_t extensions = h.layout.l4_offset - h.layout.l3_offset - wire::ipv6_header_bytes;
  if (extensions != 0) {
    differs |= std::memcmp(a + wire::ipv6_header_bytes, b + wire::ipv6_header_bytes, extensions) != 0 ? 1 : 0;
  }
  return differs;
}

// E8: sequence, acknowledgement, the fourth word (header length, flags, window) but for FIN and PSH, options. The
// urgent pointer, of which Linux takes no notice, counts too: it could not be given back when the packet is split.
std::uint32_t tcp_differs(const Held& h, const Segment& s) {
  const std::uint8_t* a = h.l4();
  const std::uint8_t* b = s.l4();
  std::uint32_t differs = (s.seq ^ h.next_seq) | (load32(a + 8) ^ load32(b + 8));
  differs |= (load32(a + 12) ^ load32(b + 12)) & ~fin_and_psh;
  differs |= static_cast<std::uint32_t>(load16(a + 18) ^ load16(b + 18));
  for (std::size_t at = wire::tcp_header_bytes; at < h.layout.l4_header; at += 4) differs |= load32(a + at) ^ load32(b + at);
  return differs;
}

// E8: no payload, more than the first segment brought, or, of a frame that the device merged, another size.
bool size_fits(const Held& h, const Segment& s, std::uint32_t max_size) {
  const bool mss_fits = s.count > 1 ? s.mss == h.mss : s.payload - 1 < h.mss;
  return mss_fits && h.length + s.payload < max_size;
}

}  // namespace

bool may_join(const Held& h, const Segment& s, const pkt::Mbuf& mbuf, std::uint32_t max_size) {
  // Nothing is compared before this, so that every offset below lies in both headers.
  if (h.layout != s.layout) return false;
  std::uint64_t differs = link_differs(h.frame, s.frame, s.layout.l3_offset) | device_differs(h.packet.mbuf(), mbuf);
  differs |= is_unseen(h.packet.mbuf()) != is_unseen(mbuf) ? 1 : 0;  // X21: each packet is of one kind
  if (!s.is_udp()) differs |= tcp_differs(h, s);
  differs |= h.family == 4 ? ipv4_differs(h.ip(), s.ip()) : ipv6_differs(h, h.ip(), s.ip());
  return differs == 0 && size_fits(h, s, max_size) && (h.family == 6 || ipv4_id_follows(h, s));
}

bool is_full(const Held& h) { return (h.link & udp_link) != 0 && h.count >= udp_most_segments; }

bool is_last(const Segment& s, std::uint16_t mss) {
  const bool is_short = s.count > 1 ? s.payload != std::uint32_t{s.count} * s.mss : s.payload < mss;
  return is_short || (s.flags & (urg | psh | rst | syn | fin)) != 0;
}

bool may_begin(const Segment& s) { return !is_last(s, 1); }

// The sum of the pseudo-header, in the order of the machine: byte order does not matter to a sum of one's complement
// (RFC 1071 section 2).
static std::uint16_t pseudo_sum(const std::uint8_t* a, std::uint8_t family, std::uint8_t proto, std::uint32_t l4_length) {
  std::uint64_t sum = std::uint64_t{load32(a)} + load32(a + 4);
  if (family == 6) {
    for (int i = 8; i < 32; i += 4) sum += load32(a + i);
  }
  std::uint8_t tail[8] = {};
  store_be32(tail, l4_length);
  tail[7] = proto;
  sum += std::uint64_t{load32(tail)} + load32(tail + 4);
  sum = (sum & 0xffffffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
  sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum + (sum >> 16));
}

void write_merged_headers(std::uint8_t* frame, const Layout& layout, std::uint8_t family, bool is_udp, std::uint32_t length) {
  std::uint8_t* ip = frame + layout.l3_offset;
  if (family == 4) {
    wire::set_ipv4_total_length(ip, static_cast<std::uint16_t>(length));
  } else {
    wire::set_ipv6_payload_length(ip, static_cast<std::uint16_t>(length - wire::ipv6_header_bytes));
  }
  std::uint8_t* l4 = frame + layout.l4_offset;
  const std::uint32_t l4_length = length - (layout.l4_offset - layout.l3_offset);
  if (is_udp) store_be16(l4 + 4, static_cast<std::uint16_t>(l4_length));
  const std::uint8_t* addresses = ip + (family == 4 ? 12 : 8);
  const std::uint16_t sum = pseudo_sum(addresses, family, is_udp ? wire::ip_proto::udp : wire::ip_proto::tcp, l4_length);
  std::memcpy(l4 + (is_udp ? 6 : 16), &sum, sizeof sum);
}

void finish(Held& h) {
  if (h.count == 1) return;
  pkt::Mbuf& m = h.packet.mbuf();
  m.nb_segs = h.buffers;
  m.pkt_len = h.layout.l3_offset + h.length;
  m.meta.gso_size = h.mss;
  m.meta.gso_segs = h.count;
  m.meta.gso_fixed_id = h.id_step == 0;
  // E8: in AccECN CWR is a digit of a counter; all segments have it, or none.
  m.meta.gso_accecn = (h.link & udp_link) == 0 && (h.l4()[13] & cwr) != 0;
  if (m.meta.checksum == pkt::ChecksumVerdict::by_segment) return;
  write_merged_headers(m.data(), h.layout, h.family, (h.link & udp_link) != 0, h.length);
  m.meta.checksum = pkt::ChecksumVerdict::good;
}

}  // namespace millrace::gro
