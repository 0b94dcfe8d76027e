// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"

#include <cstdint>
#include <span>
#include <vector>

// Frames for the model's tests, and the sums that they ought to have, computed a second time and apart from the model's.
namespace millrace::devmodel::igb {

struct FrameSpec {
  bool v6 = false;
  std::uint8_t protocol = 6;
  std::size_t payload = 26;
  std::vector<std::uint8_t> source{66, 9, 149, 187}, destination{161, 142, 100, 80};
  std::uint16_t source_port = 2794, destination_port = 1766;
  std::uint16_t id = 0x1234;
  std::uint16_t fragment = 0;      ///< IPv4's flags and offset
  std::uint8_t tcp_flags = 0x10;
  std::uint32_t sequence = 1000;
};

/// Ethernet, IP and TCP or UDP with all sums right.
[[nodiscard]] Frame make_frame(const FrameSpec& spec = {});
[[nodiscard]] Frame with_tag(Frame frame, std::uint16_t tag);

/// One's complement sum, as RFC 1071 defines it.
[[nodiscard]] std::uint16_t truth_sum(std::span<const std::uint8_t> bytes);
/// Whether the IPv4 header's and the transport's sums of an untagged frame are right.
[[nodiscard]] bool ip_sum_is_right(const Frame& frame);
[[nodiscard]] bool transport_sum_is_right(const Frame& frame);
/// The pseudo header's sum, with the length or (for TSO) without, as software leaves it in the checksum field.
[[nodiscard]] std::uint16_t pseudo_sum(const Frame& frame, bool with_length);

[[nodiscard]] std::size_t transport_at(const Frame& frame);
[[nodiscard]] std::size_t checksum_at(const Frame& frame);

}  // namespace millrace::devmodel::igb
