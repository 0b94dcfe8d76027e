// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/config/config.hpp>
#include <millrace/engine/engine.hpp>

#include <cstdint>
#include <string>

namespace millrace {

/// What ethtool and sysfs change of a port while it runs, by Linux's names. One control thread at a time, none of the
/// lcores; each call waits until the lcores have done it. Goes before its engine.
class PortControl {
 public:
  PortControl(Engine& engine, std::size_t index) : engine_(engine), index_(index) {}

  /// /proc/irq/N/smp_affinity: moves an rx queue to the lowest lcore of the mask, under traffic. What the old lcore had
  /// taken is delivered first, so nothing overtakes; meanwhile packets wait in the device's ring. EINVAL: no such queue,
  /// or the mask names no lcore.
  [[nodiscard]] Result<void> set_smp_affinity(std::uint16_t queue, const config::LcoreMask& mask);
  [[nodiscard]] config::LcoreMask smp_affinity(std::uint16_t queue) const;

  /// ethtool -C: the hold-off of every rx queue. EINVAL as the configuration would have it, or when the port's rx_mode
  /// is not interrupt.
  [[nodiscard]] Result<void> set_coalesce(const config::Coalesce& coalesce);
  /// ethtool -c of one queue: rx_usecs is the one in force, which adaptive-rx chose if that is on.
  [[nodiscard]] config::Coalesce coalesce(std::uint16_t queue) const;

  /// ethtool -K gro: for every rx queue, under traffic. What is held goes up first, so nothing is lost or reordered; the
  /// link stays up.
  void set_gro(bool on);
  [[nodiscard]] bool gro() const;

 private:
  Engine& engine_;
  std::size_t index_;
};

}  // namespace millrace
