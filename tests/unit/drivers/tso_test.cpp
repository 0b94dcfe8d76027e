// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/sim/link.hpp"
#include "drivers/sim/tso.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/gro/frame.hpp"
#include "tests/unit/gso/plain_segmenter.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("E18: the in-memory device with TSO puts the segments of a plain segmenter on the cable, one for each mss") {
  Rng rng(seed());
  for (int round = 0; round < 100; ++round) {
    LcoreEnv lcore;
    Frame frame{.family = rng.chance(0.5) ? 4 : 6, .flags = static_cast<std::uint8_t>(rng.next()), .payload = 1401 + rng.below(60000)};
    const Bytes bytes = frame.bytes();
    const std::size_t header = bytes.size() - frame.payload;
    pkt::Packet packet = lcore.pool.packet(std::span(bytes).first(header));
    for (std::size_t at = header; at < bytes.size(); at += 1400)
      packet.chain(lcore.pool.packet(std::span(bytes).subspan(at, std::min<std::size_t>(1400, bytes.size() - at))));
    dissect_into_meta(packet);
    packet.meta().gso_size = 1400;
    packet.meta().gso_segs = static_cast<std::uint16_t>((frame.payload + 1399) / 1400);
    packet.meta().tx_checksum = pkt::ChecksumRequest::tcp;
    const auto expected = PlainSegmenter(packet.meta()).split(bytes);

    sim::Link link({});
    auto a = link.open(sim::End::a, {.name = "a", .tso = true});
    CHECK(a->info().offloads.tx_segmentation.tcp);
    pkt::Burst burst;
    burst.push(std::move(packet));
    a->tx_queue(0).transmit(lcore.env, burst);
    CHECK(burst.empty());
    for (const Bytes& segment : expected) {
      CHECK(segment.size() <= 1514);
      REQUIRE(link.take(sim::End::b, lcore.env.now) == segment);
    }
    CHECK_FALSE(link.take(sim::End::b, lcore.env.now));
    CHECK(lcore.stats.port[stats::Port::tx_packets] == expected.size());
  }
}

TEST_CASE("E18: segments that the MTU does not let through are dropped by the sender, as one packet") {
  LcoreEnv lcore;
  const Bytes bytes = Frame{.payload = 3000}.bytes();
  pkt::Packet packet = lcore.pool.packet(std::span(bytes).first(54));
  packet.chain(lcore.pool.packet(std::span(bytes).subspan(54, 1500)));
  packet.chain(lcore.pool.packet(std::span(bytes).subspan(1554)));
  dissect_into_meta(packet);
  packet.meta().gso_size = 1500;
  packet.meta().gso_segs = 2;
  packet.meta().tx_checksum = pkt::ChecksumRequest::tcp;
  sim::Link link({});
  auto a = link.open(sim::End::a, {.name = "a", .tso = true});
  pkt::Burst burst;
  burst.push(std::move(packet));
  a->tx_queue(0).transmit(lcore.env, burst);
  CHECK(lcore.stats.drop[stats::DropReason::tx_too_long] == 1);
  CHECK_FALSE(link.take(sim::End::b, lcore.env.now));
}
