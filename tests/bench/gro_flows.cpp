// SPDX-License-Identifier: BSD-3-Clause
// B2 beyond the table: many flows held from burst to burst, beside rte_gro's context; and our own cost at 16K flows
// beside that at 16. Called by gro_burst.cpp.
#include "tests/bench/gro.hpp"
#include "tests/bench/gro_ours.hpp"
#include "tests/bench/gro_peer.hpp"
#include "tests/bench/timing.hpp"

#include <millrace/base/rng.hpp>
#include <millrace/gro/held.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr std::uint32_t timed_packets = 256;

/// One segment of each flow, then the ones that are timed: the next of flows drawn at random.
std::vector<Wagon> all_then_drawn(std::uint32_t flows) {
  Rng rng(flows);
  std::vector<std::uint32_t> next(flows, 1);
  std::vector<Wagon> wagons = in_turn(flows, flows);
  for (std::uint32_t i = 0; i < timed_packets; ++i) {
    const auto flow = static_cast<std::uint32_t>(rng.next() % flows);
    wagons.push_back({.flow = flow, .nth = next[flow]++});
  }
  return wagons;
}

template <class F>
void in_bursts(std::span<pkt::Mbuf* const> packets, F&& f) {
  for (std::size_t at = 0; at < packets.size(); at += gro_burst)
    f(packets.subspan(at, std::min<std::size_t>(gro_burst, packets.size() - at)));
}

/// The packets of a case in their two parts.
class Flows {
 public:
  Flows(pkt::Pool& pool, std::uint32_t flows) : train_(pool, 4, all_then_drawn(flows)), flows_(flows) {}

  [[nodiscard]] const Train& train() const { return train_; }
  [[nodiscard]] std::span<pkt::Mbuf* const> first() const { return train_.packets().first(flows_); }
  [[nodiscard]] std::span<pkt::Mbuf* const> timed() const { return train_.packets().subspan(flows_); }
  void restore_first() { train_.restore(0, flows_); }
  void restore_timed() { train_.restore(flows_, timed_packets); }

 private:
  Train train_;
  std::uint32_t flows_;
};

/// Our side at a poller under full load: each burst uses the whole weight, so that what is held stays for the tick.
class OurFlows {
 public:
  explicit OurFlows(Flows& flows) : flows_(flows) {}

  [[nodiscard]] Side side() {
    return {.begin =
                [this] {
                  flows_.restore_first();
                  receive(flows_.first());
                  gro_.forget();
                },
            .prepare = [this] { flows_.restore_timed(); },
            .run = [this] { receive(flows_.timed()); },
            .finish = [this] { gro_.flush_all(), gro_.forget(); }};
  }
  /// What comes out of all packets; runs them once.
  [[nodiscard]] std::vector<pkt::Mbuf*> out() {
    flows_.restore_first();
    flows_.restore_timed();
    receive(flows_.first());
    receive(flows_.timed());
    gro_.flush_all();
    return gro_.take();
  }

 private:
  void receive(std::span<pkt::Mbuf* const> packets) {
    in_bursts(packets, [&](std::span<pkt::Mbuf* const> burst) {
      gro_.receive(burst);
      gro_.flush_old();
    });
  }
  Flows& flows_;
  OurGro gro_;
};

/// rte_gro with a context that has room for every flow.
class PeerFlows {
 public:
  explicit PeerFlows(Flows& flows)
      : flows_(flows), context_(peer::make_context(static_cast<std::uint16_t>(flows.first().size()))) {
    if (context_ == nullptr) throw std::runtime_error("no memory for rte_gro's context");
    out_.resize(flows.train().size());
  }
  ~PeerFlows() { peer::free_context(context_); }
  PeerFlows(const PeerFlows&) = delete;
  PeerFlows& operator=(const PeerFlows&) = delete;

