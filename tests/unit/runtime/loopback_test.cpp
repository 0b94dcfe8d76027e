// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/loopback.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/two_lcores.hpp"

#include <algorithm>

using namespace millrace;

TEST_CASE("M2: what lo sends has arrived: dissected, for this host, of its interface, and its sum need not be made") {
  test::TwoLcores lcores;
  runtime::Loopback lo(lcores.a.receive, 1);
  pkt::Packet frame = lcores.a.packet({.payload = 30});
  const std::uint32_t length = frame.length();
  std::fill_n(frame.data().begin(), 12, std::uint8_t{0});  // lo has no addresses
  frame.meta() = {};
  frame.meta().gso_segs = 1;
  frame.meta().tx_checksum = pkt::ChecksumRequest::udp;
  lo.transmit(std::move(frame));
  CHECK(lo.counted.packets.value() == 1);
  CHECK(lo.counted.bytes.value() == length);
  REQUIRE(lcores.rings.waiting(0, 0) == 1);
  pkt::Mbuf* m = nullptr;
  REQUIRE(lcores.rings.dequeue(0, 0, &m, 1) == 1);
  const pkt::Meta& meta = m->meta;
  CHECK((meta.ifindex == 1 && meta.l3_offset == 14 && meta.l4_offset == 34 && meta.payload_offset == 42));
  CHECK((meta.ethertype == 0x0800 && meta.l4_proto == 17 && meta.type == pkt::PacketType::host));
  CHECK(meta.checksum == pkt::ChecksumVerdict::partial);
  CHECK(meta.tx_checksum == pkt::ChecksumRequest::none);
  pkt::consume(pkt::Packet::adopt(m));
}

TEST_CASE("M4: what a full backlog refuses is no packet of lo's") {
  test::TwoLcores lcores;
  lcores.a.limits.netdev_max_backlog = 2;
  runtime::Loopback lo(lcores.a.receive, 1);
  for (int i = 0; i < 5; ++i) lo.transmit(lcores.a.packet({.payload = 30}));
  CHECK(lo.counted.packets.value() == 3);
  CHECK(lo.counted.drops.value() == 2);
  CHECK(lcores.a.lcore.stats.drop[stats::DropReason::backlog_full] == 2);
  lcores.rings.drain([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
}
