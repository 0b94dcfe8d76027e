// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

using namespace millrace;
using namespace millrace::test;
using ip::ErrorKind;
namespace type4 = wire::icmp4_type;
namespace type6 = wire::icmp6_type;

namespace {

// Gives the ICMP sender a packet as IP input would have it: data() at the IP header of `frame`.
void complain(ScriptedHost& host, const Bytes& frame, const ip::Problem& problem,
              pkt::PacketType type = pkt::PacketType::host) {
  pkt::Packet packet = host.pool.packet(behind(frame, 14));
  packet.meta().type = type;
  host.icmp.send_error(packet, 0, problem);
  consume(host.env, std::move(packet), stats::Ledger::used);
}

Bytes about4(std::size_t payload = 64) { return ip_frame(test_proto, counting(payload)); }
Bytes about6(std::size_t payload = 64) { return ip_frame(test_proto, counting(payload), peer6, host6); }
constexpr ip::Problem no_port{.kind = ErrorKind::port_unreachable};

}  // namespace

TEST_CASE("H13, RFC 792, RFC 1812 5.2.7: each problem has its type, code and second word") {
  struct Case {
    ip::Problem problem;
    std::uint8_t type, code;
    std::uint32_t rest;
    stats::Icmp counter;
  };
  using C = stats::Icmp;
  for (const Case& c : {Case{{.kind = ErrorKind::net_unreachable}, 3, 0, 0, C::OutDestUnreachs},
                        Case{{.kind = ErrorKind::host_unreachable}, 3, 1, 0, C::OutDestUnreachs},
                        Case{{.kind = ErrorKind::protocol_unreachable}, 3, 2, 0, C::OutDestUnreachs},
                        Case{{.kind = ErrorKind::port_unreachable}, 3, 3, 0, C::OutDestUnreachs},
                        Case{{.kind = ErrorKind::packet_too_big, .info = 1400}, 3, 4, 1400, C::OutDestUnreachs},
                        Case{{.kind = ErrorKind::prohibited}, 3, 13, 0, C::OutDestUnreachs},
                        Case{{.kind = ErrorKind::time_exceeded}, 11, 0, 0, C::OutTimeExcds},
                        Case{{.kind = ErrorKind::parameter_problem, .info = 9}, 12, 0, 9u << 24, C::OutParmProbs}}) {
    RecordingHost host;
    complain(host, about4(), c.problem);
    const Bytes frame = host.wire.take_one();
    CHECK(behind(frame, 34) == icmp4_message(c.type, c.code, c.rest, behind(about4(), 14)));
    CHECK(has_right_checksums(frame));
    const auto ip = *wire::Ipv4View::parse(std::span(frame).subspan(14));
    CHECK(ip.source() == host4);
    CHECK(ip.destination() == peer4);
    CHECK(ip.tos() == 0xc0);  // RFC 1812 4.3.2.5
    CHECK(host[c.counter] == 1);
    CHECK(host[C::OutMsgs] == 1);
  }
}

TEST_CASE("H13, RFC 4443 3: each problem has its type, code and second word") {
  struct Case {
    ip::Problem problem;
    std::uint8_t type, code;
    std::uint32_t rest;
    stats::Icmp6 counter;
  };
  using C = stats::Icmp6;
  for (const Case& c :
       {Case{{.kind = ErrorKind::net_unreachable}, 1, 0, 0, C::OutDestUnreachs},
        Case{{.kind = ErrorKind::prohibited}, 1, 1, 0, C::OutDestUnreachs},
        Case{{.kind = ErrorKind::host_unreachable}, 1, 3, 0, C::OutDestUnreachs},
        Case{{.kind = ErrorKind::port_unreachable}, 1, 4, 0, C::OutDestUnreachs},
        Case{{.kind = ErrorKind::packet_too_big, .info = 1400}, 2, 0, 1400, C::OutPktTooBigs},
        Case{{.kind = ErrorKind::time_exceeded}, 3, 0, 0, C::OutTimeExcds},
        Case{{.kind = ErrorKind::protocol_unreachable, .info = 6}, 4, 1, 6, C::OutParmProblems},
        Case{{.kind = ErrorKind::parameter_problem, .info = 42, .code = 2}, 4, 2, 42, C::OutParmProblems}}) {
    RecordingHost host;
    complain(host, about6(), c.problem);
    const Bytes frame = host.wire.take_one();
    CHECK(behind(frame, 54) == icmp6_message(c.type, c.code, c.rest, behind(about6(), 14), host6, peer6));
    CHECK(host[c.counter] == 1);
    CHECK(host[C::OutMsgs] == 1);
  }
}

