// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/queues.hpp"

#include <millrace/base/byte_order.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/support/raw_frame.hpp"

#include <rte_mbuf.h>

using namespace millrace;
using test::RawFrame;

TEST_CASE("receive_path E10: the four verdicts of DPDK; NONE is both bits together") {
  using pkt::ChecksumVerdict;
  CHECK(ethdev::verdict_of(0) == ChecksumVerdict::unknown);
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_L4_CKSUM_GOOD) == ChecksumVerdict::good);
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_L4_CKSUM_BAD) == ChecksumVerdict::bad);
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_L4_CKSUM_NONE) == ChecksumVerdict::partial);
  // The IP header's verdict does not speak for layer 4.
  CHECK(ethdev::verdict_of(RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_RSS_HASH) == ChecksumVerdict::unknown);
}

TEST_CASE("offload requests carry flags, lengths and the pseudo-header sum, for both families and protocols") {
  test::TestPool pool;
  for (const bool v6 : {false, true}) {
    for (const std::uint8_t proto : {std::uint8_t{6}, std::uint8_t{17}}) {
      const RawFrame frame{.v6 = v6, .proto = proto};
      pkt::Packet packet = pool.packet(frame.unfinished());
      packet.meta().l3_offset = 14;
      packet.meta().l4_offset = static_cast<std::uint16_t>(frame.l4_offset());
      packet.meta().tx_checksum = proto == 6 ? pkt::ChecksumRequest::tcp : pkt::ChecksumRequest::udp;
      packet.mbuf().tx_offload = ~0ull;
      ethdev::request_offloads(packet.mbuf());
      const auto& m = reinterpret_cast<const rte_mbuf&>(packet.mbuf());
      CHECK((m.ol_flags & RTE_MBUF_F_TX_L4_MASK) == (proto == 6 ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM));
      CHECK((m.ol_flags & (RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IPV6)) == (v6 ? RTE_MBUF_F_TX_IPV6 : RTE_MBUF_F_TX_IPV4));
      CHECK((m.ol_flags & RTE_MBUF_F_TX_IP_CKSUM) == 0);
      CHECK(m.l2_len == 14);
      CHECK(m.l3_len == (v6 ? 40 : 20));
      CHECK(m.tso_segsz == 0);
      CHECK(load_be16(packet.data().data() + frame.sum_offset()) == frame.pseudo_sum());
      pkt::consume(std::move(packet));
    }
  }
}

TEST_CASE("a packet that asks for nothing goes without the flags that another port left on it") {
  test::TestPool pool;
  pkt::Packet packet = pool.packet(RawFrame{}.bytes());
  packet.mbuf().ol_flags = RTE_MBUF_F_TX_TCP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_RX_RSS_HASH;
  ethdev::request_offloads(packet.mbuf());
  CHECK(packet.mbuf().ol_flags == RTE_MBUF_F_RX_RSS_HASH);
  CHECK(test::bytes_of(packet) == RawFrame{}.bytes());
  pkt::consume(std::move(packet));
}
