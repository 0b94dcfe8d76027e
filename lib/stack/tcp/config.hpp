// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <cstdint>

namespace millrace::tcp {

/// Bytes of buffer memory, overhead included, as in net.ipv4.tcp_rmem and tcp_wmem.
struct BufferSizes {
  std::uint32_t min;
  std::uint32_t initial;
  std::uint32_t max;
};

/// How one lcore's TCP behaves. Names and defaults are those of Linux's net.ipv4.tcp_* unless a comment says more.
struct Config {
  std::uint32_t max_connections = 65536;  ///< per lcore, half-open ones included; a SYN beyond is dropped and counted
  std::uint32_t max_tw_buckets = 131072;
  std::uint32_t max_syn_backlog = 2048;   ///< half-open connections of one listener
  std::uint32_t somaxconn = 4096;         ///< net.core.somaxconn: the largest backlog of a listener
  bool abort_on_overflow = false;

  std::uint8_t syn_retries = 6;
  std::uint8_t synack_retries = 5;
  std::uint8_t retries2 = 15;
  std::uint8_t orphan_retries = 8;        ///< what Linux makes of its default 0
  std::uint8_t reordering = 3;            ///< duplicate ACKs that start a fast retransmit
  std::uint8_t initial_window = 10;       ///< segments, RFC 6928

  Duration rto_initial = 1s;              ///< RFC 6298 (2.1)
  Duration rto_min = 200ms;
  Duration rto_max = 120s;
  Duration delack_min = 40ms;
  Duration delack_max = 200ms;
  Duration time_wait = 60s;
  Duration fin_timeout = 60s;             ///< an orphan's stay in FIN-WAIT-2
  Duration invalid_ratelimit = 500ms;     ///< between two answers to unacceptable segments of one connection
  std::uint32_t limit_output_bytes = 4194304;  ///< of a connection that may wait in a tx queue whose device is behind
  Duration small_queue_probe = 1ms;       ///< until another look at that queue
  Duration resource_probe = 10ms;         ///< until another try when no packet buffer was free

  BufferSizes rmem{4096, 131072, 6291456};
  BufferSizes wmem{4096, 16384, 4194304};
  bool moderate_rcvbuf = true;
  bool timestamps = true;
  bool window_scaling = true;
  bool slow_start_after_idle = true;

  /// net.ipv4.ip_local_port_range. Lcores of one stack take turns: this one uses the ports that are `port_phase`
  /// modulo `port_stride`, so that no two pick the same 4-tuple.
  std::uint16_t port_low = 32768;
  std::uint16_t port_high = 60999;
  std::uint16_t port_stride = 1;
  std::uint16_t port_phase = 0;
};

}  // namespace millrace::tcp
