// SPDX-License-Identifier: BSD-3-Clause
// The loops of B5 once each, for callgrind to count. Called by main (--callgrind-child), which callgrind.py starts
// under valgrind; that script knows the functions by these names.
#include "tests/bench/bare_loop.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/port_loops.hpp"

#include <cstdio>

extern "C" {
// Not static and not inlined, so that they are in the profile under these names.
[[gnu::noinline]] std::uint64_t mr_count_bare(std::uint16_t port, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_port(millrace::bench::PortRing& ring, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_poll_loop(millrace::bench::PollLoop& loop, std::uint64_t packets);

std::uint64_t mr_count_bare(std::uint16_t port, std::uint64_t packets) {
  return millrace::bench::peer::bare_loop_avx2(port, packets);
}
std::uint64_t mr_count_port(millrace::bench::PortRing& ring, std::uint64_t packets) {
  return millrace::bench::port_loop(ring, packets);
}
std::uint64_t mr_count_poll_loop(millrace::bench::PollLoop& loop, std::uint64_t packets) { return loop.run(packets); }
}

namespace millrace::bench {

void run_under_callgrind(std::uint64_t packets) {
  PortRing ring;
  PollLoop loop(ring);
  std::printf("mr_count_bare %llu\n", static_cast<unsigned long long>(mr_count_bare(ring.port_id(), packets)));
  std::printf("mr_count_port %llu\n", static_cast<unsigned long long>(mr_count_port(ring, packets)));
  std::printf("mr_count_poll_loop %llu\n", static_cast<unsigned long long>(mr_count_poll_loop(loop, packets)));
}

}  // namespace millrace::bench
