// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/ena/features.hpp"
#include "tests/devmodel/ena/offload.hpp"
#include "tests/devmodel/ena/ring.hpp"

#include <array>
#include <optional>
#include <vector>

namespace millrace::devmodel::ena {

/// A packet as the driver wants it sent.
struct TxPacket {
  Frame frame;
  TxOffload offload;
  std::uint16_t req_id = 0;
  bool completion_wanted = false;
};

/// A transmit submission queue, its ring in the driver's memory or, as a low latency queue, in the device's.
class TxQueue {
 public:
  /// How the entries of the ring are made up: in host memory each is a descriptor.
  struct Layout {
    bool in_device_memory = false;
    std::uint32_t descriptors_in_first_entry = 1;
    std::uint32_t descriptors_per_entry = 1;
    bool meta_caching = true;
    std::uint32_t most_burst_bytes = 0;
    static Layout low_latency(const LlqConfig& config);
  };

  TxQueue(Machine& machine, Ring ring, std::uint16_t cq, Layout layout, std::size_t most_descriptors)
      : machine_(machine), ring_(ring), cq_(cq), layout_(layout), most_descriptors_(most_descriptors) {}

  [[nodiscard]] std::uint16_t cq() const { return cq_; }
  void doorbell(std::uint16_t tail);
  /// The next packet of those that were rung in; none too when the rest of one is still to come.
  std::optional<TxPacket> next();
  [[nodiscard]] std::uint16_t head() const { return ring_.index(); }

 private:
  using Descriptor = std::array<std::uint8_t, 16>;
  struct Gathered {
    std::vector<Descriptor> descriptors;
    Frame pushed;  // what stands in the first entry behind its descriptors
    bool complete = false;
  };

  Gathered gather();
  bool take_entry(Gathered& gathered, Ring at, std::uint32_t descriptors);
  std::optional<TxPacket> interpret(const Gathered& gathered);
  bool take_meta(const Gathered& gathered, TxPacket& packet);
  bool take_data(const Gathered& gathered, std::size_t first, TxPacket& packet);
  bool refuse(const char* why);

  Machine& machine_;
  Ring ring_;
  std::uint16_t cq_;
  Layout layout_;
  std::size_t most_descriptors_;
  std::uint16_t tail_ = 0;
  TxMeta cached_meta_;
};

}  // namespace millrace::devmodel::ena
