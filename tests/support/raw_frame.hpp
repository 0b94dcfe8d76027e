// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/wire/address.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::test {

/// A frame written byte by byte, with nothing of lib/wire, so that it can judge what lib/ makes of it.
struct RawFrame {
  bool v6 = false;
  std::uint8_t proto = 17;  ///< 6, 17 or 58
  std::size_t payload = 32;
  std::uint8_t first_byte = 0;  ///< the payload counts up from it
  std::uint16_t source_port = 1000;
  std::uint16_t destination_port = 2000;
  MacAddress source{{2, 0, 0, 0, 0, 1}};
  MacAddress destination{{2, 0, 0, 0, 0, 2}};
  /// The last byte of 10.77.0.x or fd00:77::x.
  std::uint8_t source_host = 1;
  std::uint8_t destination_host = 2;

  [[nodiscard]] std::size_t l4_offset() const { return 14 + (v6 ? 40u : 20u); }
  [[nodiscard]] std::size_t l4_header() const { return proto == 6 ? 20 : 8; }
  [[nodiscard]] std::size_t sum_offset() const { return l4_offset() + (proto == 6 ? 16 : proto == 17 ? 6 : 2); }
  /// The frame with a zero layer-4 checksum.
  [[nodiscard]] std::vector<std::uint8_t> unfinished() const;
  /// The frame as it goes over a cable.
  [[nodiscard]] std::vector<std::uint8_t> bytes() const;
  /// The sum of the pseudo header alone, not complemented.
  [[nodiscard]] std::uint16_t pseudo_sum() const;
  /// The layer-4 checksum that belongs into the frame.
  [[nodiscard]] std::uint16_t checksum() const;
};

/// One's complement sum by the letter of RFC 1071, starting from `sum`.
[[nodiscard]] std::uint16_t naive_sum(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0);

}  // namespace millrace::test
