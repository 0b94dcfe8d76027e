// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/core.hpp"
#include "tests/devmodel/igb/offload.hpp"
#include "tests/devmodel/igb/ring.hpp"

#include <array>
#include <functional>

namespace millrace::devmodel::igb {

/// From memory to the wire (datasheet 7.2): sixteen queues of advanced descriptors, worked through as soon as their tail moves, unless
/// transmission or the queue is disabled or the link is down; then they wait.
class Transmitter {
 public:
  Transmitter(Core& core, std::function<void(Frame)> send) : core_(core), send_(std::move(send)) {}

  void reset();
  [[nodiscard]] std::optional<std::uint32_t> read(std::uint32_t offset) const;
  bool write(std::uint32_t offset, std::uint32_t value);
  /// What held the queues up may be over.
  void resume();

 private:
  struct Queue {
    Ring ring;
    std::array<TxContext, 2> contexts;
    Frame gathered;  ///< of the packet whose end is still to come
    bool in_packet = false;
    TxOptions options;  ///< in its first descriptor
  };

  [[nodiscard]] bool may_run(const Queue& queue) const;
  void run(unsigned index);
  bool take_descriptor(Queue& queue, unsigned index);
  void take_data(Queue& queue, unsigned index, std::span<std::uint8_t> descriptor);
  void gather(Queue& queue, Bytes descriptor);
  void send_packet(Queue& queue);
  void send_frame(Frame frame, const TxOptions& options, const TxContext& context);
  void count_sent(Bytes frame);
  void write_back(unsigned index, std::span<std::uint8_t> descriptor);

  Core& core_;
  std::function<void(Frame)> send_;
  std::array<Queue, queues> queues_;
};

}  // namespace millrace::devmodel::igb
