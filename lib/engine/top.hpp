// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/stats.hpp>

#include <string>
#include <vector>

namespace millrace {

/// Where an lcore's time went, in percent of the time between two snapshots: what top shows of a CPU (receive_path C14).
/// `us`, `si` and `id` together are 100, or 0 when no time went by; the others are parts of `si`, whose rest is timers,
/// frames that wait for a device, and control requests.
struct LcoreTime {
  double us = 0;     ///< calls of the application: what it posted, its threads' requests, its busy polling
  double si = 0;     ///< passes that did work for the stack; callbacks that a packet brought about are its work
  double id = 0;     ///< asleep, or in passes that found nothing
  double rx = 0;     ///< devices were asked for packets
  double gro = 0;    ///< GRO, dissection included
  double steer = 0;  ///< lcores were chosen and packets handed over
  double proto = 0;  ///< stacks, sockets, and what they sent
};

/// By lcore, between two snapshots of one engine, `before` taken first.
[[nodiscard]] std::vector<LcoreTime> lcore_times(const Stats& before, const Stats& after);

/// The same as text: a line of titles, then a line for each lcore, percentages with one decimal, as top prints them
/// after `1` was pressed.
[[nodiscard]] std::string top(const Stats& before, const Stats& after);

}  // namespace millrace
