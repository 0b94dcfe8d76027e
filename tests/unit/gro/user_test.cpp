// SPDX-License-Identifier: BSD-3-Clause
// E15: an application's protocol has its own packets merged, and cut again. The example is own_protocol.hpp.
#include "tests/support/catch.hpp"
#include "tests/unit/gro/lane.hpp"
#include "tests/unit/gro/own_protocol.hpp"

#include <millrace/gso/gso.hpp>

using namespace millrace;
using namespace millrace::test;
using Key = wire::PacketOffload::Key;
using stats::Gro;

namespace {

/// A lane whose engine has the protocol, over Ethernet and over IP.
struct OwnLane {
  explicit OwnLane(gro::Config config = {}) {
    auto table = std::make_unique<wire::PacketOffloads>();
    REQUIRE(table->add(own_offload(Key::ethertype)));
    REQUIRE(table->add(own_offload(Key::ip_proto)));
    static_cast<void>(offloads.publish(std::move(table)));
    config.offloads = &offloads;
    lane.env.pool = &*lane.pool;
    lane.gro.configure(lane.env, config, lane.up);
  }
  gro::Verdict give(const OwnPacket& packet, const PacketChange& change = {}) {
    given.push_back(packet.bytes());
    return lane.give(given.back(), change);
  }
  std::vector<std::size_t> sizes() {
    lane.flush();
    std::vector<std::size_t> all;
    for (const Output& o : lane.out) all.push_back(o.bytes.size());
    return all;
  }

  RcuPointer<const wire::PacketOffloads> offloads;
  Lane lane;
  std::vector<Bytes> given;
};

OwnPacket numbered(int n, int family = 0) { return {.family = family, .number = 100u + static_cast<std::uint32_t>(n), .id = static_cast<std::uint16_t>(n)}; }

std::size_t headers(int family) { return 14u + (family == 4 ? 20 : family == 6 ? 40 : 0) + OwnPacket::header; }

// What comes of these packets, by number of packets in each.
std::vector<std::uint16_t> merged(const std::vector<OwnPacket>& packets, gro::Config config = {}) {
  OwnLane own(config);
  for (const OwnPacket& packet : packets) own.give(packet);
  own.lane.flush();
  std::vector<std::uint16_t> counts;
  for (const Output& o : own.lane.out) counts.push_back(o.meta.gso_segs);
  return counts;
}

using Counts = std::vector<std::uint16_t>;

}  // namespace

TEST_CASE("E15: ten packets of an own EtherType or IP protocol become one, which GSO cuts into the same ten bit by bit") {
  for (const auto& [family, step] : {std::pair{0, 1}, {4, 1}, {4, 0}, {6, 1}}) {  // by how much IPv4's identification grows
    OwnLane own;
    std::vector<Bytes> given;
    pkt::PacketList up;
    for (int n = 0; n < 10; ++n) {
      OwnPacket packet = numbered(n, family);
      packet.id = static_cast<std::uint16_t>(65530 + n * step);
      if (n == 9) packet.payload = 333;
      if (n == 9) packet.flags = OwnPacket::last;
      given.push_back(packet.bytes());
      pkt::Packet received = own.lane.pool.packet(given.back());
      received.meta().ifindex = 1;
      dissect_into_meta(received);
      own.lane.gro.receive(own.lane.env, std::move(received), up);
    }
    own.lane.gro.flush_all(own.lane.env, up);
    REQUIRE(up.size() == 1);
    pkt::Packet whole = up.pop_front();
    CHECK(whole.length() == headers(family) + 9333);
    CHECK(whole.meta().gso_size == 1000);
    CHECK(whole.meta().gso_segs == 10);
    const Bytes bytes = bytes_of(whole);
    CHECK(load_be16(&bytes[headers(family) - 4]) == 9333);
    CHECK(load_be16(&bytes[headers(family) - 10]) == OwnPacket::last);
    if (family == 4) CHECK(load_be16(&bytes[16]) == bytes.size() - 14);
    if (family == 4) CHECK(wire::checksum({&bytes[14], 20}) == 0);
    if (family == 6) CHECK(load_be16(&bytes[18]) == bytes.size() - 54);
    pkt::PacketList cut;
    gso::segment(own.lane.env, std::move(whole), cut, own.offloads.read());
    std::vector<Bytes> got;
    while (pkt::Packet p = cut.pop_front()) {
      CHECK(p.meta().tx_checksum == pkt::ChecksumRequest::none);
      got.push_back(bytes_of(p));
      pkt::consume(std::move(p));
    }
    CHECK(got == given);
  }
}

TEST_CASE("E15: only what follows joins: by the protocol's word, and by what Ethernet and IP say") {
  for (const int family : {0, 4, 6}) {
    CHECK(merged({numbered(0, family), numbered(1, family), numbered(2, family)}) == Counts{3});
    CHECK(merged({numbered(0, family), numbered(2, family)}) == Counts{1, 1});
    const auto second = [&](auto change) {
      OwnPacket packet = numbered(1, family);
      change(packet);
      return merged({numbered(0, family), packet});
    };
    CHECK(second([](OwnPacket& p) { p.source_mac = 8; }) == Counts{1, 1});
    CHECK(second([](OwnPacket& p) { p.payload = 1001; }) == Counts{1, 1});
    CHECK(second([](OwnPacket& p) { p.payload = 0; }) == Counts{1, 1});
    CHECK(second([](OwnPacket& p) { p.payload = 999; }) == Counts{2});
    CHECK(second([](OwnPacket& p) { p.flow = 8; }) == Counts{1, 1});
    if (family != 0) CHECK(second([](OwnPacket& p) { p.ttl = 63; }) == Counts{1, 1});
    if (family == 4) CHECK(second([](OwnPacket& p) { p.id = 2; }) == Counts{1, 1});
    if (family == 4) CHECK(second([](OwnPacket& p) { p.fragment_field = 0; }) == Counts{1, 1});
  }
  CHECK(merged({numbered(0), numbered(1), numbered(2)}, {.max_size = 2500}) == Counts{2, 1});
}

