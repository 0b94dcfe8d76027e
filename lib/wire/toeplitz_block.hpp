// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace::wire {

/// The Toeplitz hash of 32 tuples at once, by AVX2. A hash is a sum over the bytes of its tuple, of which each adds to the four bytes of
/// the hash what the key says for its place; so the tuples are turned into columns, the same byte of all 32 in a vector.
class ToeplitzBlock {
 public:
  static constexpr std::size_t tuples = 32;
  static constexpr std::size_t most_bytes = 36;  ///< of an IPv6 tuple
  /// by_nibble[n][value]: what that value of the tuple's half byte n adds.
  using ByNibble = std::array<std::array<std::uint32_t, 16>, 2 * most_bytes>;

  explicit ToeplitzBlock(const ByNibble& by_nibble);

  /// The hashes of the first `bytes` bytes, 12 or 36, at 32 places, where 16 or 36 are readable.
  template <std::size_t bytes>
  void hash(const std::uint8_t* const* places, std::uint32_t* hashes) const;

 private:
  // What each value of the tuple's half byte n adds to byte h of the hash, the lowest first.
  alignas(64) std::array<std::array<std::array<std::uint8_t, 16>, 4>, 2 * most_bytes> nibbles_{};
};

}  // namespace millrace::wire
