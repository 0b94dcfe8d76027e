// SPDX-License-Identifier: BSD-3-Clause
// E5, E7, E10: what a packet's own headers say of it, and X18 for those that pass alone.
#include <millrace/gro/segment.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/lane.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

// A held segment, the packet in question, and the segment that would have followed the first: the packet must come
// out as it went in, between them.
void check_passes_alone(const Frame& first, const Frame& odd, const PacketChange& change = {}) {
  Lane lane;
  lane.give(first);
  REQUIRE(lane.gro.held() == 1);
  CHECK(lane.give(odd, change) == gro::Verdict::normal);
  CHECK(lane.gro.held() == 0);
  lane.give(first);
  lane.flush();
  REQUIRE(lane.out.size() == 3);
  CHECK(lane.out[0].bytes == first.bytes());
  CHECK(lane.out[1].bytes == odd.bytes());
}

PacketChange verdict(pkt::ChecksumVerdict v) {
  return [v](pkt::Packet& p) { p.meta().checksum = v; };
}

Frame fragment6(int n) {
  return nth6(n, [](Frame& f) {
    f.first_extension = wire::ip_proto::fragment;
    f.extensions = {wire::ip_proto::tcp, 0, 0, 1, 0, 0, 0, 9};
  });
}

}  // namespace

TEST_CASE("E5 X18 IP options: passes alone, behind its flow") {
  const Frame odd = nth(1, [](Frame& f) { f.ip_options = {1, 1, 1, 0}; });
  check_passes_alone(nth(0), odd);
  check_passes_alone(nth(0), odd, [](pkt::Packet& p) { p.mbuf().ol_flags |= pkt::flag::rx_ip_good; });
}

TEST_CASE("E5 X18 the first fragment passes alone, behind its flow") {
  check_passes_alone(nth(0), nth(1, [](Frame& f) { f.fragment_field = 0x2000; }));
}

TEST_CASE("E5 X18 a later fragment passes alone, behind every flow between its addresses") {
  Lane lane;
  const auto port = [](std::uint16_t p) { return [p](Frame& f) { f.source_port = p; }; };
  lane.give(nth(0, port(1)));
  lane.give(nth(0, port(2)));
  lane.give(nth(0, [](Frame& f) { f.source_host = 8; }));
  REQUIRE(lane.gro.held() == 3);
  lane.give(nth(1, [](Frame& f) { f.fragment_field = 100; }));
  CHECK(lane.gro.held() == 1);
  CHECK(lane.count(stats::Gro::closed_flow) == 0);  // counted at the end of the poll
  CHECK(lane.sizes().size() == 4);
  CHECK(lane.count(stats::Gro::closed_flow) == 2);
  CHECK(lane.out[3].bytes == nth(0, [](Frame& f) { f.source_host = 8; }).bytes());
}

TEST_CASE("E5 X18 a wrong IPv4 header checksum: passes alone, behind its flow") {
  check_passes_alone(nth(0), nth(1, [](Frame& f) { f.ip_sum_error = 1; }));
  check_passes_alone(nth(0), nth(1), [](pkt::Packet& p) { p.mbuf().ol_flags |= pkt::flag::rx_ip_bad; });
}

TEST_CASE("E5 the device's verdict on the IPv4 header is believed") {
  Lane lane;
  const auto good = [](pkt::Packet& p) { p.mbuf().ol_flags |= pkt::flag::rx_ip_good; };
  lane.give(nth(0), good);
  lane.give(nth(1), good);
  CHECK(lane.sizes() == Sizes{200});
}

TEST_CASE("E5 X18 padding of a short frame: passes alone, behind its flow") {
  check_passes_alone(nth(0), nth(1, [](Frame& f) {
                       f.payload = 2;
                       f.trailer = Bytes(4, 0);
                     }));
}

TEST_CASE("E5 X18 a frame cut short: passes alone, behind its flow") {
  check_passes_alone(nth(0), nth(1, [](Frame& f) { f.ip_length_error = 10; }));
}

TEST_CASE("E5 X18 the reserved fragment bit: passes alone, behind its flow") {
  check_passes_alone(nth(0), nth(1, [](Frame& f) { f.fragment_field = 0xc000; }));
}

