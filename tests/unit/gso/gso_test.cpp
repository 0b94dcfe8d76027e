// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/gso/gso.hpp>

#include <millrace/port/tx_offload.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/unit/gro/frame.hpp"
#include "tests/unit/gso/plain_segmenter.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

constexpr port::Offloads with_tso{.tx_tcp_checksum = true, .tx_multi_segment = true, .tx_segmentation = {.tcp = true}};

/// The frame in buffers of 1448 bytes behind one for the header, as TCP sends it.
pkt::Packet big_packet(LcoreEnv& lcore, const Frame& frame, std::uint16_t mss) {
  const Bytes bytes = frame.bytes();
  pkt::Packet packet = lcore.pool.packet(std::span(bytes).first(bytes.size() - frame.payload));
  for (std::size_t at = bytes.size() - frame.payload; at < bytes.size(); at += mss)
    packet.chain(lcore.pool.packet(std::span(bytes).subspan(at, std::min<std::size_t>(mss, bytes.size() - at))));
  dissect_into_meta(packet);
  packet.meta().gso_size = mss;
  packet.meta().gso_segs = static_cast<std::uint16_t>((frame.payload + mss - 1) / mss);
  packet.meta().tx_checksum = pkt::ChecksumRequest::tcp;
  return packet;
}

std::vector<Bytes> finished(pkt::PacketList& out) {
  std::vector<Bytes> all;
  while (pkt::Packet p = out.pop_front()) {
    REQUIRE(p.meta().gso_size == 0);
    REQUIRE(p.meta().gso_segs == 1);
    REQUIRE(p.meta().tx_checksum != pkt::ChecksumRequest::none);
    port::finish_checksum(p.mbuf());
    all.push_back(bytes_of(p));
    pkt::consume(std::move(p));
  }
  return all;
}

const Frame big{.flags = wire::tcp_flag::ack | wire::tcp_flag::psh | wire::tcp_flag::fin | wire::tcp_flag::cwr, .payload = 64000};

}  // namespace

TEST_CASE("E19: per segment seq += mss, IP ID++, FIN and PSH on the last alone, CWR on the first alone, sums right") {
  LcoreEnv lcore;
  pkt::PacketList out;
  pkt::Packet packet = big_packet(lcore, big, 1448);
  const auto expected = PlainSegmenter(packet.meta()).split(big.bytes());
  gso::segment(lcore.env, std::move(packet), out);
  const auto got = finished(out);
  REQUIRE(got.size() == 45);
  CHECK(got == expected);
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(load_be32(&got[i][38]) == 1000 + 1448 * i);
    CHECK(load_be16(&got[i][18]) == 1 + i);
    CHECK((got[i][47] & 0x09) == (i == 44 ? 0x09 : 0));
    CHECK((got[i][47] & 0x80) == (i == 0 ? 0x80 : 0));
    CHECK(got[i].size() == (i == 44 ? 54 + 64000 - 44 * 1448 : 54 + 1448));
  }
  CHECK(lcore.stats.gso[stats::Gso::software] == 1);
  CHECK(lcore.stats.gso[stats::Gso::segments] == 45);
}

TEST_CASE("E19: for AccECN CWR stays on every segment") {
  LcoreEnv lcore;
  pkt::PacketList out;
  pkt::Packet packet = big_packet(lcore, big, 1448);
  packet.meta().gso_accecn = true;
  gso::segment(lcore.env, std::move(packet), out);
  for (const Bytes& frame : finished(out)) CHECK((frame[47] & 0x80) == 0x80);
}

TEST_CASE("E19: gso_fixed_id keeps the identification") {
  LcoreEnv lcore;
  pkt::PacketList out;
  pkt::Packet packet = big_packet(lcore, big, 1448);
  packet.meta().gso_fixed_id = true;
  gso::segment(lcore.env, std::move(packet), out);
  for (const Bytes& frame : finished(out)) CHECK(load_be16(&frame[18]) == 1);
}

