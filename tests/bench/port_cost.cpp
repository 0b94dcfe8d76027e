// SPDX-License-Identifier: BSD-3-Clause
// B5: what port and poll loop add to a bare rx_burst/tx_burst loop on net_ring, in time and in instructions. Called by
// main; calls port_loops.cpp, bare_loop.cpp, callgrind.py, port_testpmd.cpp for the second peer, and port_media.cpp for what else
// carries frames.
#include "tests/bench/bare_loop.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/port_idle.hpp"
#include "tests/bench/port_loops.hpp"
#include "tests/bench/port_media.hpp"
#include "tests/bench/port_ring.hpp"
#include "tests/bench/port_testpmd.hpp"

#include <functional>

namespace millrace::bench {
namespace {

constexpr std::uint64_t packets_of_a_section = 20'000 - 20'000 % PortRing::frames;
constexpr double most_ns = 2;

using Loop = std::function<std::uint64_t(std::uint64_t)>;

/// Runs a loop once; what is wrong with the ring after it, or "".
std::string verify(PortRing& ring, const Loop& loop) {
  const std::uint64_t moved = loop(packets_of_a_section);
  if (moved != packets_of_a_section)
    return "moved " + std::to_string(moved) + " packets, not " + std::to_string(packets_of_a_section);
  return ring.fault();
}

void beside_bare(Bench& bench, PortRing& ring, const std::string& name, const Loop& ours) {
  bench.load.look();
  const Loop bare = [&](std::uint64_t packets) { return peer::bare_loop(ring.port_id(), packets); };
  if (const std::string fault = verify(ring, ours); !fault.empty())
    return bench.report.failure("B5", name, "ours: " + fault);
  if (const std::string fault = verify(ring, bare); !fault.empty())
    return bench.report.failure("B5", name, "peer: " + fault);
  const Comparison result =
      compare(bench.control, {.sections = 4, .units = static_cast<double>(packets_of_a_section)},
              {.run = [&] { ours(packets_of_a_section); }}, {.run = [&] { bare(packets_of_a_section); }});
  if (const std::string fault = ring.fault(); !fault.empty())
    return bench.report.failure("B5", name, "after the rounds: " + fault);
  bench.report.comparison({.id = "B5", .name = name, .peer_name = "bare_loop", .goal = Goal::added_at_most(most_ns)},
                          result);
}

}  // namespace

void run_port(Bench& bench) {
  {
    PortRing ring;
    PollLoop loop(ring.ends());
    beside_bare(bench, ring, "layer:port,medium:net_ring,burst:32",
                [&](std::uint64_t packets) { return port_loop(ring.ends(), packets); });
    beside_bare(bench, ring, "layer:poll_loop,medium:net_ring,burst:32",
                [&](std::uint64_t packets) { return loop.run(packets); });
    run_testpmd_ring(bench, ring, loop);
  }
  bench.report.note("");
  layer_instructions(bench, "medium:net_ring", count_instructions());
  run_testpmd_instructions(bench);
  run_testpmd_virtio(bench);
  run_models(bench);
  run_media(bench);
  run_idle(bench);
}

}  // namespace millrace::bench
