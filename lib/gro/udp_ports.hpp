// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace millrace::gro {

/// The local UDP ports of which a socket wants merged datagrams (UDP_GRO): what a receiving lcore asks before it holds
/// one, in place of Linux's socket lookup in udp_gro_receive(). One for all lcores of an engine. A port that several
/// sockets share counts them; those that did not ask get single datagrams all the same, for UDP cuts them up again.
class UdpPorts {
 public:
  /// Any thread; control path.
  void add(std::uint16_t port) { sockets_[port].fetch_add(1, std::memory_order_relaxed); }
  void remove(std::uint16_t port) { sockets_[port].fetch_sub(1, std::memory_order_relaxed); }
  /// Any thread: one load.
  [[nodiscard]] bool wants(std::uint16_t port) const { return sockets_[port].load(std::memory_order_relaxed) != 0; }

 private:
  std::array<std::atomic<std::uint16_t>, 65536> sockets_{};
};

}  // namespace millrace::gro
