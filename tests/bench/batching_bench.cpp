// SPDX-License-Identifier: BSD-3-Clause
// E20: interrupts a packet and packets a frame, side by side, for coalescing and GRO on and off. Called by main; calls
// batching.cpp.
#include "tests/bench/batching.hpp"
#include "tests/bench/bench.hpp"

#include <array>
#include <cstdio>

namespace millrace::bench {
namespace {

constexpr Duration hold = 50us;

void line(Bench& bench, int load, const char* coalesce, const char* gro, const Batching& b) {
  std::array<char, 128> text;
  std::snprintf(text.data(), text.size(), "load %2d%%  coalesce %-5s gro %-3s  %7.4f interrupts/packet  %6.2f packets/frame  %5.1f us wait", load,
                coalesce, gro, b.interrupts_per_packet, b.packets_per_frame, b.wait_us);
  bench.report.note(text.data());
}

}  // namespace

void run_batching(Bench& bench) {
  const auto pool = pkt::Pool::create({.name = "batching", .packets = 1023});
  if (!pool) return bench.report.failure("batch", "pool", pool.error().message);
  for (const int load : {1, 10, 50, 90}) {
    for (const bool gro : {false, true}) {
      const Batching off = measure_batching(**pool, {.load_percent = load, .gro = gro});
      const Batching on = measure_batching(**pool, {.load_percent = load, .rx_usecs = hold, .gro = gro});
      const char* const word = gro ? "on" : "off";
      line(bench, load, "off", word, off);
      line(bench, load, "50us", word, on);
      const std::string name = "load:" + std::to_string(load) + ",gro:" + word + ",rx_usecs:50";
      bench.report.figure({.id = "batch",
                           .name = name,
                           .unit = "irq/pkt",
                           .ours = on.interrupts_per_packet,
                           .peer = off.interrupts_per_packet,
                           .peer_name = "rx_usecs_0",
                           .ratio = off.interrupts_per_packet / on.interrupts_per_packet,
                           .added = on.interrupts_per_packet - off.interrupts_per_packet,
                           .goal = Goal::ratio_at_least(1)});
      bench.report.figure({.id = "batch",
                           .name = name,
                           .unit = "pkt/frame",
                           .ours = on.packets_per_frame,
                           .peer = off.packets_per_frame,
                           .peer_name = "rx_usecs_0",
                           .ratio = off.packets_per_frame / on.packets_per_frame,
                           .added = on.packets_per_frame - off.packets_per_frame,
                           .goal = Goal::ratio_at_most(1)});
    }
  }
  bench.report.note("one TCP stream, full frames evenly spaced on 10 Gbit/s, rx_mode interrupt, an interrupt and its poll taken as 1 us; virtual time, exact");
}

}  // namespace millrace::bench
