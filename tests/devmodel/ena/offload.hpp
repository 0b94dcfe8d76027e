// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/ena/packet.hpp"

#include <string>
#include <vector>

namespace millrace::devmodel::ena {

/// What a transmit meta descriptor tells of a packet's headers.
struct TxMeta {
  std::uint32_t mss = 0;
  std::size_t l3_at = 0;
  std::size_t l3_bytes = 0;
  std::size_t l4_header_bytes = 0;
  [[nodiscard]] std::size_t l4_at() const { return l3_at + l3_bytes; }
};

/// What a transmit descriptor asks for.
struct TxOffload {
  bool l3_sum = false;
  bool l4_sum = false;
  bool l4_partial = false;  ///< the checksum field holds the pseudo header's sum
  bool tso = false;
  L3 l3 = L3::unknown;
  L4 l4 = L4::unknown;
  TxMeta meta;
  [[nodiscard]] bool any() const { return l3_sum || l4_sum || tso; }
};

/// Why the device cannot do that to this frame; empty when it can. `offered` are the profile's bits.
std::string why_not(const Frame& frame, const TxOffload& offload, std::uint32_t offered);

/// What goes out: the frame with its checksums, or the segments that it is cut into.
std::vector<Frame> offloaded(Frame frame, const TxOffload& offload);

}  // namespace millrace::devmodel::ena
