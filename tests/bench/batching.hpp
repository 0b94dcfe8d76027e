// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/pkt/pool.hpp>

namespace millrace::bench {

/// A TCP stream on a link of 10 Gbit/s, full frames evenly spaced, into an rx queue with interrupts (receive_path E20).
struct BatchingCase {
  int load_percent = 10;
  Duration rx_usecs{0};  ///< coalesce.rx_usecs
  bool gro = true;
};

struct Batching {
  double interrupts_per_packet = 0;  ///< with those that a coalescing device makes at the end of a hold-off, where ours polls
  double packets_per_frame = 0;      ///< received by frame passed up
  double wait_us = 0;                ///< of a packet in the device, on average
};

/// What becomes of 4096 frames out of `pool`, in virtual time: exact.
[[nodiscard]] Batching measure_batching(pkt::Pool& pool, const BatchingCase& c);

}  // namespace millrace::bench
