// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>

#include <bitset>
#include <cstdint>
#include <string>

namespace millrace::ethdev {

/// Whether `name` asks for DPDK's TAP driver.
[[nodiscard]] bool is_tap(const std::string& name);

/// Tries what the TAP driver is going to do, and undoes it, so that a missing right or a taken name is told in a
/// sentence and not by the driver's own messages. `args` are the device's arguments.
[[nodiscard]] Result<void> check_tap(const std::string& name, const std::string& args);

/// While it lives, the TAP driver finds no real-time signal that it could take and makes its devices without: it then
/// reads the device at each poll, which costs about 1 us when there is nothing. With a signal each arriving packet
/// would interrupt some thread of the application (6 us), an application that blocks it would receive nothing, and when
/// the signal queue is full the kernel sends SIGIO instead, which kills the process. Only signals whose disposition is
/// the default are touched, and put back.
class WithoutTapSignal {
 public:
  WithoutTapSignal();
  ~WithoutTapSignal();
  WithoutTapSignal(const WithoutTapSignal&) = delete;
  WithoutTapSignal& operator=(const WithoutTapSignal&) = delete;

 private:
  std::bitset<128> ignored_;
};

/// Sets an MTU that DPDK 22.11 refuses for TAP though its driver carries such frames (DPDK 23.11 allows up to 16110).
/// The port is configured, with a tx queue, and not yet in use.
[[nodiscard]] Result<void> set_tap_mtu(std::uint16_t port_id, std::uint16_t mtu);

}  // namespace millrace::ethdev
