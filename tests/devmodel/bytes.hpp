// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// Numbers in memory: little-endian as devices have them in registers and descriptors, big-endian as frames have them.

namespace millrace::devmodel {

using MutableBytes = std::span<std::uint8_t>;
using Bytes = std::span<const std::uint8_t>;

inline std::uint16_t le16(Bytes from, std::size_t at) {
  return static_cast<std::uint16_t>(from[at] | from[at + 1] << 8);
}
inline std::uint32_t le32(Bytes from, std::size_t at) {
  return le16(from, at) | static_cast<std::uint32_t>(le16(from, at + 2)) << 16;
}
inline std::uint64_t le64(Bytes from, std::size_t at) { return le32(from, at) | std::uint64_t{le32(from, at + 4)} << 32; }
inline void put_le16(MutableBytes to, std::size_t at, std::uint32_t value) {
  to[at] = static_cast<std::uint8_t>(value);
  to[at + 1] = static_cast<std::uint8_t>(value >> 8);
}
inline void put_le32(MutableBytes to, std::size_t at, std::uint32_t value) {
  put_le16(to, at, value);
  put_le16(to, at + 2, value >> 16);
}
inline void put_le64(MutableBytes to, std::size_t at, std::uint64_t value) {
  put_le32(to, at, static_cast<std::uint32_t>(value));
  put_le32(to, at + 4, static_cast<std::uint32_t>(value >> 32));
}

inline std::uint16_t be16(Bytes from, std::size_t at) {
  return static_cast<std::uint16_t>(from[at] << 8 | from[at + 1]);
}
inline std::uint32_t be32(Bytes from, std::size_t at) {
  return static_cast<std::uint32_t>(be16(from, at)) << 16 | be16(from, at + 2);
}
inline void put_be16(MutableBytes to, std::size_t at, std::uint32_t value) {
  to[at] = static_cast<std::uint8_t>(value >> 8);
  to[at + 1] = static_cast<std::uint8_t>(value);
}
inline void put_be32(MutableBytes to, std::size_t at, std::uint32_t value) {
  put_be16(to, at, value >> 16);
  put_be16(to, at + 2, value);
}

/// Bits `low` to `high` of a word.
constexpr std::uint32_t bits(std::uint32_t word, unsigned high, unsigned low) {
  return word >> low & ((1U << (high - low + 1)) - 1);
}
constexpr bool bit(std::uint32_t word, unsigned n) { return (word >> n & 1) != 0; }

}  // namespace millrace::devmodel
