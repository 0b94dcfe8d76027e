// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace {

/// What of an lcore's work is traced: Linux's tracepoints and functions of those names.
enum class TracePoint : std::uint8_t {
  softirq_raise,
  softirq_entry,
  softirq_exit,
  // The way out, in its order (receive_path I2).
  tcp_sendmsg,
  tcp_write_xmit,
  tcp_transmit_skb,
  ip_queue_xmit,        ///< of IPv6: ip6_xmit
  ip_finish_output2,    ///< of IPv6: ip6_finish_output2
  dev_queue_xmit,
  dev_hard_start_xmit,
};

/// Who records it; on its lcore only.
class Tracer {
 public:
  virtual ~Tracer() = default;
  virtual void trace(TracePoint point) = 0;
};

}  // namespace millrace
