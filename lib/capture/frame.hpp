// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace millrace::capture {

/// Which way a frame passed its port; the values are those of pcapng's epb_flags, bits 0-1.
enum class Direction : std::uint8_t { unknown = 0, in = 1, out = 2 };

/// A captured frame; borrows its bytes and comment.
struct Frame {
  std::uint32_t interface = 0;  ///< place in Writer::Options::interfaces
  Direction direction = Direction::in;
  Instant time{};
  std::uint32_t original_length = 0;  ///< bytes.size(), or more when it was cut
  std::span<const std::uint8_t> bytes;
  std::string_view comment;  ///< UTF-8, shown by Wireshark; may be empty
};

}  // namespace millrace::capture