TEST_CASE("E5 other protocols pass at once and end nothing") {
  Lane lane;
  lane.give(nth(0));
  Bytes udp = nth(0).bytes();
  udp[14 + 9] = wire::ip_proto::udp;
  CHECK(lane.give(udp) == gro::Verdict::normal);
  Bytes udp6 = nth6(0).bytes();
  udp6[14 + 6] = wire::ip_proto::udp;
  CHECK(lane.give(udp6) == gro::Verdict::normal);
  Bytes arp = nth(0).bytes();
  store_be16(&arp[12], wire::ethertype::arp);
  CHECK(lane.give(arp) == gro::Verdict::normal);
  CHECK(lane.give(Bytes(14)) == gro::Verdict::normal);
  CHECK(lane.gro.held() == 1);
}

TEST_CASE("E5 E7 an IP header that is not whole names no flow") {
  TestPool pool;
  for (const int family : {4, 6}) {
    const Bytes cut = nth(0, [family](Frame& f) { f.family = family; }).bytes();
    const std::size_t whole = 14u + (family == 4 ? 20 : 40);
    for (const std::size_t size : {whole - 1, whole}) {
      pkt::Packet packet = pool.packet(Bytes(cut.begin(), cut.begin() + static_cast<std::ptrdiff_t>(size)));
      dissect_into_meta(packet);
      gro::Segment segment;
      CHECK(gro::read(packet, segment) == (size == whole ? gro::Kind::unreadable : gro::Kind::other));
      pkt::consume(std::move(packet));
    }
  }
}

TEST_CASE("E7 X18 a payload length that is not that of the bytes: passes alone, behind its flow") {
  check_passes_alone(nth6(0), nth6(1, [](Frame& f) { f.ip_length_error = 10; }));
  check_passes_alone(nth6(0), nth6(1, [](Frame& f) { f.trailer = Bytes(4, 0); }));
}

TEST_CASE("E7 X18 IPv6 fragments pass alone, behind every flow between their addresses") {
  check_passes_alone(nth6(0), fragment6(1));
  Frame later = fragment6(1);
  later.extensions[3] = 0x10;
  check_passes_alone(nth6(0), later);
  Frame atomic = fragment6(1);
  atomic.extensions[3] = 0;
  check_passes_alone(nth6(0), atomic);
}

TEST_CASE("E7 X18 extension headers whose end cannot be read may hide TCP: behind every flow between their addresses") {
  using namespace wire::ip_proto;
  for (const std::uint8_t first : {hop_by_hop, routing, destination_options}) {
    Frame cut = nth6(1);
    cut.first_extension = first;
    cut.extensions = {wire::ip_proto::tcp, 200, 0, 0, 0, 0, 0, 0};
    check_passes_alone(nth6(0), cut);
  }
  Lane lane;  // ESP hides what no socket lookup will see
  lane.give(nth6(0));
  Bytes esp = nth6(1).bytes();
  esp[14 + 6] = 50;
  lane.give(esp);
  CHECK(lane.gro.held() == 1);
}

TEST_CASE("E7 X18 a TCP header that is not whole in the first buffer: behind every flow between its addresses") {
  Lane lane;
  lane.give(nth6(0));
  Bytes cut = nth6(1).bytes();
  cut.resize(14 + 40 + 10);
  CHECK(lane.give(cut) == gro::Verdict::normal);
  CHECK(lane.gro.held() == 0);
}

TEST_CASE("E10 X18 a wrong sum inside a run: two merged packets and the bad one between") {
  for (const bool hardware : {false, true}) {
    Lane lane;
    Frame bad = nth(2);
    if (!hardware) bad.tcp_sum_error = 1;
    lane.give(nth(0));
    lane.give(nth(1));
    CHECK(lane.give(bad, hardware ? verdict(pkt::ChecksumVerdict::bad) : PacketChange{}) == gro::Verdict::normal);
    lane.give(nth(3));
    lane.give(nth(4));
    CHECK(lane.sizes() == Sizes{200, 100, 200});
    CHECK(lane.out[1].bytes == bad.bytes());
    CHECK(lane.out[1].meta.checksum == pkt::ChecksumVerdict::bad);
    CHECK(lane.count(stats::Gro::checksum_bad) == 1);
    CHECK(lane.count(stats::Gro::checksum_computed) == (hardware ? 4 : 5));
  }
}

