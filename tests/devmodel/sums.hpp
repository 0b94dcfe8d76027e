// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/bytes.hpp"

// The sums that devices compute, bit by bit or word by word as their definitions read, and with nothing of the library under
// test.
namespace millrace::devmodel {

/// The one's complement sum of 16-bit words, folded (RFC 1071); a last odd byte counts as the high one of its word.
[[nodiscard]] std::uint16_t ones_sum(Bytes bytes, std::uint32_t start = 0);

/// The sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) of what follows this IP header, which starts with its version.
[[nodiscard]] std::uint16_t pseudo_header_sum(Bytes ip_header, std::uint8_t protocol, std::size_t l4_bytes);

/// IEEE 802.3's CRC, as the FCS carries it: to be stored little endian.
[[nodiscard]] std::uint32_t crc32(Bytes bytes);
/// SCTP's (RFC 9260 appendix A), to be stored little endian.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes);

/// The Toeplitz hash of Microsoft's "RSS Hashing Functions". The key has at least 4 bytes more than the input.
[[nodiscard]] std::uint32_t toeplitz(Bytes key, Bytes input, std::uint32_t initial = 0);

}  // namespace millrace::devmodel
