// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/unit/runtime/two_lcores.hpp"

#include <millrace/base/rng.hpp>

using namespace millrace;
using test::RawFrame;

namespace {

void drain(test::TwoLcores& lcores) {
  while (lcores.rings.waiting(1) != 0) lcores.b.backlog.poll(lcores.b.lcore.env, 64);
}

}  // namespace

TEST_CASE("F4: without rps_cpus everything stays on the receiving lcore") {
  test::TwoLcores lcores;
  pkt::PacketList up;
  for (std::uint16_t port = 0; port < 50; ++port) up.push_back(lcores.a.packet({.source_port = port}));
  lcores.a.receive.steer(up);
  CHECK(up.empty());
  CHECK(lcores.a.delivered() == 50);
  CHECK(lcores.rings.waiting(1) == 0);
}

TEST_CASE("F4: with rps_cpus flows are spread, and each stays on one lcore") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("3"));
  for (std::uint16_t port = 0; port < 64; ++port) {
    const auto before = lcores.a.delivered();
    pkt::PacketList up;
    for (int i = 0; i < 3; ++i) up.push_back(lcores.a.packet({.source_port = port}));
    lcores.a.receive.steer(up);
    const auto here = lcores.a.delivered() - before;
    CHECK((here == 0 || here == 3));
  }
  drain(lcores);
  CHECK(lcores.a.delivered() > 10 * 3);
  CHECK(lcores.b.delivered() > 10 * 3);
  CHECK(lcores.a.delivered() + lcores.b.delivered() == 64 * 3);
}

TEST_CASE("F22: the owner of a flow gets its packets, whatever rps_cpus says") {
  test::TwoLcores lcores;
  const RawFrame frame{.source_port = 1234, .destination_port = 80};
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("1"));
  int owned = 0;
  REQUIRE(lcores.flows_b.insert({.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 80,
                                 .remote_port = 1234, .stack = 0, .proto = 17}, &owned));
  pkt::PacketList up;
  up.push_back(lcores.a.packet(frame));
  lcores.a.receive.steer(up);
  CHECK(lcores.rings.waiting(1) == 1);
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::owner] == 1);
  drain(lcores);
  CHECK(lcores.b.delivered() == 1);
}

TEST_CASE("F8: what an lcore holds for itself while it steers a burst is queued and not delivered") {
  runtime::WorkerRings rings(2, 16);
  runtime::HandOver hand_over(rings, 0);
  const std::uint32_t before = hand_over.queued(0);
  steer::DevFlow flow{.hash = 1, .last_qtail = before, .lcore = 0};
  CHECK(flow.is_drained(hand_over));
  hand_over.hold();
  flow.last_qtail = hand_over.queued(0);
  hand_over.hold();  // another flow's
  CHECK(hand_over.queued(0) == before + 2);
  CHECK_FALSE(flow.is_drained(hand_over));
  CHECK(hand_over.queued(1) == hand_over.delivered(1));
  hand_over.release();
  CHECK(flow.is_drained(hand_over));
  CHECK(hand_over.queued(0) == hand_over.delivered(0));
}

TEST_CASE("F11, X13: a stopped worker with netdev_max_backlog 1000 gets 1001 packets, the rest is dropped and counted twice") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  for (int i = 0; i < 24; ++i) {
    pkt::PacketList up;
    for (int n = 0; n < 50; ++n) up.push_back(lcores.a.packet({}));
    lcores.a.receive.steer(up);
  }
  CHECK(lcores.rings.waiting(1) == 1001);
  CHECK(lcores.a.lcore.stats.softnet[stats::Softnet::dropped] == 199);
  CHECK(lcores.a.lcore.stats.drop[stats::DropReason::backlog_full] == 199);
  drain(lcores);
  CHECK(lcores.b.delivered() == 1001);
}

