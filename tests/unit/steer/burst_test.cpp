// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/gro/arrival.hpp>
#include <millrace/steer/steer.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/seed.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

using namespace millrace;
using namespace millrace::steer;

namespace {

constexpr gro::Arrival arrival{.mac = {{2, 0, 0, 0, 0, 2}}, .ifindex = 1, .napi_id = 1};
constexpr std::size_t counters = stats::CounterBlock<stats::Steer>::size;

/// A receiving lcore with its own counters; the tables are shared, three lcores online of four.
struct Chooser {
  explicit Chooser(const Directory& directory) : steer(directory, toeplitz) {
    env.stats = &stats;
    env.lcore = 1;
  }
  Toeplitz toeplitz;
  stats::LcoreStats stats;
  Env env;
  Steer steer;
};

struct World {
  test::TestPool pool;
  std::vector<std::unique_ptr<FlowTable>> tables;
  std::unique_ptr<Directory> directory;
  int object = 0;

  World() {
    std::vector<FlowTable*> list;
    for (int i = 0; i < 4; ++i) {
      tables.push_back(std::make_unique<FlowTable>(256, 7));
      list.push_back(i == 2 ? nullptr : tables.back().get());
    }
    directory = std::make_unique<Directory>(list);
  }

  pkt::Packet packet(const std::vector<std::uint8_t>& bytes, std::uint16_t queue) {
    pkt::Packet p = pool.packet(bytes);
    REQUIRE(gro::arrive(p.mbuf(), arrival));
    p.meta().ifindex = arrival.ifindex;
    p.meta().rx_queue = queue;
    return p;
  }
};

/// Few flows, so that owners are met often; now and then IPv4-mapped addresses, or a byte of the headers that is another.
std::vector<std::uint8_t> any_frame(Rng& rng) {
  const test::RawFrame frame{.v6 = rng.below(3) == 0,
                             .proto = static_cast<std::uint8_t>(rng.below(2) == 0 ? 6 : 17),
                             .payload = 16,
                             .source_port = static_cast<std::uint16_t>(1000 + rng.below(40)),
                             .source_host = static_cast<std::uint8_t>(3 + rng.below(2))};
  std::vector<std::uint8_t> bytes = frame.bytes();
  if (frame.v6 && rng.below(4) == 0) {
    for (const std::size_t address : {22u, 38u}) {
      std::fill_n(&bytes[address], 10, 0);
      std::fill_n(&bytes[address + 10], 2, 0xff);
      if (rng.below(2) == 0) break;
    }
  }
  if (rng.below(4) == 0) bytes[14 + rng.below(40)] = static_cast<std::uint8_t>(rng.next());
  return bytes;
}

}  // namespace

TEST_CASE("F22, F5: a burst is chosen for as its packets one by one, and counted so") {
  World w;
  Chooser one(*w.directory);
  Chooser many(*w.directory);
  Rng rng(test::seed());
  std::size_t decided = 0;
  for (int round = 0; round < 600; ++round) {
    for (std::uint16_t queue = 0; queue < 2; ++queue) {
      const RpsMap map = RpsMap::of(rng.below(16));
      one.steer.set_rps(1, queue, map);
      many.steer.set_rps(1, queue, map);
    }
    std::vector<pkt::Packet> packets;
    const std::size_t n = 1 + rng.below(Steer::most_packets);
    for (std::size_t i = 0; i < n; ++i) {
      packets.push_back(w.packet(any_frame(rng), static_cast<std::uint16_t>(rng.below(12) == 0)));
      pkt::Packet& p = packets.back();
      if (rng.below(4) == 0) {
        p.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
        p.mbuf().rss_hash = rng.below(3) == 0 ? 0 : static_cast<std::uint32_t>(rng.next());
      }
      const std::optional<Flow> flow = read_flow(p);
      if (!flow || !flow->is_exact) continue;
      const auto lcore = std::array<LcoreId, 3>{0, 1, 3}[rng.below(3)];
      if (const bool is_owned = w.directory->other_owner(flow->key, 2, 0).has_value(); !is_owned && rng.below(3) == 0)
        w.tables[lcore]->insert(flow->key, &w.object);
      else if (rng.below(4) == 0) w.tables[lcore]->erase(flow->key);
      if (rng.below(20) == 0) w.tables[lcore]->insert(bound_key({flow->key.local, flow->key.local_port}, flow->key.proto, 0), &w.object);
    }
    std::vector<pkt::Mbuf*> list(packets.size());
    std::transform(packets.begin(), packets.end(), list.begin(), [](pkt::Packet& p) { return &p.mbuf(); });
    std::vector<Steer::Choice> choices(n);
    many.steer.choose(many.env, list, choices.data());
    for (std::size_t i = 0; i < n; ++i) {
      decided += choices[i].lcore != Steer::undecided;
      if (choices[i].lcore == Steer::undecided) choices[i] = many.steer.choose(many.env, packets[i]);
      const LcoreId expected = one.steer.choose(one.env, packets[i]).lcore;
      if (choices[i].lcore != expected) FAIL("round " << round << " packet " << i << ": lcore " << choices[i].lcore << ", by itself " << expected);
      pkt::consume(std::move(packets[i]));
    }
  }
  CHECK(decided > 5000);
  for (std::size_t i = 0; i < counters; ++i) {
    INFO("counter " << i);
    CHECK(many.stats.steer[static_cast<stats::Steer>(i)] == one.stats.steer[static_cast<stats::Steer>(i)]);
  }
}

