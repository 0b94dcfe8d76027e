// SPDX-License-Identifier: BSD-3-Clause
// E1-E3, D10, D12, E12, E14, X19: when packets go up, and how they are counted.
#include <millrace/gro/gro.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/lane.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

Frame of_flow(std::uint16_t port, int n = 0) {
  return nth(n, [port](Frame& f) { f.source_port = port; });
}

gro::Config with_hold(Duration hold) {
  gro::Config config;
  config.poll_hold = hold;
  return config;
}

}  // namespace

TEST_CASE("E1 ten segments of 1448 bytes become one packet of 14480") {
  Lane lane;
  Frame f;
  f.payload = 1448;
  for (int i = 0; i < 10; ++i) {
    CHECK(lane.give(f) == (i == 0 ? gro::Verdict::held : gro::Verdict::merged));
    f.seq += 1448;
    ++f.id;
  }
  CHECK(lane.sizes() == Sizes{14480});
}

TEST_CASE("E2 switched off and on under traffic nothing is lost or reordered") {
  Lane lane;
  gro::Config off;
  off.enabled = false;
  const auto switch_to = [&lane](const gro::Config& config) { lane.gro.configure(lane.env, config, lane.up); };
  lane.give(nth(0));
  lane.give(nth(1));
  switch_to(off);
  CHECK_FALSE(lane.gro.holds());
  for (int i = 2; i < 12; ++i) CHECK(lane.give(nth(i)) == gro::Verdict::normal);
  switch_to({});
  lane.give(nth(12));
  lane.give(nth(13));
  Sizes expected(12, 100);
  expected.front() = expected.back() = 200;
  CHECK(lane.sizes() == expected);
  for (std::size_t i = 1; i < lane.out.size(); ++i) CHECK(lane.out[i].seq() > lane.out[i - 1].seq());
}

TEST_CASE("E2 the table's shape changes under traffic") {
  Lane lane;
  gro::Config config;
  config.table = gro::Table::linux8x8;
  lane.give(nth(0));
  lane.gro.configure(lane.env, config, lane.up);
  for (std::uint16_t port = 1; port <= 500; ++port) lane.give(of_flow(port));
  CHECK(lane.gro.held() == 64);
  CHECK(lane.sizes().size() == 501);
}

TEST_CASE("E3 the sum of the results is the packets in, per queue and per lcore") {
  Lane lane;
  for (int i = 0; i < 5; ++i) lane.give(nth(i));
  lane.give(nth(5, [](Frame& f) { f.payload = 0; }));
  lane.give(nth(5));
  lane.flush();
  using enum stats::Gro;
  for (const stats::CounterBlock<stats::Gro>* block : {&std::as_const(lane.stats.gro), &lane.gro.counters()}) {
    CHECK((*block)[packets] == 7);
    CHECK((*block)[held] == 2);
    CHECK((*block)[merged] == 4);
    CHECK((*block)[merged_free] == 0);
    CHECK((*block)[normal] == 1);
    CHECK((*block)[packets_out] == 3);
    CHECK((*block)[closed_flow] == 1);
    CHECK((*block)[closed_poll] == 1);
  }
}

TEST_CASE("E3 a packet that bears marks of an earlier use comes out without them") {
  Lane lane;
  lane.give(nth(0), [](pkt::Packet& p) {
    p.meta().gso_size = 1448;
    p.meta().gso_fixed_id = true;
  });
  lane.flush();
  CHECK(lane.out[0].meta.gso_size == 0);
  CHECK_FALSE(lane.out[0].meta.gso_fixed_id);
}

TEST_CASE("E14 seven packets wait for the end of the poll, the eighth sends them up") {
  const auto bare_ack = [](int n) { return nth(n, [](Frame& f) { f.payload = 0; }); };
  Lane lane;
  for (int i = 0; i < 7; ++i) lane.give(bare_ack(i));
  CHECK(lane.out.empty());
  lane.complete();
  CHECK(lane.out.size() == 7);
  for (int i = 0; i < 8; ++i) lane.give(bare_ack(i));
  CHECK(lane.out.size() == 15);
}

TEST_CASE("E14 the batch counts segments: one packet of eight goes up at once, with what waited before it") {
  Lane lane;
  lane.give(of_flow(1).bytes(), [](pkt::Packet& p) { p.meta().ethertype = wire::ethertype::arp; });
  for (int i = 0; i < 7; ++i) lane.give(nth(i));
  CHECK(lane.out.empty());
  lane.give(nth(7, [](Frame& f) { f.flags |= wire::tcp_flag::psh; }));
  REQUIRE(lane.out.size() == 2);
  CHECK(lane.out[1].payload() == 800);
}

TEST_CASE("E14 net.core.gro_normal_batch 1: every packet at once") {
  gro::Config config;
  config.normal_batch = 1;
  Lane lane(config);
  lane.give(nth(0, [](Frame& f) { f.payload = 0; }));
  CHECK(lane.out.size() == 1);
}