TEST_CASE("F12: netdev_max_backlog 3000 in the place of 1000 admits 3001, though the rings were made for 1000") {
  test::TwoLcores lcores(1001);
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  const auto offer = [&](int packets) {
    pkt::PacketList up;
    for (int n = 0; n < packets; ++n) up.push_back(lcores.a.packet({}));
    lcores.a.receive.steer(up);
  };
  for (int i = 0; i < 15; ++i) offer(100);
  CHECK(lcores.rings.waiting(1) == 1001);
  lcores.a.limits.netdev_max_backlog = 3000;
  lcores.a.receive.limits_changed();
  for (int i = 0; i < 25; ++i) offer(100);
  CHECK(lcores.rings.waiting(1) == 3001);
  CHECK(lcores.a.lcore.stats.drop[stats::DropReason::backlog_full] == 499 + 500);
  drain(lcores);
  CHECK(lcores.b.delivered() == 3001);
}

TEST_CASE("F16: below half of netdev_max_backlog nothing is limited; from there a flow alone has 64 packets more") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  lcores.a.receive.set_flow_limit(std::make_unique<steer::FlowLimit>(4096));
  for (int i = 0; i < 20; ++i) {
    pkt::PacketList up;
    for (int n = 0; n < 50; ++n) up.push_back(lcores.a.packet({}));
    lcores.a.receive.steer(up);
  }
  CHECK(lcores.rings.waiting(1) == 564);
  CHECK(lcores.a.lcore.stats.softnet[stats::Softnet::flow_limit_count] == 436);
  CHECK(lcores.a.lcore.stats.drop[stats::DropReason::flow_limit] == 436);
  CHECK(lcores.a.lcore.stats.softnet[stats::Softnet::dropped] == 436);
  drain(lcores);
}

TEST_CASE("F16, X14: one elephant of 90% beside 50 mice before a slow worker: the mice lose nothing, the elephant is limited") {
  struct Loss {
    std::uint64_t mice = 0;
    std::uint64_t elephant = 0;
    std::uint64_t counted = 0;  ///< flow_limit_count
    std::uint64_t limited = 0;  ///< drop.flow_limit
    std::uint64_t full = 0;     ///< drop.backlog_full
  };
  enum class Table { none, of_the_source, of_the_target };
  const auto run = [](Table table) {
    test::TwoLcores lcores;
    lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
    if (table == Table::of_the_source) lcores.a.receive.set_flow_limit(std::make_unique<steer::FlowLimit>(4096));
    if (table == Table::of_the_target) lcores.b.receive.set_flow_limit(std::make_unique<steer::FlowLimit>(4096));
    Rng rng(1);
    Loss loss;
    const auto dropped = [&] { return lcores.a.lcore.stats.softnet[stats::Softnet::dropped]; };
    for (int i = 0; i < 20'000; ++i) {
      const bool is_mouse = rng.below(10) == 0;
      const auto port = static_cast<std::uint16_t>(is_mouse ? 5000 + rng.below(50) : 1000);
      const std::uint64_t before = dropped();
      pkt::PacketList up;
      up.push_back(lcores.a.packet({.source_port = port}));
      lcores.a.receive.steer(up);
      (is_mouse ? loss.mice : loss.elephant) += dropped() - before;
      if (i % 50 == 49) lcores.b.backlog.poll(lcores.b.lcore.env, 20);  // two fifths of what comes
    }
    drain(lcores);
    loss.counted = lcores.a.lcore.stats.softnet[stats::Softnet::flow_limit_count];
    loss.limited = lcores.a.lcore.stats.drop[stats::DropReason::flow_limit];
    loss.full = lcores.a.lcore.stats.drop[stats::DropReason::backlog_full];
    return loss;
  };
  const Loss limited = run(Table::of_the_source);
  CHECK(limited.mice == 0);
  CHECK(limited.elephant > 10'000);
  CHECK(limited.counted == limited.elephant);
  CHECK(limited.limited == limited.elephant);
  CHECK(limited.full == 0);
  for (const Table table : {Table::none, Table::of_the_target}) {
    const Loss unlimited = run(table);
    CHECK(unlimited.mice > 900);  // nearly half of 2,000
    CHECK(unlimited.counted == 0);
  }
}

TEST_CASE("F18: netif_rx goes to the lcore that rps_cpus choose; without a choice to this lcore's own backlog, behind which the rest waits") {
  test::TwoLcores lcores;
  lcores.a.receive.netif_rx(lcores.a.packet({}));
  CHECK(lcores.rings.waiting(0, 0) == 1);
  CHECK(lcores.a.backlog.is_scheduled());
  CHECK(lcores.a.delivered() == 0);
  // A poll's packet, of the same flow perhaps, must not overtake it.
  pkt::PacketList up;
  up.push_back(lcores.a.packet({}));
  lcores.a.receive.steer(up);
  CHECK(lcores.rings.waiting(0, 0) == 2);
  lcores.a.backlog.poll(lcores.a.lcore.env, 64);
  CHECK(lcores.a.delivered() == 2);
  up.push_back(lcores.a.packet({}));
  lcores.a.receive.steer(up);
  CHECK(lcores.a.delivered() == 3);  // again at once
  CHECK(lcores.rings.waiting(0, 0) == 0);

  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  lcores.a.receive.netif_rx(lcores.a.packet({}));
  CHECK(lcores.rings.waiting(0, 1) == 1);
  drain(lcores);
  CHECK(lcores.b.delivered() == 1);
}

TEST_CASE("F13: 64 packets for a sleeping worker are one wake-up") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  lcores.waker_b.announce();
  pkt::PacketList up;
  for (int n = 0; n < 64; ++n) up.push_back(lcores.a.packet({}));
  lcores.a.receive.steer(up);
  lcores.a.receive.wake_targets();
  lcores.a.receive.wake_targets();
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::wakes] == 1);
  // It has slept again since, and been given nothing.
  lcores.waker_b.announce();
  lcores.a.receive.wake_targets();
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::wakes] == 1);
  drain(lcores);
}

