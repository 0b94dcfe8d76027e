// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/port_ends.hpp"

#include <millrace/pkt/pool.hpp>

#include <memory>
#include <string>

namespace millrace::bench {

/// The medium of B5: one net_ring device, opened through our ethdev port, which hands back what it is given. A fixed
/// number of 64-byte frames goes round in it, so that no loop touches the pool.
class PortRing {
 public:
  static constexpr std::uint16_t frames = 64;
  static constexpr std::uint16_t frame_length = 60;  ///< 64 with the frame check sequence

  /// Throws when the device cannot be made; EAL is up.
  PortRing();
  ~PortRing();
  PortRing(const PortRing&) = delete;
  PortRing& operator=(const PortRing&) = delete;

  [[nodiscard]] PortEnds ends() { return {env_, port_->rx_queue(0), port_->tx_queue(0)}; }
  /// The device behind our port, for those that go around it.
  [[nodiscard]] std::uint16_t port_id() const { return port_id_; }
  /// Takes every frame out and puts it back; what is wrong with them, or "": all are there, in order, unharmed.
  [[nodiscard]] std::string fault();

 private:
  [[nodiscard]] port::RxQueue& rx() { return port_->rx_queue(0); }
  [[nodiscard]] port::TxQueue& tx() { return port_->tx_queue(0); }
  void fill();

  std::unique_ptr<pkt::Pool> pool_;
  std::unique_ptr<port::Port> port_;
  std::uint16_t port_id_ = 0;
  stats::LcoreStats stats_;
  Env env_;
};

}  // namespace millrace::bench
