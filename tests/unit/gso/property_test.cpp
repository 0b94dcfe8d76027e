// SPDX-License-Identifier: BSD-3-Clause
// E19 as a property: bit-exact against a plain segmenter, and GRO(GSO(x)) == x.
#include <millrace/gro/gro.hpp>
#include <millrace/gso/gso.hpp>
#include <millrace/port/tx_offload.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/gro/frame.hpp"
#include "tests/unit/gso/plain_segmenter.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

Frame draw_tcp(Rng& rng) {
  Frame f;
  f.family = rng.chance(0.5) ? 4 : 6;
  f.payload = 1 + rng.below(rng.chance(0.5) ? 65000 : 3000);
  f.seq = rng.chance(0.3) ? 0xffffffff - rng.below(60000) : static_cast<std::uint32_t>(rng.next());
  f.id = static_cast<std::uint16_t>(rng.next());
  f.options.resize(4 * rng.below(11));
  for (auto& byte : f.options) byte = static_cast<std::uint8_t>(rng.next());
  f.flags = static_cast<std::uint8_t>(rng.next());
  f.window = static_cast<std::uint16_t>(rng.next());
  f.tos = static_cast<std::uint8_t>(rng.next());
  if (rng.chance(0.3)) f.vlan = static_cast<std::uint16_t>(rng.below(4096));
  if (f.family == 6 && rng.chance(0.3)) f.extensions = {wire::ip_proto::tcp, 0, 1, 4, 0, 0, 0, 0};
  return f;
}

// Of several buffers, the first with all headers.
pkt::Packet cut_up(LcoreEnv& lcore, Rng& rng, const Bytes& bytes, std::size_t header) {
  std::size_t n = header + (rng.chance(0.5) ? 0 : rng.below(1500));
  pkt::Packet packet = lcore.pool.packet(std::span(bytes).first(std::min(n, bytes.size())));
  const std::uint32_t most = rng.chance(0.5) ? 2000 : 60;
  for (std::size_t at = n; at < bytes.size(); at += n) {
    n = std::min<std::size_t>(1 + rng.below(most), bytes.size() - at);
    packet.chain(lcore.pool.packet(std::span(bytes).subspan(at, n)));
  }
  dissect_into_meta(packet);
  return packet;
}

pkt::Packet received(LcoreEnv& lcore, const Bytes& bytes) {
  pkt::Packet packet = lcore.pool.packet(bytes);
  packet.meta().ifindex = 1;
  dissect_into_meta(packet);
  return packet;
}

std::vector<Bytes> cut_and_finished(LcoreEnv& lcore, pkt::Packet packet) {
  pkt::PacketList out;
  gso::segment(lcore.env, std::move(packet), out);
  std::vector<Bytes> all;
  while (pkt::Packet p = out.pop_front()) {
    port::finish_checksum(p.mbuf());
    all.push_back(bytes_of(p));
    pkt::consume(std::move(p));
  }
  return all;
}

void mark(pkt::Packet& packet, std::size_t payload, std::uint32_t size) {
  packet.meta().gso_size = static_cast<std::uint16_t>(size);
  packet.meta().gso_segs = static_cast<std::uint16_t>((payload + size - 1) / size);
}

}  // namespace

TEST_CASE("E19: TCP segments equal those of a plain segmenter bit by bit, whatever sizes, options and chains") {
  Rng rng(seed());
  for (int round = 0; round < 400; ++round) {
    LcoreEnv lcore(0, 8191);
    const Frame frame = draw_tcp(rng);
    const Bytes bytes = frame.bytes();
    pkt::Packet packet = cut_up(lcore, rng, bytes, bytes.size() - frame.payload);
    mark(packet, frame.payload, frame.payload > 3000 ? 400 + rng.below(9000) : 1 + rng.below(1600));
    packet.meta().gso_fixed_id = rng.chance(0.3);
    packet.meta().gso_accecn = rng.chance(0.3);
    const auto expected = PlainSegmenter(packet.meta()).split(bytes);
    const auto cut = cut_and_finished(lcore, std::move(packet));
    REQUIRE(cut == expected);
  }
}

TEST_CASE("E19: UDP segments equal those of a plain segmenter bit by bit") {
  Rng rng(seed() + 1);
  for (int round = 0; round < 300; ++round) {
    LcoreEnv lcore(0, 8191);
    const RawFrame frame{.v6 = rng.chance(0.5), .proto = 17, .payload = 1 + rng.below(rng.chance(0.5) ? 60000 : 3000)};
    const Bytes bytes = frame.bytes();
    pkt::Packet packet = cut_up(lcore, rng, bytes, bytes.size() - frame.payload);
    mark(packet, frame.payload, frame.payload > 3000 ? 500 + rng.below(9000) : 1 + rng.below(1600));
    const auto expected = PlainSegmenter(packet.meta()).split(bytes);
    const auto cut = cut_and_finished(lcore, std::move(packet));
    REQUIRE(cut == expected);
  }
}

TEST_CASE("E19, E13: GRO of what GSO made gives the packet back, and GSO of that the segments again") {
  Rng rng(seed() + 2);
  int merged = 0;
  for (int round = 0; round < 200; ++round) {
    LcoreEnv lcore(0, 8191);
    Frame frame = draw_tcp(rng);
    frame.flags = wire::tcp_flag::ack | (rng.chance(0.5) ? wire::tcp_flag::psh : std::uint8_t{0});
    frame.payload = 2 + rng.below(60000);
    const Bytes bytes = frame.bytes();
    pkt::Packet packet = cut_up(lcore, rng, bytes, bytes.size() - frame.payload);
    mark(packet, frame.payload, 1 + rng.below(static_cast<std::uint32_t>(std::min<std::size_t>(frame.payload - 1, 1460))));
    packet.meta().gso_fixed_id = rng.chance(0.3);
    if (packet.meta().gso_segs > 2000) {
      pkt::consume(std::move(packet));
      continue;
    }
    const auto segments = cut_and_finished(lcore, std::move(packet));
    gro::Gro gro;
    pkt::PacketList up;
    for (const Bytes& segment : segments) gro.receive(lcore.env, received(lcore, segment), up);
    gro.flush_all(lcore.env, up);
    REQUIRE(up.size() == 1);
    pkt::Packet whole = up.pop_front();
    CHECK(whole.length() == bytes.size());
    REQUIRE(whole.meta().gso_segs == segments.size());
    const auto cut = cut_and_finished(lcore, std::move(whole));
    REQUIRE(cut == segments);
    ++merged;
  }
  CHECK(merged > 100);
}
