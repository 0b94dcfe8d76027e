// SPDX-License-Identifier: BSD-3-Clause
// B3: which lcore a packet is for (parse, hash, owner lookup), beside DPDK's parts for the same; then the hand-over.
// Called by main; calls steer_load.cpp, steer_peer.cpp, hand_over.cpp.
#include "tests/bench/bench.hpp"
#include "tests/bench/gro.hpp"
#include "tests/bench/hash_peer.hpp"
#include "tests/bench/hand_over.hpp"
#include "tests/bench/instructions.hpp"
#include "tests/bench/steer_load.hpp"
#include "tests/bench/steer_peer.hpp"

#include <algorithm>

namespace millrace::bench {
namespace {

constexpr double most_ns = 12;

struct Case {
  std::uint32_t flows;
  steer::LcoreId owner;
  Goal goal;
  [[nodiscard]] std::string name() const {
    return std::string("choose:") + (owner == SteerLoad::here ? "own" : "other") + ",flows:" + std::to_string(flows) + ",burst:32";
  }
};

// 4096 flows: packets and table lines come from beyond L2.
constexpr Case cases[] = {{64, 0, Goal{Goal::Of::ours, false, most_ns}},
                          {64, 1, Goal{Goal::Of::ours, false, most_ns}},
                          {4096, 0, Goal{Goal::Of::ratio, true, 1}},
                          {4096, 1, Goal{Goal::Of::ratio, true, 1}}};

void run_case(Bench& bench, const Case& c) {
  bench.load.look();
  SteerLoad ours(c.flows, c.owner);
  peer::OwnerLookup lookup(SteerLoad::table_flows);
  for (const FlowKey& flow : ours.flows())
    if (!lookup.insert(flow, c.owner)) return bench.report.failure("B3", c.name(), "rte_hash is full");
  std::vector<std::uint16_t> our_owners(c.flows, 0xfffe);
  std::vector<std::uint16_t> peer_owners(c.flows, 0xfffe);
  const auto packets = ours.packets();
  const auto run_peer = [&] {
    for (std::size_t at = 0; at < packets.size(); at += peer::OwnerLookup::burst)
      lookup.look_up(rte(const_cast<pkt::Mbuf**>(packets.data())) + at, &peer_owners[at]);
  };
  ours.steer(our_owners.data());
  run_peer();
  if (our_owners != std::vector<std::uint16_t>(c.flows, c.owner)) return bench.report.failure("B3", c.name(), "we do not find the owners");
  if (peer_owners != our_owners) return bench.report.failure("B3", c.name(), "the peer does not find the owners");
  const unsigned repeats = std::max(1u, 6400 / c.flows);
  const Comparison result = compare(bench.control, {.sections = 10, .units = static_cast<double>(repeats) * c.flows},
                                    {.run = [&] { for (unsigned i = 0; i < repeats; ++i) ours.steer(our_owners.data()); }},
                                    {.run = [&] { for (unsigned i = 0; i < repeats; ++i) run_peer(); }});
  bench.report.comparison({.id = "B3", .name = c.name(), .peer_name = "ptype+rss+rte_hash", .goal = c.goal}, result);
}

// Switched off, within 1% of the same compiled without RPS (receive_path F21).
void rps_off(Bench& bench, const Instructions& counts) {
  Figure figure{.id = "B3", .name = "choose:rps_off,flows:64,burst:32", .unit = "instr", .peer_name = "without_rps",
                .goal = Goal::ratio_at_least(0.99), .skip = counts.fault};
  if (counts.fault.empty()) {
    figure.ours = counts.by_loop.at("mr_count_rps_off");
    figure.peer = counts.by_loop.at("mr_count_no_rps");
    figure.ratio = figure.peer / figure.ours;
  }
  bench.report.figure(figure);
}

void instructions(Bench& bench) {
  const Instructions& counts = count_instructions();
  rps_off(bench, counts);
  for (const auto& [owner, loop] : {std::pair{"own", "mr_count_own"}, std::pair{"other", "mr_count_other"}}) {
    Figure figure{.id = "B3", .name = std::string("choose:") + owner + ",flows:64,burst:32", .unit = "instr", .peer_name = "ptype+rss+rte_hash",
                  .goal = Goal::ratio_at_least(1), .skip = counts.fault};
    if (counts.fault.empty()) {
      figure.ours = counts.by_loop.at(loop);
      figure.peer = counts.by_loop.at("mr_count_lookup");
      figure.ratio = figure.peer / figure.ours;
    }
    bench.report.figure(figure);
  }
}

}  // namespace

void run_steer(Bench& bench) {
  peer::set_hash_key(wire::microsoft_key);
  for (const Case& c : cases) run_case(bench, c);
  instructions(bench);
  run_hand_over(bench);
}

}  // namespace millrace::bench
