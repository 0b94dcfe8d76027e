// SPDX-License-Identifier: BSD-3-Clause
// B2 at partial load (receive_path X19): a fast poller sees bursts of one to three packets. What comes out with
// gro.poll_hold_us as it is by default, beside 0, which is Linux's way. Virtual time, so the figures are exact.
// Called by gro_burst.cpp; calls gro_ours.cpp.
#include "tests/bench/gro.hpp"
#include "tests/bench/gro_ours.hpp"

#include <array>

namespace millrace::bench {
namespace {

constexpr Duration pass = 500ns;           // from poll to poll
constexpr double frame_time_ns = 1230.4;   // of 1,538 bytes on the wire at 10 Gbit/s
constexpr std::uint32_t flows = 4;
constexpr std::uint32_t packets = 4096;

struct LoadCase {
  int percent;
  std::uint32_t train;  ///< segments that a sender sends back to back; 1: evenly spaced
};

/// Trains of the flows in turn.
std::vector<Wagon> in_trains(std::uint32_t train) {
  std::vector<Wagon> wagons;
  for (std::uint32_t i = 0; i < packets; ++i) {
    const std::uint32_t nth_train = i / train;
    wagons.push_back({.flow = nth_train % flows, .nth = nth_train / flows * train + i % train});
  }
  return wagons;
}

/// When frame i has arrived: trains at line rate, with gaps between them that leave the load.
double arrival_ns(const LoadCase& c, std::uint32_t i) {
  const double train_time = c.train * frame_time_ns * 100.0 / c.percent;
  return i / c.train * train_time + i % c.train * frame_time_ns;
}

std::size_t packets_out(Train& train, const LoadCase& c, Duration poll_hold) {
  gro::Config config;
  config.poll_hold = poll_hold;
  OurGro gro(config);
  train.restore();
  double now_ns = 0;
  for (std::uint32_t next = 0; next < packets; now_ns += static_cast<double>(pass.count())) {
    std::uint32_t arrived = next;
    while (arrived < packets && arrived - next < gro_burst && arrival_ns(c, arrived) <= now_ns) ++arrived;
    gro.receive(train.packets().subspan(next, arrived - next));
    gro.complete();
    gro.advance(pass);
    next = arrived;
  }
  gro.flush_all();
  return gro.take().size();
}

}  // namespace

void run_gro_loads(Bench& bench, pkt::Pool& pool) {
  for (const LoadCase& c : {LoadCase{10, 1}, {50, 1}, {90, 1}, {10, 16}, {50, 16}, {90, 16}}) {
    Train train(pool, 4, in_trains(c.train));
    const double ours = bytes_per_packet(train, packets_out(train, c, gro::Config{}.poll_hold));
    const double linux_way = bytes_per_packet(train, packets_out(train, c, Duration::zero()));
    bench.report.figure({.id = "B2",
                         .name = "ip:4,flows:4,load:" + std::to_string(c.percent) + ",train:" + std::to_string(c.train),
                         .unit = "B",
                         .ours = ours,
                         .peer = linux_way,
                         .peer_name = "poll_hold_0",
                         .ratio = linux_way / ours,
                         .added = ours - linux_way,
                         .goal = Goal::ratio_at_most(1)});
  }
  bench.report.note("payload bytes per packet out of a poller that polls every 500 ns a link of 10 Gbit/s: 1448 is no merge at all");
}

}  // namespace millrace::bench
