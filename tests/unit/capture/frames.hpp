// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/eal.hpp"

#include <millrace/base/byte_order.hpp>

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <vector>

namespace millrace::test {

/// Where the headers of an Ethernet frame made here lie.
inline constexpr std::uint16_t l3 = 14;

/// An Ethernet, IP and TCP, UDP or ICMPv6 frame with `payload` counting bytes and a wrong layer-4 checksum; the IPv4
/// header is right. Made byte by byte from RFC 791, 8200, 9293 and 768, so as not to believe what is under test.
inline std::vector<std::uint8_t> frame(bool v4, std::uint8_t proto, std::size_t payload) {
  const std::size_t l3_bytes = v4 ? 20 : 40;
  const std::size_t l4_bytes = proto == 6 ? 20 : 8;
  std::vector<std::uint8_t> f(l3 + l3_bytes + l4_bytes + payload);
  std::iota(f.end() - static_cast<std::ptrdiff_t>(payload), f.end(), std::uint8_t{1});
  f[0] = f[6] = 2;
  f[5] = 1;
  f[11] = 2;
  store_be16(&f[12], v4 ? 0x0800 : 0x86dd);
  std::uint8_t* ip = &f[l3];
  if (v4) {
    ip[0] = 0x45;
    store_be16(ip + 2, static_cast<std::uint16_t>(f.size() - l3));
    ip[8] = 64;
    ip[9] = proto;
    std::copy_n(std::array<std::uint8_t, 8>{10, 77, 0, 1, 10, 77, 0, 2}.data(), 8, ip + 12);
    std::uint32_t sum = 0;
    for (int i = 0; i < 20; i += 2) sum += load_be16(ip + i);
    store_be16(ip + 10, static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16))));
  } else {
    ip[0] = 0x60;
    store_be16(ip + 4, static_cast<std::uint16_t>(f.size() - l3 - 40));
    ip[6] = proto;
    ip[7] = 64;
    ip[8] = ip[24] = 0xfd;
    ip[23] = 1;
    ip[39] = 2;
  }
  std::uint8_t* l4 = ip + l3_bytes;
  if (proto == 58) {
    l4[0] = 128;
    store_be16(l4 + 2, 0x1234);
    return f;
  }
  store_be16(l4, 40001);
  store_be16(l4 + 2, 40002);  // ports that no dissector claims
  if (proto == 6) {
    l4[12] = 0x50;
    l4[13] = 0x10;
    store_be16(l4 + 14, 1000);
    store_be16(l4 + 16, 0x1234);
  } else {
    store_be16(l4 + 4, static_cast<std::uint16_t>(8 + payload));
    store_be16(l4 + 6, 0x1234);
  }
  return f;
}

/// Whether the layer-4 checksum of such a frame is right: RFC 1071, a word at a time.
inline bool checksum_fits(std::span<const std::uint8_t> f) {
  const bool v4 = f[l3] >> 4 == 4;
  const std::size_t l4 = l3 + (v4 ? 20u : 40u);
  const std::size_t end = l3 + (v4 ? load_be16(&f[l3 + 2]) : 40u + load_be16(&f[l3 + 4]));
  const std::uint8_t proto = f[l3 + (v4 ? 9 : 6)];
  std::uint64_t sum = proto + (end - l4);
  for (std::size_t i = l3 + (v4 ? 12u : 8u); i < l4; i += 2) sum += load_be16(&f[i]);
  for (std::size_t i = l4; i < end; ++i) sum += i % 2 == l4 % 2 ? f[i] << 8 : f[i];
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return sum == 0xffff;
}

/// The frame as a packet, in buffers of at most `part` bytes, with the offsets that dissection sets.
inline pkt::Packet packet_of(TestPool& pool, std::span<const std::uint8_t> f, std::size_t part = 2000) {
  pkt::Packet p = pool.packet(f.first(std::min(part, f.size())));
  for (std::size_t at = part; at < f.size(); at += part)
    p.chain(pool.packet(f.subspan(at, std::min(part, f.size() - at))));
  const auto byte = [f](std::size_t at) { return at < f.size() ? f[at] : std::uint8_t{0}; };  // of a frame that may be cut short
  const bool v4 = byte(l3) >> 4 == 4;
  p.meta().l3_offset = l3;
  p.meta().l4_offset = static_cast<std::uint16_t>(l3 + (v4 ? 20 : 40));
  p.meta().l4_proto = byte(l3 + (v4 ? 9u : 6u));
  p.meta().gso_segs = 1;
  return p;
}

}  // namespace millrace::test
