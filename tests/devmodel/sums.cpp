// SPDX-License-Identifier: BSD-3-Clause
// Checksums, CRCs and the RSS hash. Called by the models.
#include "tests/devmodel/sums.hpp"

namespace millrace::devmodel {
namespace {

std::uint32_t reflected_crc(Bytes bytes, std::uint32_t polynomial) {
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ polynomial : crc >> 1;
  }
  return ~crc;
}

bool bit_of(Bytes bytes, std::size_t bit) { return (bytes[bit / 8] >> (7 - bit % 8) & 1) != 0; }

}  // namespace

std::uint16_t ones_sum(Bytes bytes, std::uint32_t start) {
  std::uint64_t sum = start;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8 : bytes[i];
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

std::uint16_t pseudo_header_sum(Bytes ip_header, std::uint8_t protocol, std::size_t l4_bytes) {
  const Bytes addresses = ip_header[0] >> 4 == 6 ? ip_header.subspan(8, 32) : ip_header.subspan(12, 8);
  return ones_sum(addresses, protocol + static_cast<std::uint32_t>(l4_bytes));
}

std::uint32_t crc32(Bytes bytes) { return reflected_crc(bytes, 0xedb88320); }

std::uint32_t crc32c(Bytes bytes) { return reflected_crc(bytes, 0x82f63b78); }

// For each bit of the input that is set, the 32 bits of the key that begin at the same place.
std::uint32_t toeplitz(Bytes key, Bytes input, std::uint32_t initial) {
  std::uint32_t hash = initial;
  for (std::size_t bit = 0; bit < input.size() * 8; ++bit) {
    if (!bit_of(input, bit)) continue;
    std::uint32_t window = 0;
    for (std::size_t i = 0; i < 32; ++i) window = window << 1 | (bit_of(key, bit + i) ? 1u : 0u);
    hash ^= window;
  }
  return hash;
}

}  // namespace millrace::devmodel
