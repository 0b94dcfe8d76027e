// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <rte_log.h>

namespace millrace::ethdev {

/// While it lives, DPDK logs nothing below "critical", unless it was told to log more than errors. Its drivers report
/// as errors what they merely do without (TAP: traffic classifiers, secondary processes; virtio-user: a configured
/// MAC), and what really fails comes back to the caller as an Error. The level is the process's.
class QuietLog {
 public:
  QuietLog() : level_(rte_log_get_global_level()) {
    if (level_ == RTE_LOG_ERR) rte_log_set_global_level(RTE_LOG_CRIT);
  }
  ~QuietLog() { rte_log_set_global_level(level_); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;

 private:
  const std::uint32_t level_;
};

}  // namespace millrace::ethdev
