// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"
#include "tests/devmodel/bytes.hpp"
#include "tests/devmodel/ena/packet.hpp"
#include "tests/devmodel/ena/ring.hpp"

#include <array>
#include <deque>
#include <vector>

namespace millrace::devmodel::ena {

struct RxBuffer {
  std::uint64_t address = 0;
  std::uint32_t bytes = 0;
  std::uint16_t req_id = 0;
};

/// A receive submission queue: buffers that the driver has given and the device may fill in any order.
class RxQueue {
 public:
  RxQueue(Machine& machine, Ring ring, std::uint16_t cq) : machine_(machine), ring_(ring), cq_(cq) {}

  [[nodiscard]] std::uint16_t cq() const { return cq_; }
  void doorbell(std::uint16_t tail);
  /// Buffers that a frame fits in; none when there are too few, or it would need more than `most`.
  std::vector<RxBuffer> take(std::size_t frame_bytes, std::size_t most, bool last_first);

 private:
  Machine& machine_;
  Ring ring_;
  std::uint16_t cq_;
  std::deque<RxBuffer> buffers_;
};

/// ena_eth_io_rx_cdesc_base of one buffer of a packet.
struct RxCompletion {
  std::uint16_t bytes = 0;
  std::uint16_t req_id = 0;
  std::uint16_t queue = 0;
  bool first = false;
  bool last = false;
  std::uint32_t hash = 0;
  static constexpr std::size_t size = 16;
  /// What the parser found stands in the last one only.
  [[nodiscard]] std::array<std::uint8_t, size> emit(const Packet& packet) const;
};

}  // namespace millrace::devmodel::ena
