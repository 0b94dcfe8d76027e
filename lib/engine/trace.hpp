// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

/// What the lcores' trace rings hold (trace.tracing_on, receive_path C12).
struct Trace {
  struct Event {
    Instant when{};
    std::uint16_t lcore = 0;
    std::string_view name{};    ///< Linux's tracepoint or function: softirq_raise, softirq_entry, softirq_exit; of the way out
                                ///< tcp_sendmsg, tcp_write_xmit, tcp_transmit_skb, ip_queue_xmit, ip_finish_output2,
                                ///< dev_queue_xmit, dev_hard_start_xmit (receive_path I2; IPv6 by the names of IPv4)
    std::uint8_t vec = 0;       ///< the softirq's vector
    std::string_view action{};  ///< its name: "NET_RX"; empty where the event is none of a softirq
  };
  std::vector<Event> events;  ///< in order of time; those of one lcore in the order in which they happened
  std::uint64_t written = 0;  ///< since tracing began; what is more than events.size() was overwritten

  /// As /sys/kernel/tracing/trace shows them: "[003]     0.005000: softirq_entry: vec=3 [action=NET_RX]", a line each.
  [[nodiscard]] std::string to_text() const;
};

}  // namespace millrace
