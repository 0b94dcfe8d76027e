// SPDX-License-Identifier: BSD-3-Clause
// B2: merging within a burst, hot and cold, IPv4 and IPv6, beside rte_net_get_ptype and rte_gro_reassemble_burst.
// Called by main; calls gro_ours.cpp and gro_peer.cpp.
#include "tests/bench/gro.hpp"
#include "tests/bench/gro_ours.hpp"
#include "tests/bench/gro_peer.hpp"
#include "tests/bench/machine.hpp"
#include "tests/bench/memory.hpp"
#include "tests/bench/timing.hpp"

#include <algorithm>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr std::uint32_t cold_packets = 4096;

struct Case {
  int family;
  std::uint32_t flows;
  std::uint16_t burst;
  bool cold;
  double goal;

  [[nodiscard]] std::uint32_t packets() const { return cold ? cold_packets : gro_burst; }
  [[nodiscard]] std::string name() const {
    return "ip:" + std::to_string(family) + ",flows:" + std::to_string(flows) + ",burst:" + std::to_string(burst) +
           ",temp:" + (cold ? "cold" : "hot");
  }
};

// Goals are set for 1, 32 and 64 flows hot, 1-16 and 64 flows cold, and bursts of 4; in between, the smaller one holds.
constexpr Case cases[] = {
    {4, 1, 64, false, 3},   {4, 4, 64, false, 3},  {4, 16, 64, false, 3}, {4, 32, 64, false, 6},
    {4, 64, 64, false, 10}, {4, 1, 64, true, 2.2}, {4, 4, 64, true, 2.2}, {4, 16, 64, true, 2.2},
    {4, 32, 64, true, 2.2}, {4, 64, 64, true, 4},  {4, 1, 4, false, 3},   {4, 4, 4, false, 3},
    {6, 1, 64, false, 3},   {6, 4, 64, false, 3},  {6, 16, 64, false, 3}, {6, 32, 64, false, 6},
    {6, 64, 64, false, 10}, {6, 1, 64, true, 2.2}, {6, 64, 64, true, 4},
};

/// Both sides over one train, in bursts.
class Race {
 public:
  Race(pkt::Pool& pool, int family, std::uint16_t burst, bool cold, const std::vector<Wagon>& wagons,
       const Region& swept)
      : train_(pool, family, wagons),
        burst_(burst),
        cold_(cold),
        merges_(family == 4 || peer::has_tcp6()),
        swept_(swept),
        counts_(wagons.size() / burst) {}

  [[nodiscard]] Side ours() {
    return {.prepare = [this] { prepare_ours(); },
            .run =
                [this] {
                  for (std::size_t at = 0; at < train_.size(); at += burst_) {
                    gro_.receive(train_.packets().subspan(at, burst_));
                    gro_.flush_all();
                  }
                },
            .finish = [this] { gro_.forget(); }};
  }
  [[nodiscard]] Side peer() {
    return {.prepare = [this] { prepare_peer(); },
            .run =
                [this] {
                  rte_mbuf** at = rte(array_.data());
                  for (std::uint16_t& left : counts_) {
                    left = burst_;
                    if (merges_) {
                      left = peer::reassemble_burst(at, burst_);
                    } else {
                      peer::parse(at, burst_);
                    }
                    at += burst_;
                  }
                }};
  }

  /// Runs each side once; what is wrong with what came out, or "".
  [[nodiscard]] std::string verify() {
    const Side our_side = ours();
    our_side.prepare();
    our_side.run();
    const std::vector<pkt::Mbuf*> our_out = gro_.take();
    ours_out = our_out.size();
    if (std::string fault = train_.fault_of(our_out); !fault.empty()) return "ours: " + fault;
    const Side peer_side = peer();
    peer_side.prepare();
    peer_side.run();
    std::vector<pkt::Mbuf*> peer_packets;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      const auto from = array_.begin() + static_cast<std::ptrdiff_t>(i * burst_);
      peer_packets.insert(peer_packets.end(), from, from + counts_[i]);
    }
    peer_out = peer_packets.size();
    std::string fault = train_.fault_of(peer_packets);
    return fault.empty() ? "" : "peer: " + fault;
  }

  [[nodiscard]] const Train& train() const { return train_; }
  [[nodiscard]] bool merges() const { return merges_; }

  std::size_t ours_out = 0;  ///< packets that came out, set by verify()
  std::size_t peer_out = 0;

 private:
  void prepare_ours() {
    gro_.forget();
    restore();
  }
  void prepare_peer() {
    array_.assign(train_.packets().begin(), train_.packets().end());
    restore();
  }
  void restore() {
    train_.restore();
    if (cold_) sweep();
  }
  /// Puts other lines into the caches.
  void sweep() {
    for (std::size_t at = 0; at < swept_.size(); at += line_bytes) swept_.data()[at] += 1;
  }

  Train train_;
  std::uint16_t burst_;
  bool cold_;
  bool merges_;
  const Region& swept_;
  std::vector<std::uint16_t> counts_;  ///< by burst: what the peer left of it
  std::vector<pkt::Mbuf*> array_;
  OurGro gro_;
};

