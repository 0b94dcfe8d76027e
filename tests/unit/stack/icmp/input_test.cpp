// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
namespace type4 = wire::icmp4_type;
namespace type6 = wire::icmp6_type;

namespace {

struct KnowingHost : ScriptedHost {
  KnowingHost() { knows_peer(); }
};

Bytes echo4(const Bytes& data, const IpAddress& to = host4) {
  return ipv4_frame({.source = peer4, .destination = to, .tos = 0x20, .proto = wire::ip_proto::icmp},
                    icmp4_message(type4::echo_request, 0, 0x12340001, data));
}

Bytes echo6(const Bytes& data, const IpAddress& to = host6, const IpAddress& from = peer6) {
  return ip_frame(wire::ip_proto::icmp6, icmp6_message(type6::echo_request, 0, 0x12340001, data, from, to), from, to);
}

}  // namespace

TEST_CASE("H13, RFC 1122 3.2.2.6: an echo request comes back with its data, id and sequence") {
  for (const std::size_t size : {0u, 1u, 56u, 1472u}) {
    KnowingHost host;
    host.receives(echo4(counting(size)));
    const Bytes frame = host.wire.take_one();
    const auto ip = *wire::Ipv4View::parse(std::span(frame).subspan(14));
    CHECK(ip.source() == host4);
    CHECK(ip.destination() == peer4);
    CHECK(ip.tos() == 0x20);
    CHECK(ip.ttl() == 64);
    CHECK(has_right_checksums(frame));
    CHECK(behind(frame, 34) == icmp4_message(type4::echo_reply, 0, 0x12340001, counting(size)));
    CHECK(host[stats::Icmp::InMsgs] == 1);
    CHECK(host[stats::Icmp::InEchos] == 1);
    CHECK(host[stats::Icmp::OutMsgs] == 1);
    CHECK(host[stats::Icmp::OutEchoReps] == 1);
  }
}

