// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/bytes.hpp"

// The sums that the device computes, bit by bit or word by word as their definitions read, and with nothing of the library under
// test.
namespace millrace::devmodel::igb {

/// The one's complement sum of 16-bit words, folded (RFC 1071); a last odd byte counts as the high one of its word.
[[nodiscard]] std::uint16_t ones_sum(Bytes bytes, std::uint32_t start = 0);

/// IEEE 802.3's CRC, as the FCS carries it: to be stored little endian.
[[nodiscard]] std::uint32_t crc32(Bytes bytes);
/// SCTP's (RFC 9260 appendix A), to be stored little endian.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes);

/// Microsoft's RSS hash (datasheet 7.1.1.7): the key is 40 bytes.
[[nodiscard]] std::uint32_t toeplitz(Bytes key, Bytes input);

}  // namespace millrace::devmodel::igb