TEST_CASE("H7: a reassembled datagram goes to the lcore that has its socket, and is counted there as nothing new") {
  test::TwoLcores lcores;
  const auto whole = [&](const RawFrame& frame) {
    pkt::Packet packet = lcores.a.packet(frame);
    packet.meta().is_reassembled = true;
    packet.meta().l4_offset = packet.meta().payload_offset = 0;  // as it was in the first fragment
    return packet;
  };
  int owned = 0;
  REQUIRE(lcores.flows_b.insert(steer::bound_key({IpAddress::v4(10, 77, 0, 2), 80}, 17, 0), &owned));
  CHECK_FALSE(lcores.a.receive.resteer(whole({.destination_port = 80})));
  CHECK(lcores.rings.waiting(0, 1) == 1);
  drain(lcores);
  CHECK(lcores.b.delivered() == 1);
  CHECK(lcores.b.lcore.stats.softnet[stats::Softnet::processed] == 0);

  pkt::Packet mine = lcores.a.receive.resteer(whole({.destination_port = 81}));
  REQUIRE(mine);
  CHECK(lcores.rings.waiting(0, 1) == 0);
  drop(lcores.a.lcore.env, std::move(mine), stats::DropReason::no_stack);
}

TEST_CASE("every lcore hears ARP; only the receiving one may answer") {
  test::TwoLcores lcores;
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  pkt::Packet arp = lcores.a.packet({});
  arp.meta().ethertype = 0x0806;
  pkt::PacketList up;
  up.push_back(std::move(arp));
  lcores.a.receive.steer(up);
  CHECK(lcores.a.delivered() == 1);
  pkt::Mbuf* copy = nullptr;
  REQUIRE(lcores.rings.dequeue(0, 1, &copy, 1) == 1);
  CHECK(copy->meta.is_copy);
  pkt::consume(pkt::Packet::adopt(copy));
}

