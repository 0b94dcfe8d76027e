// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/byte_order.hpp>
#include <millrace/base/words.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace millrace::wire {

/// What dissect() says of a frame of the common shape: behind the Ethernet header at once IPv4 without options and not
/// a fragment, or IPv6 without extension headers, then a TCP or UDP header that lies whole in frame and datagram.
struct PlainLayers {
  std::uint16_t ethertype = 0;
  std::uint16_t l4_offset = 0;
  std::uint16_t payload_offset = 0;  ///< 0: the frame is of another shape, which dissect() knows
  std::uint8_t l4_proto = 0;
};

/// Header bytes as the word that load16() or load32() makes of them.
template <std::unsigned_integral Word, std::same_as<int>... Bytes>
[[nodiscard]] constexpr Word word_of(Bytes... bytes) {
  return std::bit_cast<Word>(std::array<std::uint8_t, sizeof(Word)>{static_cast<std::uint8_t>(bytes)...});
}

/// The rest of dissect_plain(), behind an IP header of ip_bytes; `room`: bytes of the frame from there on, enough for
/// UDP; `length`: what the header says that they are.
template <std::size_t ip_bytes>
[[nodiscard]] inline PlainLayers plain_transport(const std::uint8_t* ip, std::size_t room, std::size_t length, std::uint16_t type, std::uint8_t proto) {
  constexpr std::size_t udp_bytes = 8;
  constexpr std::size_t tcp_bytes = 20;
  constexpr std::uint16_t l4_offset = 14 + ip_bytes;
  if (proto == ip_proto::udp) {
    if (length < ip_bytes + udp_bytes) return {};
    return {type, l4_offset, l4_offset + udp_bytes, ip_proto::udp};
  }
  const std::size_t end = std::min(room, length);
  if (proto != ip_proto::tcp || end < ip_bytes + tcp_bytes) return {};
  const std::size_t header = (ip[ip_bytes + 12] >> 4) * 4u;
  if (header < tcp_bytes || end < ip_bytes + header) return {};
  return {type, l4_offset, static_cast<std::uint16_t>(l4_offset + header), ip_proto::tcp};
}

/// A shortcut of dissect() for most frames, meant to be compiled into its caller.
[[nodiscard]] inline PlainLayers dissect_plain(std::span<const std::uint8_t> frame) {
  constexpr auto v4 = word_of<std::uint32_t>(0x08, 0x00, 0x45, 0);  // EtherType, version and header length
  constexpr auto v4_mask = word_of<std::uint32_t>(0xff, 0xff, 0xff, 0);
  constexpr auto v6 = word_of<std::uint32_t>(0x86, 0xdd, 0x60, 0);
  constexpr auto v6_mask = word_of<std::uint32_t>(0xff, 0xff, 0xf0, 0);
  constexpr auto fragment = word_of<std::uint16_t>(0x3f, 0xff);
  if (frame.size() < 14 + 20 + 8) return {};
  const std::uint8_t* const ip = frame.data() + 14;
  const std::size_t room = frame.size() - 14;
  const std::uint32_t start = load32(ip - 2);
  if ((start & v4_mask) == v4 && (load16(ip + 6) & fragment) == 0)
    return plain_transport<20>(ip, room, load_be16(ip + 2), ethertype::ipv4, ip[9]);
  if ((start & v6_mask) == v6 && room >= 40 + 8)
    return plain_transport<40>(ip, room, 40u + load_be16(ip + 4), ethertype::ipv6, ip[6]);
  return {};
}

}  // namespace millrace::wire
