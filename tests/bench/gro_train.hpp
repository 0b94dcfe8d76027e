// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/pool.hpp>

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace millrace::bench {

/// One TCP segment of a train: the n-th of its flow.
struct Wagon {
  std::uint32_t flow = 0;
  std::uint32_t nth = 0;
  bool psh = false;
  bool ce = false;  ///< marked "congestion experienced" (RFC 3168)
};

/// `packets` segments of `flows` flows, taken in turn.
[[nodiscard]] std::vector<Wagon> in_turn(std::uint32_t flows, std::uint32_t packets);

/// TCP segments of 1448 bytes with timestamps, as full frames in packet buffers: built once, and put back as they were
/// after each use. Their checksums are verified: both sides find the verdict `good` in the buffer.
class Train {
 public:
  static constexpr std::uint32_t payload_bytes = 1448;

  Train(pkt::Pool& pool, int family, const std::vector<Wagon>& wagons);
  ~Train();
  Train(const Train&) = delete;
  Train& operator=(const Train&) = delete;

  /// In order of arrival; the buffers remain the train's, whatever is done to them.
  [[nodiscard]] std::span<pkt::Mbuf* const> packets() const { return packets_; }
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(packets_.size()); }
  /// Buffers, headers and Meta are again those of fresh frames from a port: all, or `count` of them from `first` on.
  void restore() { restore(0, size()); }
  void restore(std::uint32_t first, std::uint32_t count);

  /// What is wrong with `out`, into which a side has made these packets; "" when it holds every byte of every flow
  /// exactly once. Chains are followed, headers read, payloads compared byte by byte.
  [[nodiscard]] std::string fault_of(std::span<pkt::Mbuf* const> out) const;

 private:
  struct Fresh {
    std::array<std::uint8_t, 96> headers;
    std::uint16_t length;
  };
  int family_;
  std::vector<pkt::Mbuf*> packets_;
  std::vector<Fresh> fresh_;
  std::map<std::uint16_t, std::uint64_t> bytes_;  ///< of payload, by source port, which tells the flow
};

/// Payload bytes per packet of what a side made of a train.
[[nodiscard]] inline double bytes_per_packet(const Train& train, std::size_t packets_out) {
  return static_cast<double>(train.size()) * Train::payload_bytes / static_cast<double>(packets_out);
}

}  // namespace millrace::bench
