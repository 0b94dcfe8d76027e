// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/ethdev_port.hpp"

namespace millrace::ethdev {

/// An ethdev on its way from a name to a started port, and back. Each step that fails leaves the earlier ones to the
/// destructor, which undoes them in reverse.
class Device {
 public:
  explicit Device(const Options& options) : options_(options) {}
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  /// Finds or makes the device, configures and starts it. Once.
  [[nodiscard]] Result<void> bring_up();

  [[nodiscard]] std::uint16_t port_id() const { return port_id_; }
  [[nodiscard]] const port::Info& info() const { return info_; }

 private:
  Result<void> attach();
  Result<void> negotiate();
  Result<void> configure();
  Result<void> set_up_queues();
  Result<void> set_mtu();
  Result<void> start();
  [[nodiscard]] tl::unexpected<Error> refused(const char* step, int code) const;

  const Options options_;
  port::Info info_;
  std::uint16_t port_id_ = 0;
  std::uint16_t configured_mtu_ = 0;
  std::uint16_t rx_ring_ = 0;
  std::uint16_t tx_ring_ = 0;
  std::uint64_t rx_offloads_ = 0;
  std::uint64_t tx_offloads_ = 0;
  std::uint64_t rss_types_ = 0;
  bool made_here_ = false;
  bool attached_ = false;
  bool started_ = false;
};

}  // namespace millrace::ethdev
