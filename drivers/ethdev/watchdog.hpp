// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/profile.hpp"
#include "drivers/ethdev/queues.hpp"
#include "drivers/ethdev/rx_stall.hpp"

#include <millrace/port/port.hpp>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace millrace::ethdev {

/// Sees what ended a started device's traffic, where DPDK's drivers do not (receive_path A9, A14): a hung tx queue, by the rule
/// of Linux's dev_watchdog(); rx queues that have become silent; an ENA that completes what it was never given; a device that is gone;
/// and what the driver does tell of by an event. Warns of an ENA's used up allowances. Control thread only; goes before its device.
class Watchdog {
 public:
  Watchdog(std::uint16_t port_id, const std::string& name, const Profile& profile, const std::vector<std::unique_ptr<EthdevRx>>& rx, const std::vector<std::unique_ptr<EthdevTx>>& tx);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// As Port::check().
  [[nodiscard]] std::optional<port::Fault> check(Instant now);

 private:
  [[nodiscard]] std::optional<port::Fault> gone();
  void look_at_counters();
  [[nodiscard]] std::optional<port::Fault> hung_queue(Instant now);

  const std::uint16_t port_id_;
  const std::string& name_;
  const Profile& profile_;
  const bool is_pci_;
  const std::vector<std::unique_ptr<EthdevTx>>& tx_;
  RxStall rx_stall_;
  std::atomic<bool> reset_asked_{false};  ///< by the driver, from whatever thread it is in
  std::atomic<bool> removed_{false};
  bool told_of_removal_ = false;
  std::map<std::string, std::uint64_t> counters_;  ///< of the profile, as they were
  std::optional<port::Fault> fatal_;               ///< by the last look at them
  std::string reset_cause_;
  Instant told_hang_{};                            ///< since when the queue hung that was told of
};

}  // namespace millrace::ethdev