TEST_CASE("D10 E12 a poll that used its weight: only packets of an earlier tick go up") {
  Lane lane;
  lane.give(of_flow(1));
  lane.env.now += 1ms;
  lane.give(of_flow(2));
  lane.give(of_flow(1, 1));  // joins: the packet keeps the tick of its beginning
  lane.flush_old();
  REQUIRE(lane.out.size() == 1);
  CHECK(lane.out[0].payload() == 200);
  CHECK(lane.gro.held() == 1);
  lane.flush_old();
  CHECK(lane.gro.held() == 1);
  lane.env.now += 1ms;
  lane.flush_old();
  CHECK(lane.gro.held() == 0);
  CHECK(lane.count(stats::Gro::closed_old) == 2);
}

TEST_CASE("D10 E12 with a tick of 4 ms a poll that used its weight sends all up") {
  gro::Config config;
  config.tick = 4ms;
  Lane lane(config);
  lane.give(nth(0));
  lane.flush_old();
  CHECK(lane.out.size() == 1);
}

TEST_CASE("D12 with poll_hold 0, as in Linux, a completed poll sends all up") {
  Lane lane(with_hold(0us));
  lane.give(nth(0));
  CHECK(lane.gro.next_flush() == lane.env.now);
  lane.complete();
  CHECK(lane.out.size() == 1);
  CHECK(lane.gro.next_flush() == never);
}

TEST_CASE("X19 a held packet outlives completed polls while its flow is active") {
  Lane lane;
  for (int i = 0; i < 20; ++i) {
    lane.give(nth(i));
    lane.complete();
    lane.env.now += 9us;
  }
  CHECK(lane.out.empty());
  lane.complete();
  CHECK(lane.out.empty());
  lane.env.now += 1us;
  lane.complete();
  REQUIRE(lane.out.size() == 1);
  CHECK(lane.out[0].payload() == 2000);
  CHECK(lane.count(stats::Gro::closed_idle) == 1);
}

TEST_CASE("X19 each flow has its own activity") {
  Lane lane;
  lane.give(of_flow(1));
  lane.env.now += 6us;
  lane.give(of_flow(2));
  lane.complete();
  lane.env.now += 4us;  // flow 1 is 10 us idle, flow 2 4 us
  lane.complete();
  CHECK(lane.gro.held() == 1);
  CHECK(lane.gro.next_flush() == lane.env.now + 6us);
  lane.env.now += 6us;
  lane.complete();
  CHECK(lane.gro.held() == 0);
}

TEST_CASE("X19 next_flush is the earliest of what is left") {
  Lane lane;
  for (std::uint16_t port = 1; port <= 3; ++port) {
    lane.give(of_flow(port));
    lane.env.now += 3us;
  }
  lane.env.now += 1us;  // flow 1 is 10 us idle, 2 is 7, 3 is 4
  lane.complete();
  CHECK(lane.gro.held() == 2);
  CHECK(lane.gro.next_flush() == lane.env.now + 3us);
}

TEST_CASE("X19 an active flow's packet goes up when its tick is over") {
  Lane lane;
  int n = 0;
  for (const Instant end = lane.env.now + 1ms; lane.env.now < end; lane.env.now += 9us) {
    lane.give(nth(n++, [](Frame& f) { f.payload = 100; }));
    lane.complete();
  }
  CHECK(lane.out.empty());
  lane.complete();
  REQUIRE(lane.out.size() == 1);
  CHECK(lane.count(stats::Gro::closed_old) == 1);
}

TEST_CASE("X19 PSH and short segments still end a held packet at once") {
  Lane lane;
  lane.give(nth(0));
  lane.complete();
  lane.give(nth(1, [](Frame& f) { f.flags |= wire::tcp_flag::psh; }));
  CHECK_FALSE(lane.gro.holds());
  lane.complete();
  CHECK(lane.out.size() == 1);
}

TEST_CASE("X19 next_flush leads a manual clock to the end of every hold") {
  Lane lane(with_hold(50us));
  CHECK(lane.gro.next_flush() == never);
  for (std::uint16_t port = 1; port <= 9; ++port) {
    lane.give(of_flow(port));
    lane.give(of_flow(1, port));
    lane.complete();
    lane.env.now += 3us;
  }
  int steps = 0;
  while (lane.gro.holds()) {
    REQUIRE(lane.gro.next_flush() >= lane.env.now);
    lane.env.now = lane.gro.next_flush();
    lane.complete();
    REQUIRE(++steps < 20);
  }
  CHECK(lane.out.size() == 9);
}

TEST_CASE("D13 flush_all empties everything, what waits for a batch too") {
  Lane lane;
  lane.give(of_flow(1));
  lane.give(of_flow(2, 0).bytes(), [](pkt::Packet& p) { p.meta().ethertype = wire::ethertype::arp; });
  lane.flush();
  CHECK(lane.out.size() == 2);
  CHECK_FALSE(lane.gro.holds());
}