TEST_CASE("F7: RFS chooses for each datagram at its turn, for TCP with the burst") {
  World w;
  Chooser chooser(*w.directory);
  chooser.steer.set_rps_flow_cnt(1, 0, 16);
  pkt::Packet datagram = w.packet(test::RawFrame{.proto = 17}.bytes(), 0);
  pkt::Packet segment = w.packet(test::RawFrame{.proto = 6}.bytes(), 0);
  std::array<pkt::Mbuf*, 2> both{&datagram.mbuf(), &segment.mbuf()};
  std::array<Steer::Choice, 2> choices;
  chooser.steer.choose(chooser.env, both, choices.data());
  CHECK(choices[0].lcore == Steer::undecided);
  CHECK(choices[1].lcore == 1);
  pkt::consume(std::move(datagram));
  pkt::consume(std::move(segment));
}

TEST_CASE("F21: RPS is needed while a queue has rps_cpus or rps_flow_cnt, and no longer") {
  World w;
  Chooser chooser(*w.directory);
  Steer& steer = chooser.steer;
  CHECK_FALSE(steer.is_rps_needed());
  steer.set_stack(1, 0);
  steer.set_rps(1, 0, RpsMap{});
  CHECK_FALSE(steer.is_rps_needed());
  steer.set_rps(2, 3, RpsMap::of(0xb));
  CHECK(steer.is_rps_needed());
  steer.set_rps_flow_cnt(1, 0, 16);
  steer.set_rps(2, 3, RpsMap{});
  CHECK(steer.is_rps_needed());
  steer.set_rps_flow_cnt(1, 0, 0);
  CHECK_FALSE(steer.is_rps_needed());
}

TEST_CASE("F21: while it is not, what is compiled without RPS decides and counts as what is compiled with it; then choose() goes by RPS") {
  World w;
  Chooser with(*w.directory);
  Chooser without(*w.directory);
  Rng rng(21);
  for (int round = 0; round < 200; ++round) {
    std::vector<pkt::Packet> packets;
    for (std::size_t i = 0; i < Steer::most_packets; ++i) {
      packets.push_back(w.packet(any_frame(rng), static_cast<std::uint16_t>(rng.below(12) == 0)));
      const std::optional<Flow> flow = read_flow(packets.back());
      if (flow && flow->is_exact && rng.below(6) == 0) w.tables[std::array<LcoreId, 3>{0, 1, 3}[rng.below(3)]]->insert(flow->key, &w.object);
    }
    std::array<pkt::Mbuf*, Steer::most_packets> list;
    std::transform(packets.begin(), packets.end(), list.begin(), [](pkt::Packet& p) { return &p.mbuf(); });
    std::array<Steer::Choice, Steer::most_packets> a, b;
    with.steer.choose_all<true>(with.env, list, a.data());
    without.steer.choose_all<false>(without.env, list, b.data());
    for (std::size_t i = 0; i < list.size(); ++i)
      if (a[i].lcore != b[i].lcore) FAIL("round " << round << " packet " << i << ": " << a[i].lcore << " and " << b[i].lcore);
    for (pkt::Packet& p : packets) pkt::consume(std::move(p));
  }
  for (std::size_t i = 0; i < stats::CounterBlock<stats::Steer>::size; ++i)
    CHECK(with.stats.steer[static_cast<stats::Steer>(i)] == without.stats.steer[static_cast<stats::Steer>(i)]);

  pkt::Packet packet = w.packet(test::RawFrame{.source_port = 60'000, .destination_port = 60'001}.bytes(), 0);
  const std::array<pkt::Mbuf*, 1> one{&packet.mbuf()};
  Steer::Choice choice{};
  without.steer.choose(without.env, one, &choice);
  CHECK(choice.lcore == without.env.lcore);
  without.steer.set_rps(1, 0, RpsMap::of(8));
  without.steer.choose(without.env, one, &choice);
  CHECK(choice.lcore == 3);
  pkt::consume(std::move(packet));
}
