// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/byte_order.hpp>
#include <millrace/gro/compare.hpp>
#include <millrace/gro/flow_hash.hpp>
#include <millrace/gro/rules.hpp>
#include <millrace/pkt/mbuf.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/protocol.hpp>
#include <millrace/wire/udp.hpp>

#include <cstddef>
#include <cstdint>

namespace millrace::gro {

inline constexpr std::uint8_t ip_at = wire::ethernet_header_bytes;
inline constexpr std::uint8_t tcp4_at = ip_at + wire::ipv4_header_bytes;
inline constexpr std::uint8_t tcp6_at = ip_at + wire::ipv6_header_bytes;
/// Where a family has what the short way reads.
struct V4 {
  static constexpr std::uint8_t family = 4;
  static constexpr std::uint8_t tcp_at = tcp4_at;
  static constexpr std::uint8_t proto_at = ip_at + 9;
  static constexpr std::uint8_t datagram = family + 16;
  static constexpr std::uint16_t ethertype = wire::ethertype::ipv4;
  static constexpr std::size_t compared = 96;  // the longest header is 94
  static constexpr HeaderMasks joins = header_masks(join_mask, 4);
  static constexpr HeaderMasks trains = header_masks(train_mask, 4);
  static constexpr HeaderMask datagrams = datagram_mask(4);

  static std::uint64_t hash(const FlowHash& hash, const std::uint8_t* frame, std::uint64_t link) {
    return hash.v4(frame + ip_at + 12, link << 32 | load32(frame + tcp_at));
  }
  // E5: no options, no fragment.
  static bool is_plain(const std::uint8_t* ip) {
    return ip[0] == 0x45 && (load_be32(ip + 6) & 0xbfff00ff) == wire::ip_proto::tcp;
  }
  // UDP, as dissect_plain() wants it.
  static bool is_datagram(const std::uint8_t* ip) {
    return ip[0] == 0x45 && (load_be32(ip + 6) & 0x3fff00ff) == wire::ip_proto::udp && load_be16(ip + 2) >= wire::ipv4_header_bytes + wire::udp_header_bytes;
  }
  static bool is_fragment_of_datagram(const std::uint8_t* ip) { return ip[0] == 0x45 && ip[9] == wire::ip_proto::udp && (load_be16(ip + 6) & 0x3fff) != 0; }
  // E5: the length that the frame has.
  static bool is_whole(const std::uint8_t* ip, std::uint32_t length) { return load_be16(ip + 2) == length; }
  // E5: a header checksum that is right.
  static bool is_intact(const std::uint8_t* ip, std::uint64_t ol_flags) {
    return (ol_flags & verdicts) == good || ((ol_flags & verdicts) == 0 && wire::is_plain_ipv4_sum_right(ip));
  }
  static std::uint16_t id(const std::uint8_t* ip) { return load_be16(ip + 4); }
  static constexpr std::uint64_t verdicts = pkt::flag::rx_ip_good | pkt::flag::rx_ip_bad;
  static constexpr std::uint64_t good = pkt::flag::rx_ip_good;
};

struct V6 {
  static constexpr std::uint8_t family = 6;
  static constexpr std::uint8_t tcp_at = tcp6_at;
  static constexpr std::uint8_t proto_at = ip_at + 6;
  static constexpr std::uint8_t datagram = family + 16;
  static constexpr std::uint16_t ethertype = wire::ethertype::ipv6;
  static constexpr std::size_t compared = HeaderMask::bytes;
  static constexpr HeaderMasks joins = header_masks(join_mask, 6);
  static constexpr HeaderMasks trains = header_masks(train_mask, 6);
  static constexpr HeaderMask datagrams = datagram_mask(6);

  static std::uint64_t hash(const FlowHash& hash, const std::uint8_t* frame, std::uint64_t link) {
    return hash.v6(frame + ip_at + 8, link << 32 | load32(frame + tcp_at));
  }
  static bool is_plain(const std::uint8_t* ip) { return ip[0] >> 4 == 6 && ip[6] == wire::ip_proto::tcp; }
  static bool is_datagram(const std::uint8_t* ip) { return ip[0] >> 4 == 6 && ip[6] == wire::ip_proto::udp && load_be16(ip + 4) >= wire::udp_header_bytes; }
  static bool is_fragment_of_datagram(const std::uint8_t*) { return false; }
  static bool is_whole(const std::uint8_t* ip, std::uint32_t length) {
    return load_be16(ip + 4) + wire::ipv6_header_bytes == length;
  }
  static bool is_intact(const std::uint8_t*, std::uint64_t) { return true; }
  static std::uint16_t id(const std::uint8_t*) { return 0; }
  static constexpr std::uint64_t verdicts = 0;
  static constexpr std::uint64_t good = 0;
};

}  // namespace millrace::gro