TEST_CASE("F9: what is parked goes up before what comes behind it; no more than netdev_max_backlog admits is parked") {
  test::TwoLcores lcores;
  const auto flow = [](std::uint16_t port) {
    return FlowKey{.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 2000, .remote_port = port, .stack = 0, .proto = 17, .bound = 0};
  };
  const auto send = [&](std::uint16_t port, int packets) {
    pkt::PacketList up;
    for (int i = 0; i < packets; ++i) up.push_back(lcores.a.packet({.source_port = port}));
    lcores.a.receive.steer(up);
  };
  lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  lcores.a.steer.begin({.flow = flow(5), .ifindex = 1, .rx_queue = 0, .comes = true});
  send(5, 3);
  lcores.a.receive.netif_rx(lcores.a.packet({.source_port = 5}));
  CHECK(lcores.rings.waiting(0, 1) == 0);
  send(6, 2);
  CHECK(lcores.rings.waiting(0, 1) == 2);
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::arfs_waits] == 4);
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::rps] == 2);
  lcores.a.receive.unpark();
  send(5, 1);
  CHECK(lcores.rings.waiting(0, 1) == 7);
  CHECK(lcores.a.lcore.stats.steer[stats::Steer::arfs_waits] == 4);
  drain(lcores);

  lcores.a.limits.netdev_max_backlog = 50;
  lcores.a.steer.begin({.flow = flow(5), .ifindex = 1, .rx_queue = 0, .comes = true});
  send(5, 60);
  CHECK(lcores.a.lcore.stats.drop[stats::DropReason::backlog_full] == 9);
  lcores.a.receive.unpark();
  CHECK(lcores.rings.waiting(0, 1) == 51);
  drain(lcores);
}