TEST_CASE("E15: at most eight are held, the oldest goes first; flows do not mix") {
  OwnLane own;
  for (int n = 0; n < 2; ++n)
    for (std::uint16_t flow = 0; flow < 8; ++flow) own.give({.flow = flow, .number = static_cast<std::uint32_t>(n)});
  CHECK(own.lane.gro.held() == 8);
  own.give({.flow = 8});
  CHECK(own.lane.gro.held() == 8);
  own.lane.flush();
  REQUIRE(own.lane.out.size() == 9);
  CHECK(load_be16(&own.lane.out[0].bytes[14]) == 0);
  CHECK(own.lane.count(Gro::closed_evicted) == 1);
  for (int i = 0; i < 8; ++i) CHECK(own.lane.out[static_cast<std::size_t>(i)].meta.gso_segs == 2);
}

TEST_CASE("E15, X18: what passes alone goes behind its flow: another number, a bad sum, a fragment of the address pair") {
  const auto order = [](const OwnPacket& odd) {
    OwnLane own;
    own.give(numbered(0, odd.family));
    own.give(odd);
    own.lane.flush();
    REQUIRE(own.lane.out.size() == 2);
    CHECK(own.lane.out[0].bytes == own.given[0]);
    CHECK(own.lane.out[1].bytes == own.given[1]);
  };
  for (const int family : {0, 4, 6}) {
    order({.family = family, .number = 900});
    order({.family = family, .number = 101, .payload = 0, .id = 1});
    order({.family = family, .number = 101, .id = 1, .padding = 3});
  }
  order({.family = 4, .number = 101, .id = 1, .fragment_field = 0x2000});
  order({.family = 4, .number = 101, .id = 1, .fragment_field = 100});
}

TEST_CASE("E15, E3: what the protocol consumes ends there, behind its flow, and is counted; the results sum up to what came in") {
  OwnLane own;
  for (int n = 0; n < 5; ++n) own.give(numbered(n));
  CHECK(own.give({.flags = OwnPacket::query, .number = 105}) == gro::Verdict::consumed);
  CHECK(own.lane.gro.held() == 0);
  own.give(numbered(6));
  own.give({.number = 900, .payload = 0});
  own.lane.give(nth(0));
  own.lane.give(nth(1));
  own.lane.flush();
  const auto count = [&](Gro which) { return own.lane.gro.counters()[which]; };
  CHECK(count(Gro::packets) == 10);
  CHECK(count(Gro::consumed) == 1);
  CHECK(count(Gro::normal) == 1);
  CHECK(count(Gro::held) == 3);
  CHECK(count(Gro::merged) == 5);
  CHECK(count(Gro::normal) + count(Gro::held) + count(Gro::merged) + count(Gro::merged_free) + count(Gro::consumed) == 10);
  CHECK(own.lane.stats.ledger[stats::Ledger::used] == 1);
}

TEST_CASE("E15: held as TCP's are: across completed polls for poll_hold, until the tick ends") {
  OwnLane own({.tick = 1ms, .poll_hold = 10us});
  auto& lane = own.lane;
  own.give(numbered(0));
  lane.complete();
  CHECK(lane.gro.held() == 1);
  CHECK(lane.gro.next_flush() == lane.env.now + 10us);
  lane.env.now += 5us;
  own.give(numbered(1));
  lane.env.now += 9us;
  lane.complete();
  CHECK(lane.gro.held() == 1);
  lane.env.now += 1us;
  lane.complete();
  CHECK(lane.gro.held() == 0);
  CHECK(lane.count(Gro::closed_idle) == 1);
  own.give(numbered(2));
  lane.flush_old();
  CHECK(lane.gro.held() == 1);
  lane.env.now += 1ms;
  lane.flush_old();
  CHECK(lane.gro.held() == 0);
  CHECK(lane.count(Gro::closed_old) == 1);
  CHECK(lane.gro.next_flush() == never);
}

TEST_CASE("E15: what is in several buffers is merged all the same; the protocol sees the pieces") {
  OwnLane own;
  for (int n = 0; n < 3; ++n) {
    const Bytes whole = numbered(n).bytes();
    pkt::Packet packet = own.lane.pool.packet(Bytes(whole.begin(), whole.begin() + 300));
    packet.chain(own.lane.pool.packet(Bytes(whole.begin() + 300, whole.end())));
    packet.meta().ifindex = 1;
    dissect_into_meta(packet);
    own.lane.gro.receive(own.lane.env, std::move(packet), own.lane.up);
  }
  CHECK(own.sizes() == std::vector<std::size_t>{headers(0) + 3000});
  CHECK(own.lane.out[0].buffers == 6);
}