void run_case(Bench& bench, pkt::Pool& pool, const Case& c, const Region& swept) {
  bench.load.look();
  Race race(pool, c.family, c.burst, c.cold, in_turn(c.flows, c.packets()), swept);
  std::string fault = race.verify();
  if (fault.empty() && race.merges() && race.ours_out != race.peer_out)
    fault = "ours left " + std::to_string(race.ours_out) + " packets, rte_gro " + std::to_string(race.peer_out);
  if (!fault.empty()) return bench.report.failure("B2", c.name(), fault);
  const Plan plan{.sections = c.cold ? 1u : 100u, .units = static_cast<double>(c.packets())};
  const Comparison result = compare(bench.control, plan, race.ours(), race.peer());
  Figure figure{.id = "B2",
                .name = c.name(),
                .peer_name = race.merges() ? "ptype+rte_gro" : "ptype",
                .goal = Goal::ratio_at_least(c.goal)};
  if (!race.merges()) figure.skip = "this DPDK's rte_gro knows no TCP over IPv6: the peer only parses, we also merge";
  bench.report.comparison(figure, result);
  bench.report.note(std::to_string(race.train().size()) + " packets in; out: ours " + std::to_string(race.ours_out) +
                    ", peer " + std::to_string(race.peer_out));
}

/// Traffic on which the rules differ: what comes out is reported, not the time.
void run_mix(Bench& bench, pkt::Pool& pool, const std::string& name, std::vector<Wagon> wagons, const std::string& skip,
             const Region& swept) {
  Race race(pool, 4, gro_burst, false, wagons, swept);
  if (const std::string fault = race.verify(); !fault.empty()) return bench.report.failure("B2", name, fault);
  const double ours = bytes_per_packet(race.train(), race.ours_out);
  const double peer = bytes_per_packet(race.train(), race.peer_out);
  bench.report.note("");
  bench.report.figure({.id = "B2",
                       .name = name,
                       .unit = "B",
                       .ours = ours,
                       .peer = peer,
                       .peer_name = "ptype+rte_gro",
                       .ratio = peer / ours,
                       .added = ours - peer,
                       .goal = Goal::ratio_at_most(1),
                       .skip = skip});
}

void run_mixes(Bench& bench, pkt::Pool& pool, const Region& swept) {
  std::vector<Wagon> psh = in_turn(4, gro_burst);
  for (Wagon& w : psh) w.psh = w.nth % 8 == 7;
  run_mix(bench, pool, "ip:4,flows:4,burst:64,mix:psh8", psh, "", swept);
  bench.report.note(
      "payload bytes per packet out; every 8th segment has PSH, which we merge as the last one and rte_gro passes "
      "alone");
  std::vector<Wagon> ce = in_turn(4, gro_burst);
  for (Wagon& w : ce) w.ce = w.nth % 8 == 7;
  run_mix(bench, pool, "ip:4,flows:4,burst:64,mix:ce8", ce,
          "not the same work: rte_gro merges across ECN marks and loses them, we do not (RFC 3168 section 5.3)", swept);
}

}  // namespace

void run_gro_bursts(Bench& bench, pkt::Pool& pool) {
  const Region swept(cold_bytes, bench.huge_pages);
  for (const Case& c : cases) run_case(bench, pool, c, swept);
  run_mixes(bench, pool, swept);
}

void run_gro(Bench& bench) {
  auto pool = pkt::Pool::create({.name = "bench_gro", .packets = 20'000});
  if (!pool) throw std::runtime_error(pool.error().message);
  bench.report.note(std::string("our burst path: ") + gro::name(gro::best_variant()));
  run_gro_bursts(bench, **pool);
  run_gro_flows(bench, **pool);
  run_gro_loads(bench, **pool);
  if ((*pool)->in_use() != 0)
    bench.report.failure("B2", "all", std::to_string((*pool)->in_use()) + " packets were lost");
}

}  // namespace millrace::bench
