// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <concepts>
#include <cstdint>
#include <optional>

namespace millrace::tcp {

/// What one acknowledgment of new data says: all that congestion control ever sees of a connection.
struct AckSample {
  Instant now;
  std::uint32_t acked;                    ///< bytes newly acknowledged
  std::uint32_t in_flight;                ///< bytes outstanding before it
  std::optional<Duration> round_trip;
  bool cwnd_limited;                      ///< the window was in use, so it may grow (RFC 7661)
};

/// The seam between loss detection (process_ack, timers) and the window. Bytes everywhere.
template <class T>
concept CongestionControl = requires(T cc, const AckSample& sample, std::uint32_t bytes) {
  { T(bytes, bytes) };          // segment size, initial window
  cc.set_mss(bytes);
  cc.on_ack(sample);            // new data acknowledged outside fast recovery
  cc.on_loss(bytes);            // fast retransmit; bytes in flight
  cc.on_dup_ack();              // another duplicate in fast recovery
  cc.on_partial_ack(bytes);     // bytes it acknowledged, in fast recovery
  cc.on_recovered(bytes);       // fast recovery is over; bytes in flight
  cc.on_rto(bytes, true);       // timeout; bytes in flight, whether it is the first for this data
  cc.on_idle();                 // about to send after an idle time longer than the RTO
  { cc.cwnd() } -> std::same_as<std::uint32_t>;
  { cc.ssthresh() } -> std::same_as<std::uint32_t>;
};

}  // namespace millrace::tcp
