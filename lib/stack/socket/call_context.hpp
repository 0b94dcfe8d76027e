// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace millrace::socket {

/// Where an application's call runs: the lcore. What a call sends to an own address is received in the caller's
/// context, at the call's end, when nothing of the call is under way any more (receive_path M3).
class CallContext {
 public:
  virtual ~CallContext() = default;
  virtual void begin_call() = 0;
  /// Of the outermost call: sends what it caused, and runs the softirqs that it raised.
  virtual void end_call() = 0;
};

}  // namespace millrace::socket
