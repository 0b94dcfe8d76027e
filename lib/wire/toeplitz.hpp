// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>
#include <millrace/wire/toeplitz_block.hpp>

#include <array>
#include <cstdint>
#include <span>

namespace millrace::wire {

/// An RSS key, in the order in which it is written to a NIC.
using ToeplitzKey = std::array<std::uint8_t, 40>;

/// The key of Microsoft's "Verifying the RSS Hash Calculation"; the default of most NICs.
inline constexpr ToeplitzKey microsoft_key{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b,
    0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac,
    0x01, 0xfa};

/// 0x6d5a repeated: both directions of a flow hash alike (Woo and Park 2012), at the price of a weaker spread.
inline constexpr ToeplitzKey symmetric_key = [] {
  ToeplitzKey key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = i % 2 == 0 ? 0x6d : 0x5a;
  return key;
}();

/// What RSS hashes of an IPv4 packet, as on the wire: source, destination, source port, destination port. With both
/// ports zero the hash is that of the addresses alone, since zero bits add nothing.
struct alignas(16) Ipv4Tuple {
  std::array<std::uint8_t, 12> bytes{};
};
/// The same of an IPv6 packet.
struct Ipv6Tuple {
  std::array<std::uint8_t, 36> bytes{};
};

/// How the hash is computed; all give the same result.
enum class ToeplitzVariant : std::uint8_t {
  scalar,   ///< tables, portable
  pclmul,   ///< PCLMULQDQ and SSE4.1; four tuples at a time in bulk
  avx2,     ///< AVX2; 32 tuples at a time in bulk (ToeplitzBlock), fewer as pclmul
  vpclmul,  ///< VPCLMULQDQ and GFNI on AVX-512; eight tuples at a time in bulk
};

/// The fastest variant that this machine runs and MILLRACE_SIMD (base/simd.hpp) allows.
[[nodiscard]] ToeplitzVariant best_toeplitz_variant();
/// Whether this machine runs `variant`.
[[nodiscard]] bool is_supported(ToeplitzVariant variant);
/// "scalar", "pclmul", "avx2" or "vpclmul".
[[nodiscard]] const char* name(ToeplitzVariant variant);

/// The Toeplitz hash of RSS under one key. Immutable after construction, so any thread may use it. `variant` must be
/// supported here.
class Toeplitz {
 public:
  explicit Toeplitz(const ToeplitzKey& key = microsoft_key, ToeplitzVariant variant = best_toeplitz_variant());

  [[nodiscard]] std::uint32_t hash(const Ipv4Tuple& tuple) const;
  [[nodiscard]] std::uint32_t hash(const Ipv6Tuple& tuple) const;
  /// Bulk: hashes[i] of tuples[i]; both of one length. Fastest for multiples of 32.
  void hash(std::span<const Ipv4Tuple> tuples, std::span<std::uint32_t> hashes) const;
  void hash(std::span<const Ipv6Tuple> tuples, std::span<std::uint32_t> hashes) const;

  /// Bulk, where packets lie: sources[i] is the source address in an IP header, behind which destination and ports
  /// follow at once: no IPv4 options, no IPv6 extension headers, no fragment. 16 bytes must be readable there, of which
  /// 12 count, or 36 for IPv6.
  void hash_v4(std::span<const std::uint8_t* const> sources, std::span<std::uint32_t> hashes) const;
  void hash_v6(std::span<const std::uint8_t* const> sources, std::span<std::uint32_t> hashes) const;

  [[nodiscard]] ToeplitzVariant variant() const { return variant_; }
  [[nodiscard]] const ToeplitzKey& key() const { return key_; }

 private:
  [[nodiscard]] std::uint32_t hash_scalar(std::span<const std::uint8_t> bytes) const;
  using Places = std::span<const std::uint8_t* const>;
  template <class Family>
  void hash_all(Places places, std::span<std::uint32_t> hashes) const;
  template <class Family>
  [[nodiscard]] std::size_t hash_bulk(Places places, std::span<std::uint32_t> hashes) const;
  template <class Family>
  [[nodiscard]] std::size_t hash_blocks(Places places, std::span<std::uint32_t> hashes) const;
  template <class Family, class Tuple>
  void hash_rows(std::span<const Tuple> tuples, std::span<std::uint32_t> hashes) const;

  // For every 64 bits of input, two windows of the key: see the multiplication in toeplitz.cpp.
  alignas(64) std::array<std::uint64_t, 10> windows_{};
  ToeplitzKey key_;
  ToeplitzVariant variant_;
  ToeplitzBlock::ByNibble nibbles_;
  ToeplitzBlock block_;
};

}  // namespace millrace::wire
