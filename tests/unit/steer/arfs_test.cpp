// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/steer/arfs.hpp>

#include <millrace/steer/steer.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/raw_frame.hpp"

#include <millrace/wire/dissect.hpp>

#include <array>
#include <vector>

using namespace millrace;
using namespace millrace::steer;

namespace {

struct Counts final : HandOver {
  std::uint32_t queued(LcoreId target) const override { return tail[target]; }
  std::uint32_t delivered(LcoreId target) const override { return head[target]; }
  std::array<std::uint32_t, 3> tail{};
  std::array<std::uint32_t, 3> head{};
};

struct Asked final : RuleRequests {
  bool ask(const RuleRequest& request) override {
    if (is_full) return false;
    all.push_back(request);
    return true;
  }
  bool is_full = false;
  std::vector<RuleRequest> all;
};

FlowKey flow_of(std::uint16_t port) {
  return {.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 2000, .remote_port = port, .stack = 0, .proto = 17, .bound = 0};
}

/// Lcore 0 of three, which receives from rx queue 1 of interface 1; every lcore has a socket for the flows 1 to 64.
struct World {
  explicit World(std::uint32_t rps_flow_cnt = 16) {
    for (auto& table : tables)
      for (std::uint16_t port = 1; port <= 64; ++port) REQUIRE(table.insert(flow_of(port), this));
    static_cast<void>(sock_flows.publish(*SockFlows::create(1024)));
    steer.set_sock_flows(sock_flows);
    steer.set_rps_flow_cnt(1, 1, rps_flow_cnt);
    steer.set_rule_requests(asked);
    steer.set_ntuple(1, true);
  }
  std::uint32_t hash(std::uint16_t port) const { return flow_hash(flow_of(port), toeplitz); }
  void read_on(std::uint16_t port, LcoreId where) { sock_flows.read()->record(hash(port), where); }
  Steer::Choice choose(std::uint16_t port, std::uint16_t rx_queue = 1) {
    const std::vector<std::uint8_t> bytes = test::RawFrame{.source_port = port}.bytes();
    pkt::Packet packet = lcore.pool.packet(bytes);
    const wire::Layers layers = wire::dissect(bytes);
    pkt::Meta& meta = packet.meta();
    meta.ifindex = 1;
    meta.rx_queue = rx_queue;
    meta.ethertype = layers.ethertype;
    meta.l3_offset = layers.l3_offset;
    meta.l4_offset = layers.l4_offset;
    meta.payload_offset = layers.payload_offset;
    meta.l4_proto = layers.l4_proto;
    packet.mbuf().rss_hash = 7;  // what the port says
    packet.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
    const Steer::Choice choice = steer.choose(lcore.env, packet);
    pkt::consume(std::move(packet));
    return choice;
  }
  /// A flow that has the same entry as flow `port`.
  std::uint16_t rival_of(std::uint16_t port, std::uint32_t entries) const {
    DevFlows table(entries);
    for (std::uint16_t other = 1; other <= 64; ++other)
      if (other != port && &table.at(hash(other)) == &table.at(hash(port))) return other;
    FAIL("no flow shares the entry");
    return 0;
  }

  test::LcoreEnv lcore{0, 255};
  std::array<FlowTable, 3> tables{{{128, 1}, {128, 1}, {128, 1}}};
  Directory directory{{&tables[0], &tables[1], &tables[2]}};
  Toeplitz toeplitz;
  RcuPointer<SockFlows> sock_flows;
  Counts counts;
  Asked asked;
  Steer steer{directory, toeplitz, &counts};
};

}  // namespace

TEST_CASE("F9: a rule is asked for when a flow moves to another lcore, once, and again when it moves on or the rule has gone") {
  World w;
  CHECK(w.choose(5).lcore == 0);
  CHECK(w.asked.all.empty());
  w.read_on(5, 2);
  for (int i = 0; i < 3; ++i) CHECK(w.choose(5).lcore == 2);
  REQUIRE(w.asked.all.size() == 1);
  CHECK(w.asked.all[0].flow == flow_of(5));
  CHECK(w.asked.all[0].hash == w.hash(5));  // not the port's
  CHECK(w.asked.all[0].ifindex == 1);
  CHECK(w.asked.all[0].rx_queue == 1);
  CHECK(w.asked.all[0].lcore == 2);
  CHECK_FALSE(w.asked.all[0].expired);
  w.read_on(5, 1);
  CHECK(w.choose(5).lcore == 1);
  CHECK(w.asked.all.size() == 2);
  w.steer.forget_asking(1, 1, w.hash(6));
  CHECK(w.choose(5).lcore == 1);
  CHECK(w.asked.all.size() == 2);
  w.steer.forget_asking(1, 1, w.hash(5));
  CHECK(w.choose(5).lcore == 1);
  CHECK(w.asked.all.size() == 3);
  w.read_on(5, 0);  // here it needs none
  CHECK(w.choose(5).lcore == 0);
  CHECK(w.asked.all.size() == 3);
}

