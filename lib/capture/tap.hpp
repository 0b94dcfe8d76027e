// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/capture/byte_ring.hpp>
#include <millrace/capture/frame.hpp>
#include <millrace/env/packet_tap.hpp>
#include <millrace/pkt/packet.hpp>

#include <string>

namespace millrace::capture {

class Writer;

/// Where and when a frame was seen, and why, if it was dropped.
struct Sighting {
  Instant time{};
  TapPoint point = TapPoint::steered;
  stats::DropReason reason{};
  std::uint16_t lcore = 0;
  std::uint32_t most_bytes = 0;  ///< to be kept, as a filter says; 0: all
};
/// "steered lcore 1 queue 0 hash 0x1c2d3e4f", "drop: udp_no_port lcore 1 queue 0": what a capture says of a frame.
[[nodiscard]] std::string comment_of(const Sighting& sighting, std::uint16_t rx_queue, std::uint32_t hash);

/// The data path's side of a capture, one for each lcore: copies frames into a bounded ring, never blocks, and loses
/// only its own copies. record() belongs to the lcore, the rest to one control thread.
class Tap {
 public:
  struct Totals {
    std::uint64_t recorded = 0;
    std::uint64_t dropped = 0;  ///< no room in the ring: the file was slower than the frames
    std::uint64_t after_stop = 0;
  };

  /// `snaplen` 0 keeps whole frames.
  explicit Tap(std::uint32_t buffer_bytes, std::uint32_t snaplen = 0) : ring_(buffer_bytes), snaplen_(snaplen) {}

  /// Copies a frame, whose Meta has its header offsets. The copy gets a finished layer-4 checksum where the frame's own
  /// is still to come (Meta::tx_checksum), partial, or of the first of several merged segments (receive_path E10).
  /// False: there was no room for it.
  bool record(const pkt::Packet& packet, std::uint32_t interface, const Sighting& sighting);

  /// Frames are no longer copied, only counted.
  void stop() { stopped_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] Totals totals() const {
    return {recorded_.load(std::memory_order_relaxed), dropped_.load(std::memory_order_relaxed),
            after_stop_.load(std::memory_order_relaxed)};
  }

  /// The oldest frame not yet taken; false when there is none. Its bytes are good until pop().
  [[nodiscard]] bool front(Frame& frame);
  void pop() { ring_.pop(); }

 private:
  static void count(std::atomic<std::uint64_t>& counter) {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  ByteRing ring_;
  const std::uint32_t snaplen_;
  std::string comment_;  ///< of the frame that front() returned
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> recorded_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> after_stop_{0};
};

/// Moves the frames that the taps hold to the writer, the earliest first; at most 65536, for they may come as fast as
/// they go. Stops the taps when the writer is full. Returns how many frames were taken.
std::size_t drain(std::span<Tap* const> taps, Writer& writer);

}  // namespace millrace::capture
