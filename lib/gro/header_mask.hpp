// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/tcp.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::gro {

/// Which bits of two frames of the common shape (Ethernet, IP without options, TCP) must be equal for the second to
/// join the first: receive_path E4, E6, E7, E8. What is left out is compared as a number (lengths, identification,
/// sequence) or not at all (checksums, FIN, PSH). It is long enough for a whole TCP header behind IPv6.
struct HeaderMask {
  static constexpr std::size_t bytes = 128;
  alignas(64) std::array<std::uint8_t, bytes> bits{};
};

constexpr HeaderMask header_mask(int family) {
  HeaderMask mask;
  for (std::uint8_t& b : mask.bits) b = 0xff;
  const std::size_t ip = 14;
  const std::size_t tcp = ip + (family == 4 ? 20 : 40);
  const auto ignore = [&mask](std::size_t at, std::size_t n) {
    for (std::size_t i = at; i < at + n; ++i) mask.bits[i] = 0;
  };
  if (family == 4) {
    ignore(ip + 2, 4);   // total length, identification
    ignore(ip + 10, 2);  // header checksum
  } else {
    ignore(ip + 4, 2);   // payload length
  }
  ignore(tcp + 4, 4);    // sequence
  ignore(tcp + 16, 2);   // checksum
  mask.bits[tcp + 13] = static_cast<std::uint8_t>(~(wire::tcp_flag::fin | wire::tcp_flag::psh));
  return mask;
}

inline constexpr HeaderMask mask4 = header_mask(4);
inline constexpr HeaderMask mask6 = header_mask(6);

}  // namespace millrace::gro
