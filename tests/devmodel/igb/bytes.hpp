// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

// Numbers in memory: little endian in descriptors and registers, big endian on the wire.
namespace millrace::devmodel::igb {

using Bytes = std::span<const std::uint8_t>;

[[nodiscard]] inline std::uint16_t be16(Bytes b, std::size_t at) { return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]); }

[[nodiscard]] inline std::uint32_t be32(Bytes b, std::size_t at) { return std::uint32_t{be16(b, at)} << 16 | be16(b, at + 2); }

inline void put_be16(std::span<std::uint8_t> b, std::size_t at, std::uint32_t value) {
  b[at] = static_cast<std::uint8_t>(value >> 8);
  b[at + 1] = static_cast<std::uint8_t>(value);
}

inline void put_be32(std::span<std::uint8_t> b, std::size_t at, std::uint32_t value) {
  put_be16(b, at, value >> 16);
  put_be16(b, at + 2, value);
}

[[nodiscard]] inline std::uint32_t le32(Bytes b, std::size_t at) {
  return std::uint32_t{b[at]} | std::uint32_t{b[at + 1]} << 8 | std::uint32_t{b[at + 2]} << 16 | std::uint32_t{b[at + 3]} << 24;
}

[[nodiscard]] inline std::uint64_t le64(Bytes b, std::size_t at) { return le32(b, at) | std::uint64_t{le32(b, at + 4)} << 32; }

inline void put_le32(std::span<std::uint8_t> b, std::size_t at, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) b[at + i] = static_cast<std::uint8_t>(value >> 8 * i);
}

}  // namespace millrace::devmodel::igb
