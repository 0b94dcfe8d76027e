// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/sim/channel.hpp"

namespace millrace::sim {

/// What a device with large receive offload makes of frames that wait in its queue: segments of one TCP flow, in order and
/// intact, become one frame (receive_path E17).
class LroMerge {
 public:
  /// Begins with a frame as it came off the cable.
  explicit LroMerge(Frame& frame);
  /// Takes the next one's payload in; false when that cannot join, and nothing has changed.
  bool append(Frame& next);
  /// Brings lengths and checksums up to date, if something was appended.
  void finish();

  [[nodiscard]] std::uint16_t segments() const { return segments_; }
  [[nodiscard]] std::uint16_t size() const { return size_; }  ///< payload of the first, bytes

 private:
  Frame& frame_;
  std::size_t header_ = 0;  ///< bytes in front of the payload; 0: nothing can join
  std::uint16_t l3_offset_ = 0;
  std::uint16_t l4_offset_ = 0;
  std::uint16_t segments_ = 1;
  std::uint16_t size_ = 0;
  bool is_full_ = false;
};

}  // namespace millrace::sim