TEST_CASE("E10 good and partial are believed, unknown is computed") {
  using enum pkt::ChecksumVerdict;
  for (const auto v : {good, partial}) {
    Lane lane;
    for (int i = 0; i < 2; ++i) lane.give(nth(i, [](Frame& f) { f.tcp_sum_error = 99; }), verdict(v));
    CHECK(lane.sizes() == Sizes{200});
    CHECK(lane.out[0].meta.checksum == good);
    CHECK(fault_of_merged(lane.out[0].bytes, lane.out[0].meta) == nullptr);
    CHECK(lane.count(stats::Gro::checksum_computed) == 0);
  }
  Lane alone;  // what is not merged keeps its verdict, or gets the one that was computed
  alone.give(nth(0), verdict(partial));
  alone.flush();
  alone.give(nth(1), verdict(unknown));
  alone.flush();
  CHECK(alone.out[0].meta.checksum == partial);
  CHECK(alone.out[1].meta.checksum == good);
}

TEST_CASE("E10 the sum runs over odd lengths and chained buffers") {
  for (const std::size_t cut : {54u, 55u, 101u, 120u}) {
    for (const int family : {4, 6}) {
      Lane lane;
      for (int i = 0; i < 2; ++i) {
        const Bytes bytes = nth(i, [=](Frame& f) { f.family = family; }).bytes();
        const auto border = bytes.begin() + static_cast<std::ptrdiff_t>(cut) + (family == 6 ? 20 : 0);
        pkt::Packet packet = lane.pool.packet(Bytes(bytes.begin(), border));
        packet.chain(lane.pool.packet(Bytes(border, bytes.end())));
        packet.meta().ifindex = 1;
        dissect_into_meta(packet);
        const auto v = lane.gro.receive(lane.env, std::move(packet), lane.up);
        // A buffer that bore nothing but headers goes back to the pool.
        CHECK(v == (i == 0 ? gro::Verdict::held : cut == 54 ? gro::Verdict::merged_free : gro::Verdict::merged));
      }
      CHECK(lane.sizes() == Sizes{200});
      CHECK(lane.out[0].buffers == (cut == 54 ? 3 : 4));
      CHECK(split(lane.out[0].bytes, lane.out[0].meta)[1] == nth(1, [=](Frame& f) { f.family = family; }).bytes());
    }
  }
}

TEST_CASE("E10 behind a routing header a wrong sum is left to TCP to judge") {
  Lane lane;
  const Frame odd = nth6(1, [](Frame& f) {
    f.first_extension = wire::ip_proto::routing;
    f.extensions = {wire::ip_proto::tcp, 0, 4, 1, 0, 0, 0, 0};
    f.tcp_sum_error = 5;
  });
  lane.give(nth6(0));
  CHECK(lane.give(odd) == gro::Verdict::normal);
  lane.flush();
  REQUIRE(lane.out.size() == 2);
  CHECK(lane.out[1].meta.checksum == pkt::ChecksumVerdict::unknown);
  CHECK(lane.count(stats::Gro::checksum_bad) == 0);
}

TEST_CASE("X18 the flow hash sees link, addresses and ports, and nothing else") {
  TestPool pool;
  const auto hash = [&pool](const Frame& f, std::uint16_t ifindex = 1) {
    pkt::Packet packet = pool.packet(f.bytes());
    packet.meta().ifindex = ifindex;
    dissect_into_meta(packet);
    gro::Segment segment;
    CHECK(gro::read(packet, segment) == gro::Kind::candidate);
    const std::uint64_t h = gro::flow_hash(segment, {1, 2});
    pkt::consume(std::move(packet));
    return h;
  };
  for (const int family : {4, 6}) {
    const auto frame = [family](const Change& change) {
      return nth(0, [&](Frame& f) {
        f.family = family;
        change(f);
      });
    };
    const std::uint64_t base = hash(frame([](Frame&) {}));
    CHECK(base == hash(frame([](Frame& f) { f.seq += 5, f.ttl = 3, f.tos = 4, f.flow_label = 9, f.source_mac = 7; })));
    CHECK(base != hash(frame([](Frame& f) { f.source_host = 3; })));
    CHECK(base != hash(frame([](Frame& f) { f.destination_host = 3; })));
    CHECK(base != hash(frame([](Frame& f) { f.source_port = 3; })));
    CHECK(base != hash(frame([](Frame& f) { f.destination_port = 3; })));
    CHECK(base != hash(frame([](Frame& f) { f.vlan = 3; })));
    CHECK(base != hash(frame([](Frame&) {}), 2));
  }
}
