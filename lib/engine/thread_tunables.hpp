// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/config/sysctl.hpp>
#include <millrace/stack/socket/option.hpp>

#include <atomic>
#include <cstdint>

namespace millrace {

/// The tunables that threads outside the lcores go by, each read by itself: set by the control thread, read by any.
struct ThreadTunables {
  std::atomic<std::int64_t> busy_poll_us{0};  ///< net.core.busy_poll
  std::atomic<std::int64_t> busy_read_us{0};  ///< net.core.busy_read
  std::atomic<std::int64_t> rmem_default{0};  ///< net.core.rmem_default
  std::atomic<std::int64_t> wmem_default{0};  ///< net.core.wmem_default
  std::atomic<std::int64_t> rmem_max{0};      ///< net.core.rmem_max
  std::atomic<std::int64_t> wmem_max{0};      ///< net.core.wmem_max
  std::atomic<bool> may_force{false};         ///< socket.cap_net_admin
  std::atomic<std::int64_t> tcp_rmem{0};      ///< the second of net.ipv4.tcp_rmem
  std::atomic<std::int64_t> tcp_wmem{0};      ///< the second of net.ipv4.tcp_wmem

  void set(const config::Sysctl& sysctl) {
    busy_poll_us.store(sysctl.busy_poll, std::memory_order_relaxed);
    busy_read_us.store(sysctl.busy_read, std::memory_order_relaxed);
    rmem_default.store(sysctl.rmem_default, std::memory_order_relaxed);
    wmem_default.store(sysctl.wmem_default, std::memory_order_relaxed);
    rmem_max.store(sysctl.rmem_max, std::memory_order_relaxed);
    wmem_max.store(sysctl.wmem_max, std::memory_order_relaxed);
    may_force.store(sysctl.cap_net_admin != 0, std::memory_order_relaxed);
    tcp_rmem.store(sysctl.tcp_rmem[1], std::memory_order_relaxed);
    tcp_wmem.store(sysctl.tcp_wmem[1], std::memory_order_relaxed);
  }
  [[nodiscard]] socket::BufferLimits buffer_limits() const {
    return {.rmem_max = static_cast<std::uint32_t>(rmem_max.load(std::memory_order_relaxed)),
            .wmem_max = static_cast<std::uint32_t>(wmem_max.load(std::memory_order_relaxed)),
            .may_force = may_force.load(std::memory_order_relaxed)};
  }
};

}  // namespace millrace
