// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/unit/stack/ip/fragments.hpp"
#include "tests/unit/stack/ip/router.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;

namespace {

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }

wire::Ipv4View v4_of(const Bytes& frame) { return *wire::Ipv4View::parse(std::span(frame).subspan(14)); }
wire::Ipv6View v6_of(const Bytes& frame) { return *wire::Ipv6View::parse(std::span(frame).subspan(14)); }

// Type, code and second word of an ICMP message that went to the peer.
struct Message {
  int type, code;
  std::uint32_t rest;
  bool operator==(const Message&) const = default;
};
Message message_in(const Bytes& frame) {
  CHECK(has_right_checksums(frame));
  const std::size_t at = frame[14] >> 4 == 4 ? 34 : 54;
  return {frame[at], frame[at + 1], load_be32(&frame[at + 4])};
}

}  // namespace

TEST_CASE("H6: a packet for another link goes there, its TTL one less and its sum right; no other byte changes") {
  for (int ttl = 2; ttl < 256; ++ttl) {
    Router router;
    const Bytes came = to_far4({.id = 0x1234, .tos = 0x2e, .ttl = static_cast<std::uint8_t>(ttl), .dont_fragment = true});
    router.receives(came);
    const Bytes went = router.far.take_one();
    CHECK(wire::EthernetView::parse(went)->destination() == far_mac);
    CHECK(wire::EthernetView::parse(went)->source() == router_mac);
    CHECK(v4_of(went).ttl() == ttl - 1);
    CHECK(v4_of(went).checksum_valid());
    Bytes expected = behind(came, 14);
    expected[8] = went[22];
    expected[10] = went[24];
    expected[11] = went[25];
    CHECK(behind(went, 14) == expected);
    CHECK(router.wire.take().empty());
    CHECK(router[stats::Ip::ForwDatagrams] == 1);
    CHECK(router[stats::Ip::OutTransmits] == 1);
    CHECK(router[stats::Ip::OutRequests] == 0);
    CHECK(router[stats::Ip::InDelivers] == 0);
    CHECK(router[stats::Ip::FibLookups] == 1);
  }
}

TEST_CASE("H6: IPv6 the same, with the hop limit") {
  Router router;
  const Bytes came = to_far6(9);
  router.receives(came);
  const Bytes went = router.far.take_one();
  CHECK(wire::EthernetView::parse(went)->destination() == far_mac);
  Bytes expected = behind(came, 14);
  expected[7] = 8;
  CHECK(behind(went, 14) == expected);
  CHECK(router[stats::Ip6::OutForwDatagrams] == 1);
  CHECK(router[stats::Ip6::InDelivers] == 0);
}

TEST_CASE("H6: a host, as everything is by default, forwards nothing and tells nobody") {
  Router host;
  host.ip.configure_forwarding({});
  host.receives(to_far4({}));
  host.receives(to_far6());
  CHECK(host.drops(DropReason::not_local) == 2);
  CHECK(host[stats::Ip::InAddrErrors] == 1);
  CHECK(host[stats::Ip6::InAddrErrors] == 1);
  CHECK(host.wire.take().empty());
  CHECK(host.far.take().empty());
}

TEST_CASE("H6: at TTL or hop limit 1 or 0 its sender is told: time exceeded") {
  for (const std::uint8_t ttl : {std::uint8_t{1}, std::uint8_t{0}}) {
    Router router;
    router.receives(to_far4({.ttl = ttl}));
    const Bytes error = router.wire.take_one();
    CHECK(message_in(error) == Message{11, 0, 0});
    CHECK(v4_of(error).source() == host4);
    CHECK(v4_of(error).destination() == peer4);
    CHECK(behind(error, 42) == behind(to_far4({.ttl = ttl}), 14));
    CHECK(router[stats::Ip::InHdrErrors] == 1);
    router.receives(to_far6(ttl));
    CHECK(message_in(router.wire.take_one()) == Message{3, 0, 0});
    CHECK(router[stats::Ip6::InHdrErrors] == 1);
    CHECK(router.drops(DropReason::ttl_exceeded) == 2);
    CHECK(router.far.take().empty());
    CHECK(router[stats::Ip::ForwDatagrams] == 0);
  }
}