TEST_CASE("E19: no payload is copied: segments share the bytes that the packet had") {
  LcoreEnv lcore;
  pkt::PacketList out;
  pkt::Packet packet = big_packet(lcore, Frame{.payload = 10 * 1448}, 1448);
  std::vector<const std::uint8_t*> payload;
  packet.for_each_segment([&](std::span<const std::uint8_t> bytes) { payload.push_back(bytes.data()); });
  const std::uint32_t before = lcore.pool->in_use();
  gso::segment(lcore.env, std::move(packet), out);
  CHECK(lcore.pool->in_use() == before + 9);  // nine headers; the first segment has the packet's
  for (std::size_t i = 0; i < 10; ++i) {
    pkt::Packet segment = out.pop_front();
    REQUIRE(segment);
    CHECK(segment.segments() == 2);
    CHECK(segment.mbuf().next->data() == payload[i + 1]);
    pkt::consume(std::move(segment));
  }
}

TEST_CASE("E18: a port with TSO gets the packet whole, within its limits; beyond them it is cut here") {
  struct Case {
    const char* what;
    port::Segmentation port;
    bool is_whole;
  };
  const Case cases[] = {
      {"no TSO", {}, false},
      {"UDP alone", {.udp = true}, false},
      {"TSO", {.tcp = true}, true},
      {"all segments", {.tcp = true, .max_segments = 45}, true},
      {"too many segments", {.tcp = true, .max_segments = 44}, false},
      {"all bytes", {.tcp = true, .max_bytes = 64040}, true},
      {"too many bytes", {.tcp = true, .max_bytes = 64039}, false},
      {"all buffers", {.tcp = true, .max_buffers = 46}, true},
      {"too many buffers", {.tcp = true, .max_buffers = 45}, false},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    LcoreEnv lcore;
    pkt::PacketList out;
    port::Offloads offloads = with_tso;
    offloads.tx_segmentation = c.port;
    gso::validate_xmit(lcore.env, big_packet(lcore, Frame{.payload = 64000}, 1448), offloads, out);
    CHECK(out.size() == (c.is_whole ? 1 : 45));
    CHECK(lcore.stats.gso[stats::Gso::packets] == 1);
    CHECK(lcore.stats.gso[stats::Gso::hardware] == (c.is_whole ? 1 : 0));
    CHECK(lcore.stats.gso[stats::Gso::software] == (c.is_whole ? 0 : 1));
    CHECK(lcore.stats.gso[stats::Gso::segments] == 45);
    while (pkt::Packet p = out.pop_front()) pkt::consume(std::move(p));
  }
}

TEST_CASE("E18: an AccECN packet with CWR is not for a device that would clear it") {
  LcoreEnv lcore;
  pkt::PacketList out;
  pkt::Packet packet = big_packet(lcore, big, 1448);
  packet.meta().gso_accecn = true;
  gso::validate_xmit(lcore.env, std::move(packet), with_tso, out);
  CHECK(out.size() == 45);
  while (pkt::Packet p = out.pop_front()) pkt::consume(std::move(p));
}

TEST_CASE("E19: a packet that claims segments but has no whole header in its first buffer is dropped as gso_malformed") {
  for (const std::size_t first : {std::size_t{34}, std::size_t{53}}) {
    LcoreEnv lcore;
    pkt::PacketList out;
    const Bytes bytes = Frame{.payload = 300}.bytes();
    pkt::Packet packet = lcore.pool.packet(bytes);
    dissect_into_meta(packet);
    const pkt::Meta meta = packet.meta();
    pkt::consume(std::move(packet));
    packet = lcore.pool.packet(std::span(bytes).first(first));
    packet.chain(lcore.pool.packet(std::span(bytes).subspan(first)));
    packet.meta() = meta;
    packet.meta().gso_size = 100;
    packet.meta().gso_segs = 3;
    gso::segment(lcore.env, std::move(packet), out);
    CHECK(out.empty());
    CHECK(lcore.stats.drop[stats::DropReason::gso_malformed] == 1);
  }
}

TEST_CASE("E19: when the pool runs dry the segments made so far go, the rest is dropped as no_buffer") {
  LcoreEnv lcore(0, 20);
  pkt::PacketList out;
  pkt::Packet packet = big_packet(lcore, Frame{.payload = 15 * 1000}, 1000);  // 16 buffers of 20
  gso::segment(lcore.env, std::move(packet), out);
  CHECK(out.size() == 5);
  CHECK(lcore.stats.drop[stats::DropReason::no_buffer] == 2);  // the payload without a header, and what came behind
  while (pkt::Packet p = out.pop_front()) pkt::consume(std::move(p));
}
