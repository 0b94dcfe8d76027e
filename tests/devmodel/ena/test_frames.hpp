// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"

#include <array>
#include <cstdint>
#include <vector>

// Frames for the tests of the model, and their checksums by the definition, written apart from the model's.

namespace millrace::devmodel::ena::test {

/// The key of Microsoft's "Verifying the RSS Hash Calculation".
inline constexpr std::array<std::uint8_t, 40> microsoft_key{
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
    0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

/// Ones' complement sum of 16-bit words: 0xffff for what carries a right checksum.
unsigned naive_sum(std::vector<std::uint8_t> bytes);
/// What a TCP or UDP checksum covers, in one piece.
std::vector<std::uint8_t> with_pseudo_header(const Frame& frame, bool v6);
std::vector<std::uint8_t> ipv4_header(const Frame& frame);

/// TCP or UDP without options or extensions; 66.9.149.187 and 161.142.100.80 are Microsoft's.
struct Flow {
  bool v6 = false;
  bool tcp = false;
  std::size_t payload = 100;
  std::uint32_t source = 0x420995bb;
  std::uint32_t destination = 0xa18e6450;
  std::uint16_t source_port = 2794;
  std::uint16_t destination_port = 1766;
};

/// A frame whose checksums are still 0.
Frame unfinished(const Flow& flow);
Frame finished(const Flow& flow);

}  // namespace millrace::devmodel::ena::test
