// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/tcp.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::gro {

/// Which bits of two frames of the common shape (Ethernet, IP without options, TCP) are compared. Long enough for a
/// whole TCP header behind IPv6; zero behind the header.
struct HeaderMask {
  static constexpr std::size_t bytes = 128;
  alignas(64) std::array<std::uint8_t, bytes> bits{};
};

/// The masks of a family by length of the TCP header, in words.
using HeaderMasks = std::array<HeaderMask, 16>;

/// What must be equal for the second frame to join the first: receive_path E4, E6, E7, E8. What is left out is compared
/// as a number (lengths, identification, sequence) or not at all (checksums, FIN, PSH).
constexpr HeaderMask join_mask(int family, std::size_t tcp_header) {
  HeaderMask mask;
  const std::size_t ip = 14;
  const std::size_t tcp = ip + (family == 4 ? 20 : 40);
  const auto fill = [&mask](std::size_t at, std::size_t n, std::uint8_t bits) {
    for (std::size_t i = at; i < at + n; ++i) mask.bits[i] = bits;
  };
  fill(0, tcp + tcp_header, 0xff);
  if (family == 4) {
    fill(ip + 2, 4, 0);   // total length, identification
    fill(ip + 10, 2, 0);  // header checksum
  } else {
    fill(ip + 4, 2, 0);   // payload length
  }
  fill(tcp + 4, 4, 0);    // sequence
  fill(tcp + 13, 1, static_cast<std::uint8_t>(~(wire::tcp_flag::fin | wire::tcp_flag::psh)));
  fill(tcp + 16, 2, 0);   // checksum
  return mask;
}

/// The same for a segment of the same length that is not the last one.
constexpr HeaderMask train_mask(int family, std::size_t tcp_header) {
  HeaderMask mask = join_mask(family, tcp_header);
  const std::size_t length = family == 4 ? 16 : 18;
  mask.bits[length] = mask.bits[length + 1] = 0xff;
  mask.bits[family == 4 ? 47 : 67] = 0xff;  // the flags
  return mask;
}

/// What must be equal for a datagram as long as the first to join it: all but identification and checksums (E16).
constexpr HeaderMask datagram_mask(int family) {
  HeaderMask mask;
  const std::size_t ip = 14;
  const std::size_t udp = ip + (family == 4 ? 20 : 40);
  for (std::size_t i = 0; i < udp + 6; ++i) mask.bits[i] = 0xff;
  if (family == 4)
    for (const std::size_t i : {4u, 5u, 10u, 11u}) mask.bits[ip + i] = 0;
  return mask;
}

constexpr HeaderMasks header_masks(HeaderMask (*mask)(int, std::size_t), int family) {
  HeaderMasks masks;
  for (std::size_t words = 5; words < masks.size(); ++words) masks[words] = mask(family, words * 4);
  return masks;
}

}  // namespace millrace::gro