TEST_CASE("H13, RFC 1122 3.2.2.6: an echo reply carries the recorded route on, with this host's entries") {
  KnowingHost host;
  host.receives(with_options(echo4(counting(56)), {1, 7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const Bytes frame = host.wire.take_one();
  CHECK(options_of(frame) == Bytes{7, 15, 12, 10, 77, 0, 2, 10, 77, 0, 2, 0, 0, 0, 0, 0});
  CHECK(wire::Ipv4View::parse(std::span(frame).subspan(14))->checksum_valid());
  CHECK(behind(frame, 50) == icmp4_message(type4::echo_reply, 0, 0x12340001, counting(56)));
  host.receives(with_options(echo4({}), {7, 7, 8, 1, 2, 3, 4, 0}));
  CHECK(options_of(host.wire.take_one()) == Bytes{7, 7, 8, 1, 2, 3, 4, 0});  // full already
}

TEST_CASE("H13, RFC 1122 3.2.2.6: an echo reply carries the timestamps on") {
  KnowingHost host;  // its clock says one o'clock
  const auto answered = [&](const Bytes& options) {
    host.receives(with_options(echo4({}), options));
    return options_of(host.wire.take_one());
  };
  CHECK(answered({68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0}) == Bytes{68, 12, 13, 0, 0, 0x36, 0xee, 0x80, 0, 0x36, 0xee, 0x80});
  CHECK(answered({68, 20, 5, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) ==
        Bytes{68, 20, 21, 1, 10, 77, 0, 2, 0, 0x36, 0xee, 0x80, 10, 77, 0, 2, 0, 0x36, 0xee, 0x80});
  CHECK(answered({68, 20, 5, 3, 10, 77, 0, 2, 0, 0, 0, 0, 10, 77, 0, 9, 0, 0, 0, 0}) ==
        Bytes{68, 20, 13, 3, 10, 77, 0, 2, 0, 0x36, 0xee, 0x80, 10, 77, 0, 9, 0, 0, 0, 0});
  CHECK(answered({68, 8, 9, 0x10, 1, 2, 3, 4}) == Bytes{68, 8, 9, 0x20, 1, 2, 3, 4});
  CHECK(answered({148, 4, 0, 0}) == Bytes{});  // nothing that is carried back
}

TEST_CASE("RFC 791 3.1: a long echo reply has its recorded route in the first fragment alone") {
  KnowingHost host;
  host.receives(with_options(echo4(counting(2000)), {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}), {.first_buffer = 1000});
  const auto pieces = host.wire.take();
  REQUIRE(pieces.size() == 2);
  CHECK(options_of(pieces[0]) == Bytes{7, 11, 12, 10, 77, 0, 2, 10, 77, 0, 2, 0});
  CHECK(options_of(pieces[1]) == Bytes{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0});
  for (const Bytes& piece : pieces) CHECK(wire::Ipv4View::parse(std::span(piece).subspan(14))->checksum_valid());
}

TEST_CASE("an echo request whose entry for the way back does not fit is not answered, as by Linux") {
  KnowingHost host;
  host.receives(with_options(echo4({}), {7, 9, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(host.wire.take().empty());
  CHECK(host.drops(DropReason::icmp_invalid) == 1);
}

TEST_CASE("a big echo over several buffers is answered in place") {
  KnowingHost host;
  host.interface.mtu = 9000;
  pkt::Packet unused;
  Bytes frame = echo4(counting(3000));
  host.receives(frame, {.first_buffer = 1500});
  const Bytes reply = host.wire.take_one();
  CHECK(has_right_checksums(reply));
  CHECK(behind(reply, 42) == counting(3000));
}

TEST_CASE("H13, RFC 4443 4.2: an ICMPv6 echo request is answered from the address it was sent to") {
  for (const auto& [to, from] : {std::pair{host6, peer6}, std::pair{host_link, peer_link}}) {
    KnowingHost host;
    host.receives(echo6(counting(57), to, from));
    const Bytes frame = host.wire.take_one();
    CHECK(has_right_checksums(frame));
    CHECK(behind(frame, 54) == icmp6_message(type6::echo_reply, 0, 0x12340001, counting(57), to, from));
    CHECK(host[stats::Icmp6::OutEchoReplies] == 1);
    CHECK(host[stats::Icmp6::InEchos] == 1);
  }
}

TEST_CASE("RFC 4443 4.2: one to all nodes is answered from an address of ours, the sum right") {
  KnowingHost host;
  host.receives(echo6(counting(9), addr("ff02::1"), peer_link));
  const Bytes frame = host.wire.take_one();
  CHECK(wire::Ipv6View::parse(std::span(frame).subspan(14))->source() == host_link);
  CHECK(has_right_checksums(frame));
}

TEST_CASE("H13, icmp_echo_ignore_broadcasts: an echo request to a group of IPv4 is ignored") {
  for (const char* to : {"10.77.0.255", "255.255.255.255", "224.0.0.1"}) {
    KnowingHost host;
    host.receives(echo4(counting(8), addr(to)));
    CHECK(host.wire.take().empty());
    CHECK(host.drops(DropReason::icmp_broadcast_echo) == 1);
  }
}

TEST_CASE("H13: bad checksums are counted and not answered") {
  KnowingHost host;
  Bytes frame = echo4(counting(8));
  frame.back() ^= 1;
  frame[45] ^= 1;
  host.receives(frame);
  CHECK(host[stats::Icmp::InCsumErrors] == 1);
  CHECK(host[stats::Icmp::InErrors] == 1);
  CHECK(host[stats::Icmp::InMsgs] == 1);
  frame = echo6(counting(8));
  frame[60] ^= 1;
  host.receives(frame);
  CHECK(host[stats::Icmp6::InCsumErrors] == 1);
  CHECK(host[stats::Icmp6::InErrors] == 1);
  CHECK(host.drops(DropReason::icmp_bad_checksum) == 2);
  CHECK(host.wire.take().empty());
}

TEST_CASE("messages too short for their header are errors") {
  KnowingHost host;
  // Their sums are right, which are looked at first.
  Bytes message{8, 0, 0, 0, 1, 2, 3};
  store_be16(&message[2], wire::checksum(message));
  host.receives(ip_frame(wire::ip_proto::icmp, message));
  message = {128, 0, 0, 0, 1, 2, 3};
  wire::Sum sum = wire::pseudo_header(peer6, host6, wire::ip_proto::icmp6, 7);
  sum.add(message);
  store_be16(&message[2], sum.checksum());
  host.receives(ip_frame(wire::ip_proto::icmp6, message, peer6, host6));
  CHECK(host[stats::Icmp::InCsumErrors] + host[stats::Icmp6::InCsumErrors] == 0);
  CHECK(host.drops(DropReason::icmp_invalid) == 2);
  CHECK(host[stats::Icmp::InErrors] == 1);
  CHECK(host[stats::Icmp6::InErrors] == 1);
}

TEST_CASE("types that nobody waits for are dropped with a reason; only unassigned ones are errors") {
  KnowingHost host;
  const auto give4 = [&](std::uint8_t type) {
    host.receives(ip_frame(wire::ip_proto::icmp, icmp4_message(type, 0, 0, counting(8))));
  };
  const auto give6 = [&](std::uint8_t type) {
    host.receives(ip_frame(wire::ip_proto::icmp6, icmp6_message(type, 0, 0, counting(8)), peer6, host6));
  };
  give4(type4::echo_reply);
  give4(type4::timestamp_request);
  CHECK(host[stats::Icmp::InErrors] == 0);
  give4(200);
  CHECK(host[stats::Icmp::InErrors] == 1);
  CHECK(host[stats::Icmp::InEchoReps] == 1);
  give6(type6::echo_reply);
  give6(150);
  CHECK(host[stats::Icmp6::InEchoReplies] == 1);
  CHECK(host.drops(DropReason::icmp_unhandled) == 5);
  CHECK(host.wire.take().empty());
}

TEST_CASE("a reply that cannot be sent is an OutError") {
  KnowingHost host;
  Bytes frame = echo4(counting(8));
  host.receives(ipv4_frame({.source = addr("192.0.2.1"), .destination = host4, .proto = wire::ip_proto::icmp},
                           icmp4_message(type4::echo_request, 0, 1, counting(8))));
  CHECK(host[stats::Icmp::OutErrors] == 1);
  CHECK(host[stats::Icmp::OutMsgs] == 0);
  CHECK(host.drops(DropReason::no_route) == 1);
}
