// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

struct rte_mbuf;
struct rte_mempool;

namespace millrace::bench {

/// The vhost end of a virtio-user port. For the length of a round a thread on another CPU sends a fixed number of equal frames and
/// sends each again that comes back.
class VhostPartner {
 public:
  static constexpr std::uint16_t frames = 128;  ///< under way at a time
  static constexpr std::uint16_t ring = 256;    ///< of either direction

  /// A device of that name, which listens at a socket of its own.
  VhostPartner(std::string name, std::vector<std::uint8_t> frame);
  ~VhostPartner();
  VhostPartner(const VhostPartner&) = delete;
  VhostPartner& operator=(const VhostPartner&) = delete;

  [[nodiscard]] const std::string& socket() const { return socket_; }
  /// Throws when the other end does not come.
  void await_link() const;

  void begin(unsigned cpu, std::chrono::milliseconds length);
  /// All frames are back, or given up.
  [[nodiscard]] bool is_done() const { return is_done_.load(std::memory_order_acquire); }
  struct Round {
    std::uint64_t packets = 0;  ///< that have come back
    bool preempted = false;     ///< others had the partner's CPU
  };
  /// Waits for that. Throws when a packet was lost, or is not as it was sent.
  Round end();

 private:
  void work(unsigned cpu, std::chrono::milliseconds length);
  void reflect(std::chrono::milliseconds length);
  void fill();
  std::uint16_t receive(rte_mbuf** burst);
  void send(rte_mbuf** burst, std::uint16_t count);

  const std::string name_, socket_;
  const std::vector<std::uint8_t> frame_;
  rte_mempool* pool_ = nullptr;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::atomic<bool> is_done_{false};
  std::uint64_t sent_ = 0, returned_ = 0, wrong_ = 0;  ///< of the thread, until it has ended
  bool preempted_ = false;
};

}  // namespace millrace::bench
