// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/compare.hpp"
#include "tests/bench/load.hpp"
#include "tests/bench/report.hpp"

#include <cstdint>
#include <string>

namespace millrace::bench {

/// What a benchmark works with; made by main.
struct Bench {
  Control& control;
  Report& report;
  Load& load;
  unsigned cpu = 0;         ///< the CPU that this thread is pinned to
  int other_cpu = -1;       ///< another one that may be used; -1: there is none
  bool huge_pages = false;  ///< EAL's memory is
};

// One for each id; performance figures with the goals of doc/benchmarks.md.
void run_hash(Bench& bench);  ///< B1
void run_gro(Bench& bench);   ///< B2
void run_steer(Bench& bench);  ///< B3
void run_port(Bench& bench);  ///< B5
void run_batching(Bench& bench);  ///< batch
void run_memory(Bench& bench);  ///< mem
void run_udp(Bench& bench);  ///< UDP
void run_lpm(Bench& bench);  ///< LPM
void run_copies_and_locks(Bench& bench);  ///< of mem

/// What callgrind watches (callgrind.py): each loop of B5 once, over `packets` packets.
void run_under_callgrind(std::uint64_t packets);

/// Our side of UDP over virtio-user, in a process of its own: echoes until it is killed.
void run_udp_echo(const std::string& socket, unsigned cpu);

}  // namespace millrace::bench
