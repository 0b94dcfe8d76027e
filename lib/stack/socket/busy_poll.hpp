// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::socket {

/// What one socket asks of busy polling: SO_BUSY_POLL and SO_BUSY_POLL_BUDGET.
struct BusyPoll {
  std::uint32_t us = 0;       ///< how long a receive call that finds nothing may poll; 0: not at all
  std::uint16_t budget = 8;   ///< packets of one poll (Linux: BUSY_POLL_BUDGET)
};

/// Who can poll a receive queue from inside a receive call: the lcore.
class BusyPoller {
 public:
  virtual ~BusyPoller() = default;
  /// napi_busy_loop(): polls the NAPI of that id until `done(context)`, or the socket's time is over, or, where the clock
  /// stands still, there is nothing more. Not at all from inside the receive loop, or when this lcore does not own the
  /// NAPI now.
  virtual void busy_poll(std::uint32_t napi_id, const BusyPoll& wanted, bool (*done)(void* context), void* context) = 0;
};

}  // namespace millrace::socket