TEST_CASE("H6: what the next link does not take and may not be cut comes back: fragmentation needed, packet too big") {
  Router router;
  router.eth1.mtu = 1300;
  router.receives(to_far4({.dont_fragment = true}, counting(1280)));  // 1300 in all
  CHECK(router.far.take().size() == 1);
  router.receives(to_far4({.dont_fragment = true}, counting(1281)));
  CHECK(message_in(router.wire.take_one()) == Message{3, 4, 1300});
  router.receives(to_far6(64, counting(1260)));
  CHECK(router.far.take().size() == 1);
  router.receives(to_far6(64, counting(1261)));
  CHECK(message_in(router.wire.take_one()) == Message{2, 0, 1300});
  CHECK(router.drops(DropReason::too_big) == 2);
  CHECK(router[stats::Ip::FragFails] == 1);
  CHECK(router[stats::Ip6::FragFails] == 1);
  CHECK(router[stats::Ip6::InTooBigErrors] == 1);
  CHECK(router.far.take().empty());
}

TEST_CASE("H6: IPv4 without DF is cut, a fragment too; the pieces keep identification, offset and what follows") {
  for (const bool is_fragment : {false, true}) {
    Router router;
    router.eth1.mtu = 700;
    const Bytes payload = counting(1400);
    router.receives(to_far4({.id = 77, .fragment_offset = static_cast<std::uint16_t>(is_fragment ? 1480 : 0), .ttl = 9, .more_fragments = is_fragment}, payload));
    Bytes joined;
    const auto pieces = router.far.take();
    REQUIRE(pieces.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) {
      const auto ip = v4_of(pieces[i]);
      CHECK(ip.checksum_valid());
      CHECK(ip.total_length() <= 700);
      CHECK(ip.id() == 77);
      CHECK(ip.ttl() == 8);
      CHECK(ip.proto() == test_proto);
      CHECK(ip.fragment_offset() == (is_fragment ? 1480 : 0) + joined.size());
      CHECK(ip.more_fragments() == (is_fragment || i < 2));
      joined.insert(joined.end(), pieces[i].begin() + 34, pieces[i].begin() + 14 + ip.total_length());
    }
    CHECK(joined == payload);
    CHECK(router[stats::Ip::FragOKs] == 1);
    CHECK(router[stats::Ip::FragCreates] == 3);
    CHECK(router[stats::Ip::ForwDatagrams] == 1);
  }
}

TEST_CASE("H6, RFC 791 3.1: later fragments carry only the options with the copied bit") {
  Router router;
  router.eth1.mtu = 300;
  // Record route (7), not copied, and router alert (148), copied.
  router.receives(with_options(to_far4({}, counting(500)), {7, 7, 8, 1, 2, 3, 4, 148, 4, 0, 0, 0}));
  const auto pieces = router.far.take();
  REQUIRE(pieces.size() == 2);
  CHECK(options_of(pieces[0]) == Bytes{7, 7, 8, 1, 2, 3, 4, 148, 4, 0, 0, 0});
  CHECK(options_of(pieces[1]) == Bytes{1, 1, 1, 1, 1, 1, 1, 148, 4, 0, 0, 0});
  CHECK(v4_of(pieces[1]).checksum_valid());
}

