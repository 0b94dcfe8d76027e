// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/gro/arrival.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/lane.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr gro::Arrival arrival{.mac = {{2, 0, 0, 0, 0, 1}}, .ifindex = 1, .napi_id = 7};

}  // namespace

TEST_CASE("G7: the packet type follows from the destination address") {
  using enum pkt::PacketType;
  const std::uint8_t host_frame[8] = {2, 0, 0, 0, 0, 1, 9, 9};
  const std::uint8_t other_frame[8] = {2, 0, 0, 0, 0, 2, 9, 9};
  const std::uint8_t broadcast_frame[8] = {255, 255, 255, 255, 255, 255, 9, 9};
  const std::uint8_t multicast_frame[8] = {0x33, 0x33, 0, 0, 0, 1, 9, 9};
  CHECK(gro::packet_type(host_frame, arrival) == host);
  CHECK(gro::packet_type(other_frame, arrival) == other_host);
  CHECK(gro::packet_type(broadcast_frame, arrival) == broadcast);
  CHECK(gro::packet_type(multicast_frame, arrival) == multicast);
}

TEST_CASE("G7: what the dissector finds is put into Meta; 13 bytes are no frame") {
  TestPool pool;
  for (const int family : {4, 6}) {
    pkt::Packet packet = pool.packet(nth(0, [family](Frame& f) { f.family = family; }).bytes());
    const pkt::Meta& meta = packet.meta();
    REQUIRE(gro::arrive(packet.mbuf(), arrival));
    CHECK(meta.l3_offset == 14);
    CHECK(meta.l4_offset == (family == 4 ? 34 : 54));
    CHECK(meta.payload_offset == meta.l4_offset + 20);
    CHECK(meta.ethertype == (family == 4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6));
    CHECK(meta.l4_proto == wire::ip_proto::tcp);
    CHECK(meta.napi_id == 7);
    CHECK(meta.type == pkt::PacketType::host);
    pkt::consume(std::move(packet));
  }
  pkt::Packet cut = pool.packet(Bytes(13));
  CHECK_FALSE(gro::arrive(cut.mbuf(), arrival));
  pkt::consume(std::move(cut));
}
