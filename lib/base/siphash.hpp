// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace millrace {

namespace detail {
/// The four words of SipHash's state (Aumasson and Bernstein, "SipHash: a fast short-input PRF", section 2).
struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v1 = std::rotl(v1, 13) ^ v0;
    v0 = std::rotl(v0, 32);
    v2 += v3;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1;
    v1 = std::rotl(v1, 17) ^ v2;
    v2 = std::rotl(v2, 32);
  }
  void take(std::uint64_t word) {
    v3 ^= word;
    round();
    round();
    v0 ^= word;
  }
  std::uint64_t finish() {
    v2 ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};
}  // namespace detail

/// SipHash-2-4 of `bytes` under a 128-bit key: unpredictable to whoever does not know the key, so fit for initial
/// sequence numbers (RFC 6528) and for the seeds of hash tables.
[[nodiscard]] inline std::uint64_t siphash(const std::array<std::uint64_t, 2>& key,
                                           std::span<const std::uint8_t> bytes) {
  detail::SipState s{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
                     key[1] ^ 0x7465646279746573};
  const auto load_le = [](const std::uint8_t* p, std::size_t n) {
    std::uint64_t v = 0;
    for (std::size_t i = 0; i < n; ++i) v |= std::uint64_t{p[i]} << (8 * i);
    return v;
  };
  const std::size_t whole = bytes.size() & ~std::size_t{7};
  for (std::size_t at = 0; at < whole; at += 8) s.take(load_le(bytes.data() + at, 8));
  s.take(load_le(bytes.data() + whole, bytes.size() & 7) | std::uint64_t{bytes.size()} << 56);
  return s.finish();
}

}  // namespace millrace