namespace {

/// An lcore that steers the packets of 64 UDP flows, for each of which four lcores have a socket, and workers which the
/// test plays: it takes packets off the rings itself and looks at their order.
struct Readers {
  static constexpr std::uint16_t lcores = 4;
  static constexpr std::uint16_t flow_count = 64;
  explicit Readers(std::uint32_t rps_flow_cnt) {
    for (std::uint16_t flow = 0; flow < flow_count; ++flow) {
      const FlowKey key{.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 2000,
                        .remote_port = flow, .stack = 0, .proto = 17};
      for (auto& table : tables) REQUIRE(table.insert(key, this));
      hash[flow] = steer::flow_hash(key, toeplitz);
    }
    source.steer.set_rps(1, 0, *steer::RpsMap::parse("f"));
    source.steer.set_rps_flow_cnt(1, 0, rps_flow_cnt);
    static_cast<void>(sock_flows.publish(*steer::SockFlows::create(1024)));
    source.steer.set_sock_flows(sock_flows);
  }
  ~Readers() {
    rings.drain([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
  }
  /// One more packet of the flow. Returns whether it went up at once.
  bool send(std::uint16_t flow) {
    pkt::Packet packet = source.packet({.source_port = flow});
    packet.meta().napi_id = sent[flow]++;
    pkt::PacketList up;
    up.push_back(std::move(packet));
    const auto before = source.delivered();
    source.receive.steer(up);
    REQUIRE(source.lcore.stats.softnet[stats::Softnet::dropped] == 0);
    if (source.delivered() == before) return false;
    if (delivered[flow] + 1 != sent[flow]) FAIL("a packet of flow " << flow << " went up before others");
    ++delivered[flow];
    return true;
  }
  /// The worker delivers up to `count` packets.
  void work(std::uint16_t lcore, std::uint32_t count) {
    pkt::Mbuf* m = nullptr;
    for (; count > 0 && rings.dequeue(0, lcore, &m, 1) == 1; --count) {
      pkt::Packet packet = pkt::Packet::adopt(m);
      const std::uint16_t flow = load_be16(&packet.data()[packet.meta().l4_offset]);
      if (packet.meta().napi_id != delivered[flow]) FAIL("flow " << flow << " was reordered: " << packet.meta().napi_id << " came, not " << delivered[flow]);
      ++delivered[flow];
      pkt::consume(std::move(packet));
      rings.add_delivered(0, lcore, 1);
    }
  }
  [[nodiscard]] std::uint64_t count(stats::Steer which) const { return source.lcore.stats.steer[which]; }

  runtime::WorkerRings rings{lcores, 1024};
  runtime::Waker waker;
  std::array<runtime::Waker*, lcores> wakers{&waker, &waker, &waker, &waker};
  std::array<steer::FlowTable, lcores> tables{{{128, 1}, {128, 1}, {128, 1}, {128, 1}}};
  steer::Directory directory{{&tables[0], &tables[1], &tables[2], &tables[3]}};
  steer::Toeplitz toeplitz;
  RcuPointer<steer::SockFlows> sock_flows;
  test::ReceivingLcore source{0, rings, wakers, directory, toeplitz};
  std::array<std::uint32_t, flow_count> hash{};
  std::array<std::uint32_t, flow_count> sent{};
  std::array<std::uint32_t, flow_count> delivered{};
};

}  // namespace

TEST_CASE("F8: a flow whose old lcore is blocked with packets of it does not move until they are delivered") {
  Readers r(256);
  r.sock_flows.read()->record(r.hash[5], 2);
  r.send(5);
  CHECK(r.rings.waiting(0, 2) == 1);
  r.sock_flows.read()->record(r.hash[5], 3);
  r.send(5);
  CHECK(r.rings.waiting(0, 2) == 2);
  r.work(2, 1);
  r.send(5);
  CHECK(r.rings.waiting(0, 2) == 2);
  CHECK(r.count(stats::Steer::rfs_waits) == 2);
  // Taken off the ring is not delivered.
  std::array<pkt::Mbuf*, 2> taken;
  REQUIRE(r.rings.dequeue(0, 2, taken.data(), 2) == 2);
  r.send(5);
  CHECK(r.rings.waiting(0, 2) == 1);
  for (pkt::Mbuf* m : taken) pkt::consume(pkt::Packet::adopt(m));
  r.delivered[5] += 2;
  r.rings.add_delivered(0, 2, 2);
  r.work(2, 1);
  r.send(5);
  CHECK(r.rings.waiting(0, 3) == 1);
  // The way up without a ring is a move as well.
  r.sock_flows.read()->record(r.hash[5], 0);
  CHECK_FALSE(r.send(5));
  CHECK(r.rings.waiting(0, 3) == 2);
  r.work(3, 2);
  CHECK(r.send(5));
}

TEST_CASE("F8: a flow waits for its packets where the counts wrap at 2^32 between them") {
  Readers r(256);
  r.sock_flows.read()->record(r.hash[5], 2);
  while (r.rings.queued(0, 2) != 0xffffffff) {
    r.send(5);
    r.work(2, 1);
  }
  for (int i = 0; i < 4; ++i) r.send(5);
  CHECK(r.rings.queued(0, 2) == 3);
  r.sock_flows.read()->record(r.hash[5], 3);
  for (std::uint32_t left = 5; left > 0; --left) {
    r.send(5);
    CHECK(r.rings.waiting(0, 3) == 0);
    r.work(2, 1);
  }
  r.work(2, 8);
  r.send(5);
  CHECK(r.rings.waiting(0, 3) == 1);
  r.work(3, 1);
}

TEST_CASE("F8: where the old lcore has no socket any more nothing is waited for") {
  Readers r(256);
  r.sock_flows.read()->record(r.hash[5], 2);
  r.send(5);
  r.sock_flows.read()->record(r.hash[5], 3);
  REQUIRE(r.tables[2].erase({.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 2000,
                             .remote_port = 5, .stack = 0, .proto = 17}));
  r.send(5);
  CHECK(r.rings.waiting(0, 3) == 1);
  r.work(2, 1);
}

TEST_CASE("F8: 1,000,000 random moves of readers, the counts wrapping at 2^32: no flow is ever reordered") {
  // 16 entries for 64 flows: most have to share. 256: most have one of their own.
  for (const std::uint32_t rps_flow_cnt : {16, 256}) {
    Readers r(rps_flow_cnt);
    Rng rng(11);
    // Every worker could do it all alone: flows gather where packets of theirs wait.
    for (int move = 0; move < 500'000; ++move) {
      const auto flow = static_cast<std::uint16_t>(rng.below(Readers::flow_count));
      r.sock_flows.read()->record(r.hash[flow], static_cast<steer::LcoreId>(rng.below(Readers::lcores)));
      r.send(static_cast<std::uint16_t>(rng.below(4) == 0 ? flow : rng.below(Readers::flow_count)));
      r.work(static_cast<std::uint16_t>(rng.below(Readers::lcores)), rng.below(16));
    }
    CHECK(r.count(stats::Steer::rfs_moves) > 50'000);
    CHECK(r.count(stats::Steer::rfs_waits) > 2'000);
    CHECK(r.count(stats::Steer::rfs) > 100'000);
    CHECK(r.rings.delivered(0, 1) < runtime::WorkerRings::first_count);  // it has wrapped
  }
}
