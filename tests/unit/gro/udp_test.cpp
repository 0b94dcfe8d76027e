// SPDX-License-Identifier: BSD-3-Clause
// E16: which datagrams become one, for whom, and that none overtakes another of its flow.
#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/unit/gro/lane.hpp"
#include "tests/unit/gso/plain_segmenter.hpp"

#include <memory>

using namespace millrace;
using namespace millrace::test;

namespace {

/// A lane whose port 2000 is wanted.
struct UdpLane {
  explicit UdpLane(bool wanted = true) : lane(config()) {
    if (wanted) ports->add(2000);
  }
  gro::Config config() const {
    gro::Config config;
    config.udp_ports = ports.get();
    return config;
  }
  gro::Verdict give(const RawFrame& frame, const PacketChange& change = {}) { return lane.give(frame.bytes(), change); }
  Sizes sizes() { return lane.sizes(); }

  std::unique_ptr<gro::UdpPorts> ports = std::make_unique<gro::UdpPorts>();
  Lane lane;
};

RawFrame datagram(std::size_t payload, bool v6 = false) { return {.v6 = v6, .proto = 17, .payload = payload}; }

Sizes merged_sizes(const std::vector<RawFrame>& frames) {
  UdpLane udp;
  for (const RawFrame& f : frames) udp.give(f);
  return udp.sizes();
}

}  // namespace

TEST_CASE("E16: ten equal datagrams become one packet, IPv4 and IPv6, and a split gives them back bit by bit") {
  for (const bool v6 : {false, true}) {
    UdpLane udp;
    std::vector<Bytes> given;
    for (int i = 0; i < 10; ++i) {
      RawFrame f = datagram(1000, v6);
      f.first_byte = static_cast<std::uint8_t>(i);
      given.push_back(f.bytes());
      udp.give(f);
    }
    CHECK(udp.sizes() == Sizes{10'000});
    const Output& out = udp.lane.out[0];
    CHECK(out.meta.gso_size == 1000);
    CHECK(out.meta.gso_segs == 10);
    CHECK(out.meta.checksum == pkt::ChecksumVerdict::good);
    CHECK(load_be16(&out.bytes[out.meta.l4_offset + 4u]) == 10'008);
    CHECK(PlainSegmenter(out.meta).split(out.bytes) == given);
  }
}

TEST_CASE("E16: a shorter datagram is the last, a longer one begins anew, an empty one goes alone") {
  CHECK(merged_sizes({datagram(100), datagram(100), datagram(60), datagram(60)}) == Sizes{260, 60});
  CHECK(merged_sizes({datagram(100), datagram(101), datagram(101)}) == Sizes{100, 202});
  CHECK(merged_sizes({datagram(100), datagram(0), datagram(100)}) == Sizes{100, 0, 100});
}

TEST_CASE("E16: at most 64 datagrams make one") {
  CHECK(merged_sizes(std::vector<RawFrame>(70, datagram(20))) == Sizes{64 * 20, 6 * 20});
}

TEST_CASE("E16: nothing is merged for a port that no socket asked it for") {
  UdpLane udp(false);
  for (int i = 0; i < 3; ++i) CHECK(udp.give(datagram(100)) == gro::Verdict::normal);
  CHECK(udp.sizes() == Sizes{100, 100, 100});
  udp.ports->add(2001);
  CHECK(udp.give(datagram(100)) == gro::Verdict::normal);
}

TEST_CASE("E16, X18: when the last socket withdraws what is held goes up before the next datagram of its flow") {
  UdpLane udp;
  udp.give(datagram(100));
  udp.give(datagram(90));
  udp.give(datagram(80));
  udp.ports->remove(2000);
  udp.give(datagram(70));
  CHECK(udp.sizes() == Sizes{190, 80, 70});
}

TEST_CASE("E16: other ports, addresses, VLANs and TCP are other flows") {
  UdpLane udp;
  udp.give(datagram(100));
  RawFrame other = datagram(100);
  other.source_port = 1001;
  udp.give(other);
  other = datagram(100);
  other.source_host = 7;
  udp.give(other);
  udp.give({.proto = 6, .payload = 100});
  udp.give(datagram(100));
  udp.give({.proto = 6, .payload = 50});  // out of sequence: closes TCP's, not UDP's
  CHECK(udp.sizes() == Sizes{100, 200, 100, 100, 50});
}

TEST_CASE("E16: no checksum, a wrong one, a wrong length: alone, and behind what is held of the flow") {
  const auto no_sum = [](Bytes& f) { store_be16(&f[40], 0); };
  const auto wrong_sum = [](Bytes& f) { f[41] ^= 1; };
  const auto short_length = [](Bytes& f) { store_be16(&f[38], 50); };
  for (const auto& spoil : std::vector<std::function<void(Bytes&)>>{no_sum, wrong_sum, short_length}) {
    UdpLane udp;
    udp.give(datagram(100));
    Bytes spoiled = datagram(99).bytes();
    spoil(spoiled);
    udp.lane.give(spoiled);
    udp.give(datagram(98));
    CHECK(udp.sizes() == Sizes{100, 99, 98});
  }
}

TEST_CASE("E16: a TTL or TOS of its own ends the train") {
  UdpLane udp;
  udp.give(datagram(100));
  Bytes other = datagram(100).bytes();
  other[22] = 63;
  store_be16(&other[24], 0);
  store_be16(&other[24], static_cast<std::uint16_t>(~naive_sum(std::span(other).subspan(14, 20))));
  udp.lane.give(other);
  udp.give(datagram(100));
  CHECK(udp.sizes() == Sizes{100, 100, 100});
}

TEST_CASE("E16, X18: a fragment of UDP does not overtake datagrams between its addresses, and leaves TCP's alone") {
  UdpLane udp;
  udp.give(datagram(100));
  udp.give({.proto = 6, .payload = 70});
  Bytes fragment = datagram(60).bytes();
  fragment[20] = 0x20;  // more fragments
  store_be16(&fragment[24], 0);
  store_be16(&fragment[24], static_cast<std::uint16_t>(~naive_sum(std::span(fragment).subspan(14, 20))));
  udp.lane.give(fragment);
  CHECK(udp.lane.gro.held() == 1);
  CHECK(udp.lane.count(stats::Gro::closed_flow) == 0);  // counted at the end of the poll
  udp.lane.flush();
  REQUIRE(udp.lane.out.size() == 3);
  CHECK(udp.lane.out[0].bytes.size() == 142);
  CHECK(udp.lane.out[1].bytes.size() == 102);
  CHECK(udp.lane.out[2].bytes.size() == 54 + 70);
}

TEST_CASE("E16: by bursts, as the rx poller gives them") {
  UdpLane udp;
  pkt::Burst burst;
  for (int i = 0; i < 20; ++i) {
    pkt::Packet packet = udp.lane.pool.packet(datagram(500).bytes());
    packet.meta().ifindex = 1;
    burst.push(std::move(packet));
  }
  udp.lane.gro.receive(udp.lane.env, burst, {.ifindex = 1}, udp.lane.up);
  CHECK(udp.sizes() == Sizes{10'000});
  CHECK(udp.lane.count(stats::Gro::held) == 1);
  CHECK(udp.lane.count(stats::Gro::merged) + udp.lane.count(stats::Gro::merged_free) == 19);
}