TEST_CASE("H6, RFC 791 3.1: a recorded route shows the address of the link that the packet leaves by") {
  Router router;
  router.receives(with_options(to_far4({}), {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const Bytes went = router.far.take_one();
  CHECK(options_of(went) == Bytes{7, 11, 8, 10, 78, 0, 1, 0, 0, 0, 0, 0});
  CHECK(v4_of(went).checksum_valid());
  router.receives(with_options(to_far4({}), {7, 7, 8, 1, 2, 3, 4, 0}));
  CHECK(options_of(router.far.take_one()) == Bytes{7, 7, 8, 1, 2, 3, 4, 0});  // full
}

TEST_CASE("H6, RFC 791 3.1: a timestamp shows when the packet came, beside the address towards its sender, or counts that it had no room") {
  Router router;  // its clock says one o'clock
  const auto passed = [&](const Bytes& options) {
    router.receives(with_options(to_far4({}), options));
    return options_of(router.far.take_one());
  };
  CHECK(passed({68, 8, 5, 0, 0, 0, 0, 0}) == Bytes{68, 8, 9, 0, 0, 0x36, 0xee, 0x80});
  CHECK(passed({68, 12, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0}) == Bytes{68, 12, 13, 1, 10, 77, 0, 2, 0, 0x36, 0xee, 0x80});
  CHECK(passed({68, 8, 9, 0x10, 1, 2, 3, 4}) == Bytes{68, 8, 9, 0x20, 1, 2, 3, 4});
  CHECK(passed({68, 12, 5, 3, 10, 78, 0, 1, 0, 0, 0, 0}) == Bytes{68, 12, 13, 3, 10, 78, 0, 1, 0, 0x36, 0xee, 0x80});
  CHECK(passed({68, 12, 5, 3, 10, 78, 0, 9, 0, 0, 0, 0}) == Bytes{68, 12, 5, 3, 10, 78, 0, 9, 0, 0, 0, 0});
  router.advance(1500ms);
  CHECK(passed({68, 8, 5, 0, 0, 0, 0, 0}) == Bytes{68, 8, 9, 0, 0, 0x36, 0xf4, 0x5c});
}

TEST_CASE("H6: a merged packet is held to the MTU by its segments; without DF the segments are cut") {
  Router router;
  router.eth1.mtu = 1300;
  const auto train = [](bool dont_fragment) {
    return ipv4_frame({.source = peer4, .destination = far4, .proto = wire::ip_proto::udp, .dont_fragment = dont_fragment},
                      udp_datagram(5, 6, counting(3000), peer4, far4));
  };
  const Arrival fits{.checksum = pkt::ChecksumVerdict::good, .first_buffer = 1500, .gso_segs = 3, .gso_size = 1272};
  const Arrival too_long{.checksum = pkt::ChecksumVerdict::good, .first_buffer = 1500, .gso_segs = 3, .gso_size = 1273};
  router.receives(train(true), fits);
  CHECK(v4_of(router.far.take_one()).total_length() == 3028);  // for the tx queue to cut
  router.receives(train(true), too_long);
  CHECK(message_in(router.wire.take_one()) == Message{3, 4, 1300});
  router.receives(train(false), too_long);
  const auto pieces = router.far.take();
  REQUIRE(pieces.size() == 5);  // two segments of 1301 bytes are cut, the third is not
  for (const Bytes& piece : pieces) CHECK(v4_of(piece).total_length() <= 1300);
  CHECK(router[stats::Ip::FragOKs] == 2);
}

TEST_CASE("H6, E10: a sum that only this machine has checked is finished on the way out") {
  Router router;
  Bytes frame = ipv4_frame({.source = peer4, .destination = far4, .proto = wire::ip_proto::udp}, udp_datagram(5, 6, counting(100), peer4, far4));
  store_be16(&frame[40], wire::pseudo_header(peer4, far4, wire::ip_proto::udp, 108).folded());
  router.receives(frame, {.checksum = pkt::ChecksumVerdict::partial});
  CHECK(has_right_checksums(router.far.take_one()));
}

TEST_CASE("H6, G4: bytes that somebody else still reads are not changed") {
  Router router;
  for (const Bytes& frame : {to_far4({}, counting(600)), with_options(to_far4({}, counting(600)), {7, 7, 4, 0, 0, 0, 0, 0})}) {
    pkt::Packet packet = router.pool.packet(frame);
    pkt::Packet reference = make_reference(router.env, packet, 0, packet.length());
    packet.meta().l3_offset = 14;
    packet.meta().l4_offset = 34;
    packet.meta().ethertype = wire::ethertype::ipv4;
    packet.meta().ifindex = router.interface.ifindex;
    router.ip.input(std::move(packet));
    CHECK(v4_of(router.far.take_one()).ttl() == 63);
    CHECK(bytes_of(reference) == frame);
    consume(router.env, std::move(reference), stats::Ledger::used);
  }
}

TEST_CASE("H6, RFC 1812 5.2.7.2: who sends to us what a neighbour takes is told of that, the packet goes on") {
  Router router;
  const IpAddress better = addr("10.77.0.9");
  REQUIRE(router.ip.add_route(prefix("192.0.2.0/24"), better, router.interface));
  REQUIRE(router.ip.neighbors().add_permanent(router.interface, better, far_mac));
  const Bytes came = to_far4({.destination = addr("192.0.2.1")});
  router.receives(came);
  auto frames = router.wire.take();
  REQUIRE(frames.size() == 2);
  CHECK(message_in(frames[0]) == Message{5, 1, better.v4_number()});
  CHECK(v4_of(frames[0]).destination() == peer4);
  CHECK(wire::EthernetView::parse(frames[1])->destination() == far_mac);
  CHECK(v4_of(frames[1]).ttl() == 63);
  CHECK(router[stats::Icmp::OutRedirects] == 1);
  router.receives(came);
  CHECK(router.wire.take().size() == 1);  // told once, for the moment
  router.advance(50ms);
  router.receives(to_far4({.source = addr("198.51.100.1"), .destination = addr("192.0.2.1")}));
  CHECK(router.wire.take().size() == 1);  // of a sender that is not on the link
  router.ip.configure_forwarding({.v4 = true, .send_redirects = false});
  router.receives(came);
  CHECK(router.wire.take().size() == 1);
}

TEST_CASE("H6, RFC 4861 8.2: a redirect names target, destination and the target's link address, and quotes the packet") {
  Router router;
  const IpAddress neighbor6 = addr("fd00:77::9");
  REQUIRE(router.ip.neighbors().add_permanent(router.interface, neighbor6, far_mac));
  router.receives(to_far6(64, counting(64), peer6, neighbor6));
  const auto frames = router.wire.take();
  REQUIRE(frames.size() == 2);
  const Bytes& redirect = frames[0];
  CHECK(message_in(redirect) == Message{137, 0, 0});
  CHECK(v6_of(redirect).hop_limit() == 255);
  CHECK(v6_of(redirect).source() == host_link);
  CHECK(v6_of(redirect).destination() == peer6);
  CHECK(IpAddress::v6_from(&redirect[62]) == neighbor6);
  CHECK(IpAddress::v6_from(&redirect[78]) == neighbor6);
  CHECK(Bytes(redirect.begin() + 94, redirect.begin() + 102) == Bytes{2, 1, 2, 0, 0, 0, 1, 9});
  CHECK(redirect[102] == 4);
  CHECK(redirect[103] == 14);  // 8 bytes of option, 104 of the packet
  CHECK(redirect.size() == 110 + 104);
  CHECK(IpAddress::v6_from(&redirect[110 + 24]) == neighbor6);
  CHECK(router[stats::Icmp6::OutRedirects] == 1);
}

TEST_CASE("H6: the sender is told by the route's type why its packet goes no further") {
  struct Case {
    ip::RouteType type;
    std::optional<Message> v4, v6;
  };
  using T = ip::RouteType;
  for (const Case& c : {Case{T::unreachable, Message{3, 1, 0}, Message{1, 0, 0}}, Case{T::prohibit, Message{3, 13, 0}, Message{1, 1, 0}}, Case{T::blackhole, {}, {}}}) {
    Router router;
    REQUIRE(router.ip.add_route({.prefix = prefix("192.0.2.0/24"), .to = {.type = c.type}}));
    REQUIRE(router.ip.add_route({.prefix = prefix("2001:db8::/32"), .to = {.type = c.type}}));
    router.receives(to_far4({.destination = addr("192.0.2.1")}));
    auto frames = router.wire.take();
    REQUIRE(frames.size() == (c.v4 ? 1 : 0));
    if (c.v4) CHECK(message_in(frames[0]) == *c.v4);
    router.receives(to_far6(64, counting(64), peer6, addr("2001:db8::1")));
    frames = router.wire.take();
    REQUIRE(frames.size() == (c.v6 ? 1 : 0));
    if (c.v6) CHECK(message_in(frames[0]) == *c.v6);
    CHECK(router.drops(DropReason::route_refuses) == 2);
  }
  Router router;
  router.receives(to_far4({.destination = addr("192.0.2.1")}));
  CHECK(message_in(router.wire.take_one()) == Message{3, 0, 0});
  router.receives(to_far6(64, counting(64), peer6, addr("2001:db8::1")));
  CHECK(message_in(router.wire.take_one()) == Message{1, 0, 0});
  CHECK(router[stats::Ip::InNoRoutes] == 1);
  CHECK(router[stats::Ip6::InNoRoutes] == 1);
  CHECK(router.drops(DropReason::no_route) == 2);
}

TEST_CASE("H6: whose next hop does not answer is told: host unreachable, address unreachable") {
  Router router;
  router.receives(to_far4({.destination = addr("10.78.0.77")}));
  router.receives(to_far6(64, counting(64), peer6, addr("fd00:78::77")));
  CHECK(router.wire.take().empty());
  router.advance(5s);
  const auto frames = router.wire.take();
  REQUIRE(frames.size() == 2);
  CHECK(message_in(frames[0]) == Message{3, 1, 0});
  CHECK(message_in(frames[1]) == Message{1, 3, 0});
  CHECK(router.drops(DropReason::neighbor_failed) == 2);
}

TEST_CASE("H6: rp_filter drops what comes from where no answer would go") {
  const auto passes = [](std::uint8_t mode, std::string_view source) {
    Router router;
    REQUIRE(router.ip.add_route(prefix("192.0.2.0/24"), far4, router.eth1));
    router.ip.configure_forwarding({.v4 = true, .rp_filter = mode});
    router.receives(to_far4({.source = addr(source)}));
    const bool dropped = router.drops(DropReason::rp_filter) == 1;
    CHECK(router.stats.tcp_ext[stats::TcpExt::IPReversePathFilter] == (dropped ? 1 : 0));
    CHECK(router.far.take().size() == (dropped ? 0 : 1));
    return !dropped;
  };
  CHECK(passes(0, "192.0.2.1"));
  CHECK(passes(0, "203.0.113.1"));
  CHECK_FALSE(passes(1, "192.0.2.1"));  // it would leave by eth1
  CHECK(passes(1, "10.77.0.99"));
  CHECK(passes(2, "192.0.2.1"));
  CHECK_FALSE(passes(2, "203.0.113.1"));  // no route
}

TEST_CASE("H6: neither broadcast frames, nor groups, nor addresses that are on no link are forwarded") {
  Router router;
  REQUIRE(router.ip.add_route(prefix("0.0.0.0/0"), far4, router.eth1));
  REQUIRE(router.ip.add_route(prefix("::/0"), far6, router.eth1));
  Bytes shouted = to_far4({});
  std::fill_n(shouted.begin(), 6, std::uint8_t{0xff});
  router.receives(shouted);
  for (const char* to : {"127.0.0.1", "0.1.2.3", "224.0.0.9"}) router.receives(to_far4({.destination = addr(to)}));
  for (const char* to : {"fe80::77", "ff02::77", "ff05::1"}) router.receives(to_far6(64, counting(64), peer6, addr(to)));
  CHECK(router.drops(DropReason::not_local) == 4);
  CHECK(router.drops(DropReason::group_unwanted) == 3);
  router.receives(to_far6(64, counting(64), peer_link));  // RFC 4291 2.5.6
  CHECK(message_in(router.wire.take_one()) == Message{1, 2, 0});
  CHECK(router.far.take().empty());
  CHECK(router[stats::Ip::ForwDatagrams] == 0);
  CHECK(router[stats::Ip6::OutForwDatagrams] == 0);
}

TEST_CASE("H6, RFC 4861 7.2.4: a router's advertisements say that it is one; it hears all routers' group") {
  Router router;
  const auto advertised = [&] {
    router.receives(nd_frame(wire::NeighborSolicitation{.target = host6, .source_link = peer_mac}, peer6, host6));
    const Bytes frame = router.wire.take_one();
    return wire::NeighborAdvertisement::parse(std::span(frame).subspan(54))->router;
  };
  CHECK(advertised());
  router.receives(to_far6(1, counting(8), peer6, addr("ff02::2")));
  CHECK(router.recorder.datagrams.size() == 1);
  router.ip.configure_forwarding({.v4 = true});
  CHECK_FALSE(advertised());
  router.receives(to_far6(1, counting(8), peer6, addr("ff02::2")));
  CHECK(router.recorder.datagrams.size() == 1);
}