TEST_CASE("F9: what is refused for want of room is asked for again; without ntuple nothing is") {
  World w;
  w.asked.is_full = true;
  w.read_on(5, 2);
  CHECK(w.choose(5).lcore == 2);
  w.asked.is_full = false;
  CHECK(w.choose(5).lcore == 2);
  CHECK(w.asked.all.size() == 1);
  w.steer.set_ntuple(1, false);
  w.read_on(6, 2);
  w.sock_flows.read()->record(7, 2);  // of the hash that the port gives, which counts then
  CHECK(w.choose(6).lcore == 2);
  CHECK(w.asked.all.size() == 1);
}

TEST_CASE("F9: a flow that must not move yet is not asked for: its old lcore has packets of it") {
  World w;
  w.read_on(5, 1);
  const Steer::Choice first = w.choose(5);
  REQUIRE(first.flow != nullptr);
  first.flow->last_qtail = ++w.counts.tail[1];
  CHECK(w.asked.all.size() == 1);
  w.read_on(5, 2);
  CHECK(w.choose(5).lcore == 1);
  CHECK(w.asked.all.size() == 1);
  w.counts.head[1] = 1;
  CHECK(w.choose(5).lcore == 2);
  REQUIRE(w.asked.all.size() == 2);
  CHECK(w.asked.all[1].lcore == 2);
}

TEST_CASE("F9: a rule expires when 10 * mask packets have gone by since its flow's last one, also across 2^32") {
  for (const std::uint32_t last : {1000u, 0u - 20, 0u - 1000}) {
    World w(16);
    w.counts.tail[0] = w.counts.head[0] = last;
    w.steer.take_rule(1, 1, {.flow = flow_of(5), .hash = w.hash(5), .id = 77}, 0);
    for (const std::uint32_t gone_by : {1u, 149u}) {
      w.counts.tail[0] = w.counts.head[0] = last + gone_by;
      CHECK(w.steer.expire_rules());
      CHECK(w.asked.all.empty());
    }
    w.counts.tail[0] = w.counts.head[0] = last + 150;
    w.asked.is_full = true;
    CHECK(w.steer.expire_rules());
    w.asked.is_full = false;
    CHECK(w.steer.expire_rules());
    CHECK(w.steer.expire_rules());
    REQUIRE(w.asked.all.size() == 1);
    CHECK(w.asked.all[0].expired);
    CHECK(w.asked.all[0].flow == flow_of(5));
    CHECK(w.asked.all[0].rx_queue == 1);
    w.steer.lose_rule(1, 1, 77);
    CHECK_FALSE(w.steer.expire_rules());
  }
}

TEST_CASE("F9: the entry of a rule in use is not another flow's to take; that of an idle one is, and the rule expires") {
  World w(16);
  const std::uint16_t rival = w.rival_of(5, 16);
  w.steer.take_rule(1, 1, {.flow = flow_of(5), .hash = w.hash(5), .id = 77}, 0);
  CHECK(w.choose(rival).flow == nullptr);
  CHECK_FALSE(w.steer.has_room_for_rule(1, 1, w.hash(rival)));
  CHECK(w.steer.has_room_for_rule(1, 1, w.hash(5)));
  CHECK_FALSE(w.steer.has_room_for_rule(1, 2, w.hash(5)));  // RFS is off there
  REQUIRE(w.choose(5).flow != nullptr);
  CHECK(w.choose(5).flow->filter == 77);
  w.counts.tail[0] = w.counts.head[0] = 150;
  CHECK(w.steer.has_room_for_rule(1, 1, w.hash(rival)));
  REQUIRE(w.choose(rival).flow != nullptr);
  CHECK(w.choose(rival).flow->hash == w.hash(rival));
  CHECK(w.steer.expire_rules());
  REQUIRE(w.asked.all.size() == 1);
  CHECK(w.asked.all[0].flow == flow_of(5));
  // A rule whose entry another flow has meanwhile, with packets on their way, does not take it.
  w.choose(rival).flow->last_qtail = 151;
  w.steer.take_rule(1, 1, {.flow = flow_of(5), .hash = w.hash(5), .id = 78}, 0);
  CHECK(w.choose(rival).flow != nullptr);
}

TEST_CASE("F9: while a rule comes its flow is parked at the new queue; while it goes, everywhere else") {
  World w;
  w.steer.set_rps_flow_cnt(1, 2, 16);
  for (const bool comes : {true, false}) {
    w.steer.begin({.flow = flow_of(5), .ifindex = 1, .rx_queue = 2, .comes = comes});
    CHECK(w.choose(5, 2).is_parked == comes);
    CHECK(w.choose(5, 1).is_parked != comes);
    CHECK_FALSE(w.choose(6, 2).is_parked);
    CHECK_FALSE(w.choose(6, 1).is_parked);
    w.steer.end_switches();
    CHECK_FALSE(w.choose(5, 2).is_parked);
    CHECK_FALSE(w.choose(5, 1).is_parked);
  }
  w.steer.begin({.flow = flow_of(5), .ifindex = 2, .rx_queue = 1, .comes = true});
  CHECK_FALSE(w.choose(5, 1).is_parked);
}
