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

/// The next segments of flows drawn at random, of which each has had one before.
std::vector<Wagon> drawn(std::uint32_t flows) {
  Rng rng(flows);
  std::vector<std::uint32_t> next(flows, 1);
  std::vector<Wagon> wagons;
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

/// One packet of each flow, then the ones that are timed.
struct Trains {
  Trains(pkt::Pool& pool, std::uint32_t flows) : first(pool, 4, in_turn(flows, flows)), next(pool, 4, drawn(flows)) {}
  Train first;
  Train next;
};

/// Our side at a poller under full load: each burst uses the whole weight, so that what is held stays for the tick.
class OurFlows {
 public:
  explicit OurFlows(Trains& trains) : trains_(trains) {}

  [[nodiscard]] Side side() {
    return {.begin =
                [this] {
                  trains_.first.restore();
                  receive(trains_.first);
                  gro_.forget();
                },
            .prepare = [this] { trains_.next.restore(); },
            .run = [this] { receive(trains_.next); },
            .finish = [this] { gro_.flush_all(), gro_.forget(); }};
  }
  /// What comes out of both trains; runs them once.
  [[nodiscard]] std::vector<pkt::Mbuf*> out() {
    trains_.first.restore();
    trains_.next.restore();
    receive(trains_.first);
    receive(trains_.next);
    gro_.flush_all();
    return gro_.take();
  }

 private:
  void receive(const Train& train) {
    in_bursts(train.packets(), [&](std::span<pkt::Mbuf* const> burst) {
      gro_.receive(burst);
      gro_.flush_old();
    });
  }
  Trains& trains_;
  OurGro gro_;
};

/// rte_gro with a context that has room for every flow.
class PeerFlows {
 public:
  PeerFlows(Trains& trains, std::uint32_t flows) : trains_(trains), context_(peer::make_context(static_cast<std::uint16_t>(flows))) {
    if (context_ == nullptr) throw std::runtime_error("no memory for rte_gro's context");
    out_.resize(trains.first.size() + trains.next.size());
  }
  ~PeerFlows() { peer::free_context(context_); }
  PeerFlows(const PeerFlows&) = delete;
  PeerFlows& operator=(const PeerFlows&) = delete;

  [[nodiscard]] Side side() {
    return {.begin =
                [this] {
                  trains_.first.restore();
                  receive(trains_.first);
                },
            .prepare = [this] { trains_.next.restore(); },
            .run = [this] { receive(trains_.next); },
            .finish = [this] { static_cast<void>(flush()); }};
  }
  [[nodiscard]] std::vector<pkt::Mbuf*> out() {
    trains_.first.restore();
    trains_.next.restore();
    passed_.clear();
    receive(trains_.first);
    receive(trains_.next);
    std::vector<pkt::Mbuf*> all = passed_;
    const std::uint16_t n = flush();
    all.insert(all.end(), out_.begin(), out_.begin() + n);
    return all;
  }

 private:
  void receive(const Train& train) {
    in_bursts(train.packets(), [&](std::span<pkt::Mbuf* const> burst) {
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
  Trains& trains_;
  void* context_;
  std::vector<pkt::Mbuf*> out_;
  std::vector<pkt::Mbuf*> passed_;
};

/// "" when `out` holds what both trains brought.
std::string fault_of(const Trains& trains, const std::vector<pkt::Mbuf*>& out) {
  std::uint64_t bytes = 0;
  for (const pkt::Mbuf* m : out)
    for (; m != nullptr; m = m->next) bytes += m->data_len;
  // A merged packet has one header for all its segments.
  const std::uint64_t header = trains.first.packets()[0]->buf_len == 0 ? 0 : 66;
  const std::uint64_t expected = (std::uint64_t{trains.first.size()} + trains.next.size()) * Train::payload_bytes + header * out.size();
  return bytes == expected ? "" : std::to_string(bytes) + " bytes came out, not " + std::to_string(expected);
}

void beside_context(Bench& bench, pkt::Pool& pool, std::uint32_t flows, double goal) {
  bench.load.look();
  const std::string name = "ip:4,flows:" + std::to_string(flows) + ",burst:64,held:across";
  Trains trains(pool, flows);
  OurFlows ours(trains);
  PeerFlows peer(trains, flows);
  const std::vector<pkt::Mbuf*> our_out = ours.out();
  if (const std::string fault = fault_of(trains, our_out); !fault.empty()) return bench.report.failure("B2", name, "ours: " + fault);
  const std::vector<pkt::Mbuf*> peer_out = peer.out();
  if (const std::string fault = fault_of(trains, peer_out); !fault.empty()) return bench.report.failure("B2", name, "peer: " + fault);
  const Comparison result = compare(bench.control, {.sections = 1, .units = timed_packets}, ours.side(), peer.side());
  bench.report.comparison({.id = "B2", .name = name, .peer_name = "ptype+rte_gro_ctx", .goal = Goal::ratio_at_least(goal)}, result);
  bench.report.note("our table holds " + std::to_string(gro::HeldTable::capacity) + " flows and puts the oldest out, rte_gro's context holds all " +
                    std::to_string(flows) + " and scans them; of " + std::to_string(trains.first.size() + trains.next.size()) + " packets ours made " +
                    std::to_string(our_out.size()) + ", rte_gro " + std::to_string(peer_out.size()));
}

void beside_ourselves(Bench& bench, pkt::Pool& pool, std::uint32_t many, std::uint32_t few) {
  bench.load.look();
  Trains many_trains(pool, many);
  Trains few_trains(pool, few);
  OurFlows at_many(many_trains);
  OurFlows at_few(few_trains);
  const Comparison result = compare(bench.control, {.sections = 1, .units = timed_packets}, at_many.side(), at_few.side());
  const std::string name = "ip:4,flows:" + std::to_string(many) + ",burst:64,held:across,beside:" + std::to_string(few) + "flows";
  bench.report.comparison({.id = "B2", .name = name, .peer_name = "ourselves", .goal = Goal::ratio_at_least(1.0 / 3)}, result);
}

}  // namespace

void run_gro_flows(Bench& bench, pkt::Pool& pool) {
  beside_context(bench, pool, 1024, 50);
  beside_context(bench, pool, 16384, 500);
  beside_ourselves(bench, pool, 16384, 16);
}

}  // namespace millrace::bench