  [[nodiscard]] Side side() {
    return {.begin =
                [this] {
                  flows_.restore_first();
                  receive(flows_.first());
                },
            .prepare = [this] { flows_.restore_timed(); },
            .run = [this] { receive(flows_.timed()); },
            .finish = [this] { static_cast<void>(flush()); }};
  }
  [[nodiscard]] std::vector<pkt::Mbuf*> out() {
    flows_.restore_first();
    flows_.restore_timed();
    passed_.clear();
    receive(flows_.first());
    receive(flows_.timed());
    std::vector<pkt::Mbuf*> all = passed_;
    const std::uint16_t n = flush();
    all.insert(all.end(), out_.begin(), out_.begin() + n);
    return all;
  }

 private:
  void receive(std::span<pkt::Mbuf* const> packets) {
    in_bursts(packets, [&](std::span<pkt::Mbuf* const> burst) {
      std::array<pkt::Mbuf*, gro_burst> array;
      std::copy(burst.begin(), burst.end(), array.begin());
      const std::uint16_t n = peer::reassemble(context_, rte(array.data()), static_cast<std::uint16_t>(burst.size()));
      passed_.insert(passed_.end(), array.begin(), array.begin() + n);
    });
  }
  std::uint16_t flush() {
    passed_.clear();
    return peer::flush(context_, rte(out_.data()), static_cast<std::uint16_t>(out_.size()));
  }
  Flows& flows_;
  void* context_;
  std::vector<pkt::Mbuf*> out_;
  std::vector<pkt::Mbuf*> passed_;
};

void beside_context(Bench& bench, pkt::Pool& pool, std::uint32_t flows, double goal) {
  bench.load.look();
  const std::string name = "ip:4,flows:" + std::to_string(flows) + ",burst:64,held:across";
  Flows packets(pool, flows);
  OurFlows ours(packets);
  PeerFlows peer(packets);
  const std::vector<pkt::Mbuf*> our_out = ours.out();
  if (const std::string fault = packets.train().fault_of(our_out); !fault.empty())
    return bench.report.failure("B2", name, "ours: " + fault);
  const std::vector<pkt::Mbuf*> peer_out = peer.out();
  if (const std::string fault = packets.train().fault_of(peer_out); !fault.empty())
    return bench.report.failure("B2", name, "peer: " + fault);
  const Comparison result = compare(bench.control, {.sections = 1, .units = timed_packets}, ours.side(), peer.side());
  bench.report.comparison(
      {.id = "B2", .name = name, .peer_name = "ptype+rte_gro_ctx", .goal = Goal::ratio_at_least(goal)}, result);
  bench.report.note("our table holds " + std::to_string(gro::HeldTable::capacity) +
                    " flows and puts the oldest out, rte_gro's context holds all " + std::to_string(flows) +
                    " and scans them");
  bench.report.note(std::to_string(packets.train().size()) + " packets in; out: ours " +
                    std::to_string(our_out.size()) + ", peer " + std::to_string(peer_out.size()));
}

void beside_ourselves(Bench& bench, pkt::Pool& pool, std::uint32_t many, std::uint32_t few) {
  bench.load.look();
  Flows many_flows(pool, many);
  Flows few_flows(pool, few);
  OurFlows at_many(many_flows);
  OurFlows at_few(few_flows);
  const std::string name =
      "ip:4,flows:" + std::to_string(many) + ",burst:64,held:across,beside:" + std::to_string(few) + "flows";
  std::string fault = many_flows.train().fault_of(at_many.out());
  if (fault.empty()) fault = few_flows.train().fault_of(at_few.out());
  if (!fault.empty()) return bench.report.failure("B2", name, fault);
  const Comparison result =
      compare(bench.control, {.sections = 1, .units = timed_packets}, at_many.side(), at_few.side());
  bench.report.comparison({.id = "B2", .name = name, .peer_name = "ourselves", .goal = Goal::ratio_at_least(0.333)},
                          result);
}

}  // namespace

void run_gro_flows(Bench& bench, pkt::Pool& pool) {
  beside_context(bench, pool, 1024, 50);
  beside_context(bench, pool, 16384, 500);
  beside_ourselves(bench, pool, 16384, 16);
}

}  // namespace millrace::bench
