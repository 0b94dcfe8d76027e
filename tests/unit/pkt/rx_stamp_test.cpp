// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/rx_stamp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

using namespace millrace;

TEST_CASE("L7: a device's stamp stays with its packet: without its front buffer, in a reference, in a part cut off") {
  test::TestPool pool;
  REQUIRE(pkt::register_rx_stamps());
  REQUIRE(pkt::register_rx_stamps());
  REQUIRE(pkt::rx_stamp_flag() != 0);
  pkt::Packet packet = pool.packet(std::vector<std::uint8_t>(20));
  CHECK_FALSE(pkt::rx_stamp(packet.mbuf()).has_value());
  packet.chain(pool.packet(std::vector<std::uint8_t>(30)));
  pkt::set_rx_stamp(packet.mbuf(), 1'234'567'890'123'456'789u);
  packet.meta().rx_time = Instant(5ms);

  pkt::Packet reference = pool->reference(packet, 5, 10);
  CHECK(pkt::rx_stamp(reference.mbuf()) == 1'234'567'890'123'456'789u);
  pkt::consume(std::move(reference));
  packet.trim_front(25);  // the buffer with the stamp is gone
  const pkt::RxTimes times = pkt::rx_times(packet);
  CHECK(times.software == Instant(5ms));
  CHECK(times.hardware == 1'234'567'890'123'456'789u);
  pkt::Packet front = pool->split_front(packet, 10);
  CHECK(pkt::rx_stamp(front.mbuf()) == 1'234'567'890'123'456'789u);
  CHECK(pkt::rx_stamp(packet.mbuf()) == 1'234'567'890'123'456'789u);

  pkt::Packet other = pool.packet(std::vector<std::uint8_t>(10));
  pkt::copy_rx_stamp(packet.mbuf(), other.mbuf());
  CHECK(pkt::rx_stamp(other.mbuf()) == 1'234'567'890'123'456'789u);
  pkt::Packet unstamped = pool.packet(std::vector<std::uint8_t>(10));  // buffers are used again: no stamp is left in them
  CHECK_FALSE(pkt::rx_stamp(unstamped.mbuf()).has_value());
  pkt::copy_rx_stamp(unstamped.mbuf(), other.mbuf());
  CHECK_FALSE(pkt::rx_stamp(other.mbuf()).has_value());
  for (pkt::Packet* p : {&packet, &front, &other, &unstamped}) pkt::consume(std::move(*p));
}
