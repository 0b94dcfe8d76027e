// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/media/medium.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

struct rte_mempool;

namespace millrace::media {

/// The ethdev at the far end of a medium, by DPDK's calls alone. Made stopped; it copies what goes in and out, finishes checksums
/// that come partial, and says what is wrong by an exception.
class DpdkPeer {
 public:
  DpdkPeer(std::string name, const std::string& args, std::uint16_t queues = 1);
  ~DpdkPeer();
  DpdkPeer(const DpdkPeer&) = delete;
  DpdkPeer& operator=(const DpdkPeer&) = delete;

  /// With these of the receive offloads that it has, and told of its link by an interrupt, or not.
  void start(std::uint64_t rx_offloads = 0, bool link_interrupt = false);
  void stop();
  /// Queue after queue; false when there was no room.
  bool send(std::span<const std::uint8_t> frame);
  /// Adds what is there.
  void receive(std::vector<Frame>& frames);
  [[nodiscard]] bool is_up() const;
  [[nodiscard]] std::uint16_t port_id() const { return port_id_; }
  /// Of the last frame received.
  [[nodiscard]] std::uint16_t gso_size() const { return gso_size_; }

 private:
  const std::string name_;
  const std::uint16_t queues_;
  std::uint16_t port_id_ = 0;
  std::uint16_t next_queue_ = 0;
  std::uint16_t gso_size_ = 0;
  rte_mempool* pool_ = nullptr;
};

}  // namespace millrace::media
