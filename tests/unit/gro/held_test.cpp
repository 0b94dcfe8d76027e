// SPDX-License-Identifier: BSD-3-Clause
// E11, E12: the table of held packets.
#include <millrace/gro/held.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/lane.hpp"

#include <map>

using namespace millrace;
using namespace millrace::test;

namespace {

// Frames of `count` flows that share a set of a table with `sets` sets.
std::vector<Frame> colliding(Lane& lane, std::uint64_t sets, std::uint64_t ways, std::size_t count) {
  std::map<std::uint64_t, std::vector<Frame>> by_set;
  for (std::uint16_t port = 1; port != 0; ++port) {
    const Frame frame = nth(0, [port](Frame& f) { f.source_port = port; });
    pkt::Packet packet = lane.pool.packet(frame.bytes());
    packet.meta().ifindex = 1;
    dissect_into_meta(packet);
    gro::Segment segment;
    REQUIRE(gro::read(packet, segment) == gro::Kind::candidate);
    const std::uint64_t set = gro::flow_hash(segment, lane.env.secret) & ((sets - 1) * ways);
    pkt::consume(std::move(packet));
    by_set[set].push_back(frame);
    if (by_set[set].size() == count) return by_set[set];
  }
  FAIL("no set with " << count << " flows");
  return {};
}

void check_eviction(const gro::Config& config, std::uint64_t sets, std::size_t ways) {
  Lane lane(config);
  const std::vector<Frame> flows = colliding(lane, sets, ways, ways + 2);
  for (std::size_t i = 0; i < ways; ++i) lane.give(flows[i]);
  CHECK(lane.gro.held() == ways);
  // A merge does not make the oldest young.
  Frame second = flows[0];
  second.seq += 100;
  second.id++;
  CHECK(lane.give(second) == gro::Verdict::merged);
  lane.give(flows[ways]);
  lane.give(flows[ways + 1]);
  CHECK(lane.gro.held() == ways);
  lane.flush();
  REQUIRE(lane.out.size() == ways + 2);
  CHECK(lane.count(stats::Gro::closed_evicted) == 2);
  CHECK(lane.out[0].payload() == 200);
  for (std::size_t i = 1; i < lane.out.size(); ++i) CHECK(lane.out[i].bytes == flows[i].bytes());
}

}  // namespace

TEST_CASE("E11 X9 the fifth flow of a set pushes out the oldest") {
  check_eviction({}, 64, 4);
}

TEST_CASE("E11 X9 gro.compat linux: the ninth flow of a bucket pushes out the oldest") {
  gro::Config config;
  config.table = gro::Table::linux8x8;
  check_eviction(config, 8, 8);
}

TEST_CASE("E11 a full table still holds one packet of every flow in it") {
  Lane lane;
  for (std::uint16_t port = 1; port <= 2000; ++port) lane.give(nth(0, [port](Frame& f) { f.source_port = port; }));
  CHECK(lane.gro.held() == 256);
  lane.flush();
  CHECK(lane.out.size() == 2000);
}

TEST_CASE("E12 packets go up in the order of their beginning") {
  Lane lane;
  for (std::uint16_t port = 1; port <= 20; ++port) lane.give(nth(0, [port](Frame& f) { f.source_port = port; }));
  lane.flush();
  REQUIRE(lane.out.size() == 20);
  for (std::uint16_t i = 0; i < 20; ++i) CHECK(load_be16(&lane.out[i].bytes[34]) == i + 1);
}

TEST_CASE("X18 a flow is link, family, addresses and ports, whatever the tag says") {
  TestPool pool;
  for (const int family : {4, 6}) {
    const Bytes bytes = nth(0, [family](Frame& f) { f.family = family; }).bytes();
    pkt::Packet packet = pool.packet(bytes);
    dissect_into_meta(packet);
    gro::Segment segment;
    REQUIRE(gro::read(packet, segment) == gro::Kind::candidate);
    gro::HeldTable table(64, 4);
    gro::Held* held = table.insert(5);
    REQUIRE(held != nullptr);
    held->frame = bytes.data();
    held->link = segment.link;
    held->family = segment.family;
    held->layout = segment.layout;
    CHECK(table.find(5, segment) == held);
    CHECK(table.find(5 + 256, segment) == held);  // the tag is of the upper half
    CHECK(table.find(5 + 4, segment) == nullptr);

    gro::Segment other = segment;
    other.link ^= 1;
    CHECK(table.find(5, other) == nullptr);
    CHECK_FALSE(gro::same_addresses(*held, other));
    const std::size_t first = 14u + (family == 4 ? 12 : 8);
    for (std::size_t byte = first; byte < segment.layout.l4_offset + 4u; ++byte) {
      INFO("family " << family << " byte " << byte);
      packet.data()[byte] ^= 1;
      CHECK(table.find(5, segment) == nullptr);
      CHECK(gro::same_addresses(*held, segment) == (byte >= segment.layout.l4_offset));
      packet.data()[byte] ^= 1;
    }
    table.erase(*held);
    CHECK(table.find(5, segment) == nullptr);
    CHECK(table.empty());
    pkt::consume(std::move(packet));
  }
}
