// SPDX-License-Identifier: BSD-3-Clause
// Internet checksums by the definition, byte pair by byte pair. Called by dissect() for frames that arrive and by the
// transmit offloads; calls nothing. The product's own sums are not used: they are what the model has to judge.
#include "tests/devmodel/ena/checksum.hpp"

#include <array>

namespace millrace::devmodel::ena {
namespace {

std::uint16_t add(std::uint16_t a, std::uint16_t b) {
  const std::uint32_t sum = std::uint32_t{a} + b;
  return static_cast<std::uint16_t>((sum & 0xffff) + (sum >> 16));
}

}  // namespace

std::uint16_t internet_sum(ConstBytes bytes, std::uint16_t on_top_of) {
  std::uint16_t sum = on_top_of;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const int low = i + 1 < bytes.size() ? bytes[i + 1] : 0;
    sum = add(sum, static_cast<std::uint16_t>(bytes[i] << 8 | low));
  }
  return sum;
}

std::uint16_t pseudo_header_sum(ConstBytes ip_header, std::uint8_t protocol, std::size_t l4_bytes) {
  const bool ipv6 = ip_header[0] >> 4 == 6;
  const ConstBytes addresses = ipv6 ? ip_header.subspan(8, 32) : ip_header.subspan(12, 8);
  std::array<std::uint8_t, 8> rest{};
  put_be32(rest, 0, static_cast<std::uint32_t>(l4_bytes));
  rest[7] = protocol;
  return internet_sum(rest, internet_sum(addresses));
}

}  // namespace millrace::devmodel::ena
