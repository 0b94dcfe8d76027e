// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/byte_order.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
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

/// The rest of dissect_plain(), behind an IP header of ip_bytes; `end`: bytes of the datagram that the frame has.
template <std::size_t ip_bytes>
[[nodiscard]] PlainLayers plain_transport(const std::uint8_t* ip, std::size_t end, std::uint16_t type, std::uint8_t proto) {
  constexpr std::size_t udp_bytes = 8;
  constexpr std::size_t tcp_bytes = 20;
  std::size_t header = udp_bytes;
  if (proto == ip_proto::tcp) {
    if (end < ip_bytes + tcp_bytes) return {};
    header = (ip[ip_bytes + 12] >> 4) * 4u;
    if (header < tcp_bytes) return {};
  } else if (proto != ip_proto::udp) {
    return {};
  }
  if (end < ip_bytes + header) return {};
  constexpr std::uint16_t l4_offset = 14 + ip_bytes;
  return {type, l4_offset, static_cast<std::uint16_t>(l4_offset + header), proto};
}

/// A shortcut of dissect() for most frames, meant to be compiled into its caller.
[[nodiscard]] inline PlainLayers dissect_plain(std::span<const std::uint8_t> frame) {
  if (frame.size() < 14 + 20 + 8) return {};
  const std::uint8_t* const ip = frame.data() + 14;
  const std::size_t room = frame.size() - 14;
  const std::uint16_t type = load_be16(frame.data() + 12);
  if (type == ethertype::ipv4 && ip[0] == 0x45 && (load_be16(ip + 6) & 0x3fff) == 0)
    return plain_transport<20>(ip, std::min<std::size_t>(room, load_be16(ip + 2)), type, ip[9]);
  if (type == ethertype::ipv6 && ip[0] >> 4 == 6)
    return plain_transport<40>(ip, std::min<std::size_t>(room, 40u + load_be16(ip + 4)), type, ip[6]);
  return {};
}

}  // namespace millrace::wire