TEST_CASE("RFC 1812 4.3.2.3, RFC 4443 2.4(c): as much is quoted as every host takes in one piece") {
  RecordingHost host;
  const Bytes big = about4(1400);
  complain(host, big, no_port);
  const Bytes frame4 = host.wire.take_one();
  CHECK(frame4.size() == 14 + 576);
  CHECK(behind(frame4, 42) == Bytes(big.begin() + 14, big.begin() + 14 + 548));
  complain(host, about6(1400), no_port);
  CHECK(host.wire.take_one().size() == 14 + 1280);
}

TEST_CASE("H13, RFC 1122 3.2.2.6: an error carries the recorded route of what it is about, and quotes it") {
  RecordingHost host;
  host.receives(with_options(ip_frame(wire::ip_proto::udp, udp_datagram(5, 6, counting(1000))), {7, 15, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  const Bytes frame = host.wire.take_one();
  CHECK(options_of(frame) == Bytes{7, 15, 12, 10, 77, 0, 2, 10, 77, 0, 2, 0, 0, 0, 0, 0});
  CHECK(frame.size() == 14 + 576);
  CHECK(Bytes(frame.begin() + 14 + 36 + 8 + 20, frame.begin() + 14 + 36 + 8 + 36) == Bytes{7, 15, 8, 10, 77, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("RFC 1122 3.2.2.5: a parameter problem carries the options that stand before what is wrong") {
  RecordingHost host;
  host.receives(with_options(about4(), {7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 148, 9, 0, 0, 0}));
  CHECK(options_of(host.wire.take_one()) == Bytes{7, 11, 12, 10, 77, 0, 2, 10, 77, 0, 2, 0});
  host.receives(with_options(about4(), {148, 3, 0, 1, 7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(options_of(host.wire.take_one()).empty());
}

TEST_CASE("the quote crosses buffers and begins at the IP header in front of the data") {
  RecordingHost host;
  const Bytes datagram = behind(about4(300), 14);
  const std::span<const std::uint8_t> all(datagram);
  pkt::Packet packet = host.pool.packet(all.first(100));
  join(host.env, packet, host.pool.packet(all.subspan(100)));
  packet.trim_front(20);
  host.icmp.send_error(packet, 20, no_port);
  consume(host.env, std::move(packet), stats::Ledger::used);
  CHECK(behind(host.wire.take_one(), 42) == datagram);
}

TEST_CASE("H13, RFC 1122 3.2.2: never about an ICMP error, a group, a later fragment or an impossible source") {
  RecordingHost host;
  complain(host, about4(), no_port, pkt::PacketType::broadcast);
  complain(host, about4(), no_port, pkt::PacketType::multicast);
  complain(host, ip_frame(test_proto, counting(64), peer4, addr("10.77.0.255")), no_port);
  complain(host, ip_frame(test_proto, counting(64), peer4, addr("224.0.0.1")), no_port);
  complain(host,
           ipv4_frame({.source = peer4, .destination = host4, .fragment_offset = 8, .proto = test_proto}, counting(64)),
           no_port);
  for (const char* source : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "10.77.0.255"})
    complain(host, ip_frame(test_proto, counting(64), addr(source)), no_port);
  for (const std::uint8_t type : {type4::unreachable, type4::redirect, type4::time_exceeded, type4::parameter_problem})
    complain(host, ip_frame(wire::ip_proto::icmp, icmp4_message(type, 0, 0, counting(32))), no_port);
  CHECK(host.wire.take().empty());
  CHECK(host[stats::Icmp::OutMsgs] == 0);
  // A query or a first fragment may be answered.
  complain(host, ip_frame(wire::ip_proto::icmp, icmp4_message(type4::echo_request, 0, 0, counting(32))), no_port);
  complain(
      host,
      ipv4_frame({.source = peer4, .destination = host4, .proto = test_proto, .more_fragments = true}, counting(64)),
      no_port);
  CHECK(host.wire.take().size() == 2);
}

TEST_CASE("RFC 4443 2.4(e): never about an ICMPv6 error, a group or no source, with the two exceptions") {
  RecordingHost host;
  Bytes options = counting(64);
  options[2] = 0x82;  // for whomever the packet is: a complaint
  options[3] = 0xc2;  // only if it is for one host
  const Bytes to_group = ip_frame(test_proto, options, peer6, addr("ff02::1"));
  complain(host, about6(), no_port, pkt::PacketType::multicast);
  complain(host, to_group, no_port);
  complain(host, ip_frame(test_proto, counting(64), addr("::"), host6), no_port);
  for (const std::uint8_t type : {type6::unreachable, type6::packet_too_big, type6::redirect})
    complain(host, ip_frame(wire::ip_proto::icmp6, icmp6_message(type, 0, 0, counting(32)), peer6, host6), no_port);
  CHECK(host.wire.take().empty());
  complain(host, to_group, {.kind = ErrorKind::packet_too_big, .info = 1400}, pkt::PacketType::multicast);
  complain(host, to_group, {.kind = ErrorKind::parameter_problem, .info = 42, .code = 2}, pkt::PacketType::multicast);
  complain(host, to_group, {.kind = ErrorKind::parameter_problem, .info = 43, .code = 2}, pkt::PacketType::multicast);
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  for (const Bytes& frame : frames) {
    CHECK(wire::Ipv6View::parse(std::span(frame).subspan(14))->source() == host6);
    CHECK(has_right_checksums(frame));
  }
}

TEST_CASE("H13, icmp_ratelimit: errors to one destination are limited and counted, packet too big is exempt") {
  RecordingHost host;
  for (int i = 0; i < 10; ++i) complain(host, about4(), no_port);
  CHECK(host.wire.take().size() == 6);
  CHECK(host[stats::Icmp::OutRateLimitHost] == 4);
  for (int i = 0; i < 10; ++i) complain(host, about4(), {.kind = ErrorKind::packet_too_big, .info = 1400});
  CHECK(host.wire.take().size() == 10);
  for (int i = 0; i < 10; ++i) complain(host, about6(), no_port);
  CHECK(host.wire.take().size() == 6);
  CHECK(host[stats::Icmp6::OutRateLimitHost] == 4);
  host.advance(25ms);  // the peer is in a prefix of 64 bits
  for (int i = 0; i < 10; ++i) complain(host, about6(), no_port);
  CHECK(host.wire.take().size() == 1);
  host.advance(1s);
  complain(host, about4(), no_port);
  CHECK(host.wire.take().size() == 1);
}

TEST_CASE("no buffer for an error: counted, nothing else") {
  RecordingHost host;
  pkt::Packet packet = host.pool.packet(behind(about4(), 14));
  std::vector<pkt::Packet> hoard;
  while (pkt::Packet p = host.pool->allocate()) hoard.push_back(std::move(p));
  host.icmp.send_error(packet, 0, no_port);
  CHECK(host[stats::Icmp::OutErrors] == 1);
  CHECK(host.wire.take().empty());
  consume(host.env, std::move(packet), stats::Ledger::used);
  for (auto& p : hoard) pkt::consume(std::move(p));
}
