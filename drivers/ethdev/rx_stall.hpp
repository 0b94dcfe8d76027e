// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/queues.hpp"

#include <millrace/port/port.hpp>

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

struct rte_eth_rxtx_callback;

namespace millrace::ethdev {

/// The rule by which a port that receives nothing is told from one that nothing is sent to: its device goes on missing frames
/// though every queue is polled, and finds buffers for its ring.
class RxSilence {
 public:
  explicit RxSilence(Duration patience) : patience_(patience) {}
  /// What is seen of a port that has received nothing since the last look.
  struct Look {
    std::uint64_t missed = 0;     ///< by the device, for want of descriptors
    std::uint64_t no_buffer = 0;  ///< refills that failed
    bool is_polled = true;        ///< every queue, since the last look
  };
  /// For how long the port has missed all that came to it; null: it has not for long enough, or that has been told.
  [[nodiscard]] std::optional<Duration> look(Instant now, const Look& seen);
  /// A frame has come in.
  void end() { *this = RxSilence(patience_); }
  [[nodiscard]] bool is_suspect() const { return since_.has_value(); }

 private:
  Duration patience_;
  std::optional<Look> before_;
  std::optional<Instant> since_;
  bool is_told_ = false;
};

/// Looks so at a started device. Of several queues it sees only that all are silent: what a device misses it counts for the port.
/// Control thread only; goes before its device, while no lcore uses the queues.
class RxStall {
 public:
  RxStall(std::uint16_t port_id, const std::vector<std::unique_ptr<EthdevRx>>& rx, Duration patience) : port_id_(port_id), rx_(rx), silence_(patience) {}
  ~RxStall();
  RxStall(const RxStall&) = delete;
  RxStall& operator=(const RxStall&) = delete;

  [[nodiscard]] std::optional<port::Fault> check(Instant now);

 private:
  /// Of the polls of a queue that is suspect: not every device can tell whether frames wait there for an lcore that is late.
  struct Witness {
    const rte_eth_rxtx_callback* callback = nullptr;
    std::atomic<bool> has_seen{false};
  };
  void call_witnesses();
  [[nodiscard]] bool is_polled();

  const std::uint16_t port_id_;
  const std::vector<std::unique_ptr<EthdevRx>>& rx_;
  RxSilence silence_;
  std::uint64_t received_ = 0;
  std::deque<Witness> witnesses_;  ///< one a queue, or none yet
};

}  // namespace millrace::ethdev
