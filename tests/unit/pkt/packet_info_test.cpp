// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/packet_info.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

using namespace millrace;

TEST_CASE("a packet's info is there once it is set, goes with the packet's buffer, and is not there for the next packet in it") {
  test::TestPool pool(15);
  REQUIRE(pkt::register_packet_info());
  REQUIRE(pkt::register_packet_info());  // once is enough
  for (int i = 0; i < 20; ++i) {
    pkt::Packet packet = pool.packet({});
    CHECK_FALSE(pkt::packet_info(packet));
    pkt::set_packet_info(packet, {.destination = IpAddress::v4(1, 2, 3, 4), .traffic_class = 5, .hop_limit = 6});
    pkt::Packet moved = std::move(packet);
    const auto info = pkt::packet_info(moved);
    REQUIRE(info);
    CHECK(info->destination == IpAddress::v4(1, 2, 3, 4));
    CHECK((info->traffic_class == 5 && info->hop_limit == 6));
    pkt::consume(std::move(moved));
  }
}
