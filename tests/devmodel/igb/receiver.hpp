// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/core.hpp"
#include "tests/devmodel/igb/headers.hpp"
#include "tests/devmodel/igb/ring.hpp"

#include <array>
#include <deque>

namespace millrace::devmodel::igb {

/// From the wire to memory (datasheet 7.1): filters, the receive FIFO, RSS, and the descriptors of sixteen queues. A frame whose queue
/// has no descriptors waits in the FIFO, and holds up all behind it, unless its queue drops (SRRCTL.Drop_En); a full FIFO misses what
/// would have to wait. RXPBS tells how many KiB it has.
class Receiver {
 public:
  explicit Receiver(Core& core) : core_(core) {}

  void reset();
  [[nodiscard]] std::optional<std::uint32_t> read(std::uint32_t offset);
  bool write(std::uint32_t offset, std::uint32_t value);

  /// False: the frame is dropped, and counted where the datasheet says.
  bool receive(Bytes frame);
  /// Whatever of the FIFO has descriptors goes to memory. False: a frame was dropped by its queue.
  bool drain();

 private:
  struct Queue {
    Ring ring;
    std::uint32_t srrctl = 0;
    std::uint32_t dropped = 0;
  };
  struct Waiting {
    Frame frame;
    Headers headers;
    unsigned queue = 0;
    std::uint32_t rss_type = 0;
    std::uint32_t rss_hash = 0;
  };
  /// What is written back into a descriptor.
  struct Done {
    std::uint32_t types = 0;  ///< RSS and packet type
    std::uint32_t hash = 0;
    std::uint32_t status = 0;
    std::size_t length = 0;
    std::uint16_t tag = 0;
  };

  [[nodiscard]] Waiting classify(Frame frame) const;
  [[nodiscard]] bool must_wait(const Waiting& arrived) const;
  [[nodiscard]] bool has_descriptors(const Waiting& waiting) const;
  void count_good(const Waiting& arrived);
  [[nodiscard]] std::size_t buffer_bytes(const Queue& queue) const;
  [[nodiscard]] std::size_t descriptors_for(const Waiting& waiting) const;
  [[nodiscard]] bool strips_tag(const Waiting& waiting) const;
  [[nodiscard]] Frame stored_form(const Waiting& waiting) const;
  [[nodiscard]] std::uint32_t checksum_status(const Waiting& waiting) const;
  [[nodiscard]] static bool may_drop(const Queue& queue);
  void drop(Queue& queue, const Waiting& waiting);
  void deliver(const Waiting& waiting);
  std::size_t store(Queue& queue, Bytes bytes, bool is_written);
  void write_back(Queue& queue, const Done& done);

  Core& core_;
  std::array<Queue, queues> queues_;
  std::deque<Waiting> fifo_;
  std::size_t fifo_bytes_ = 0;
};

}  // namespace millrace::devmodel::igb
