// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

using namespace millrace;
using namespace millrace::test;
using ip::ErrorKind;
using stats::DropReason;
namespace type4 = wire::icmp4_type;
namespace type6 = wire::icmp6_type;

namespace {

// What the host would have sent: IP header and `transport`.
Bytes quote4(const Bytes& transport, const IpAddress& source = host4) {
  return behind(ipv4_frame({.source = source, .destination = addr("192.0.2.9"), .proto = test_proto}, transport), 14);
}
Bytes quote6(const Bytes& transport, const IpAddress& source = host6) {
  return behind(
      ipv6_frame({.source = source, .destination = addr("2001:db8::9"), .next_header = test_proto}, transport), 14);
}

void error4(RecordingHost& host, std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& quote) {
  host.receives(ip_frame(wire::ip_proto::icmp, icmp4_message(type, code, rest, quote)));
}
void error6(RecordingHost& host, std::uint8_t type, std::uint8_t code, std::uint32_t rest, const Bytes& quote) {
  host.receives(ip_frame(wire::ip_proto::icmp6, icmp6_message(type, code, rest, quote), peer6, host6));
}

}  // namespace

TEST_CASE("H13, RFC 1122 3.2.2: an ICMP error reaches the transport that sent what it quotes") {
  struct Case {
    std::uint8_t type, code;
    ErrorKind kind;
    stats::Icmp counter;
  };
  for (const Case& c : {Case{type4::unreachable, 0, ErrorKind::net_unreachable, stats::Icmp::InDestUnreachs},
                        Case{type4::unreachable, 1, ErrorKind::host_unreachable, stats::Icmp::InDestUnreachs},
                        Case{type4::unreachable, 2, ErrorKind::protocol_unreachable, stats::Icmp::InDestUnreachs},
                        Case{type4::unreachable, 3, ErrorKind::port_unreachable, stats::Icmp::InDestUnreachs},
                        Case{type4::unreachable, 13, ErrorKind::prohibited, stats::Icmp::InDestUnreachs},
                        Case{type4::time_exceeded, 0, ErrorKind::time_exceeded, stats::Icmp::InTimeExcds},
                        Case{type4::parameter_problem, 0, ErrorKind::parameter_problem, stats::Icmp::InParmProbs}}) {
    RecordingHost host;
    error4(host, c.type, c.code, 0, quote4(counting(16)));
    REQUIRE(host.recorder.errors.size() == 1);
    const auto& [report, header] = host.recorder.errors[0];
    CHECK(report.kind == c.kind);
    CHECK(report.local == host4);
    CHECK(report.remote == addr("192.0.2.9"));
    CHECK(report.reporter == peer4);
    CHECK(report.mtu == 0);
    CHECK(Bytes(header.begin(), header.begin() + 16) == counting(16));
    CHECK(host[c.counter] == 1);
    CHECK(host[stats::Icmp::InErrors] == 0);
  }
}

TEST_CASE("H13, RFC 1191 4: fragmentation needed brings the MTU, never one below ip_rt_min_pmtu") {
  RecordingHost host;
  for (const std::uint32_t mtu : {1400u, 68u, 0u}) error4(host, type4::unreachable, 4, mtu, quote4(counting(16)));
  REQUIRE(host.recorder.errors.size() == 3);
  CHECK(host.recorder.errors[0].report.kind == ErrorKind::packet_too_big);
  CHECK(host.recorder.errors[0].report.mtu == 1400);
  CHECK(host.recorder.errors[1].report.mtu == 552);
  CHECK(host.recorder.errors[2].report.mtu == 552);
}

TEST_CASE("H13, RFC 4443 2.4(d): an ICMPv6 error reaches the transport that sent what it quotes") {
  struct Case {
    std::uint8_t type, code;
    ErrorKind kind;
    stats::Icmp6 counter;
  };
  for (const Case& c :
       {Case{type6::unreachable, 0, ErrorKind::net_unreachable, stats::Icmp6::InDestUnreachs},
        Case{type6::unreachable, 1, ErrorKind::prohibited, stats::Icmp6::InDestUnreachs},
        Case{type6::unreachable, 3, ErrorKind::host_unreachable, stats::Icmp6::InDestUnreachs},
        Case{type6::unreachable, 4, ErrorKind::port_unreachable, stats::Icmp6::InDestUnreachs},
        Case{type6::time_exceeded, 0, ErrorKind::time_exceeded, stats::Icmp6::InTimeExcds},
        Case{type6::parameter_problem, 0, ErrorKind::parameter_problem, stats::Icmp6::InParmProblems},
        Case{type6::parameter_problem, 1, ErrorKind::protocol_unreachable, stats::Icmp6::InParmProblems}}) {
    RecordingHost host;
    error6(host, c.type, c.code, 0, quote6(counting(16)));
    REQUIRE(host.recorder.errors.size() == 1);
    CHECK(host.recorder.errors[0].report.kind == c.kind);
    CHECK(host.recorder.errors[0].report.local == host6);
    CHECK(host.recorder.errors[0].report.remote == addr("2001:db8::9"));
    CHECK(host.recorder.errors[0].header == counting(16));
    CHECK(host[c.counter] == 1);
  }
}

TEST_CASE("RFC 8201 4: packet too big brings the MTU, never one below 1280") {
  RecordingHost host;
  for (const std::uint32_t mtu : {1400u, 600u}) error6(host, type6::packet_too_big, 0, mtu, quote6(counting(16)));
  REQUIRE(host.recorder.errors.size() == 2);
  CHECK(host.recorder.errors[0].report.mtu == 1400);
  CHECK(host.recorder.errors[1].report.mtu == 1280);
  CHECK(host[stats::Icmp6::InPktTooBigs] == 2);
}

TEST_CASE("the quoted transport header stands behind options and extension headers") {
  RecordingHost host;
  Bytes quote = quote4(counting(16));
  quote[0] = 0x46;
  quote.insert(quote.begin() + 20, {1, 1, 1, 0});
  error4(host, type4::unreachable, 3, 0, quote);
  Bytes extended{test_proto, 0, 1, 4, 0, 0, 0, 0};
  const Bytes upper = counting(16);
  extended.insert(extended.end(), upper.begin(), upper.end());
  Bytes with_extension = behind(ipv6_frame({.source = host6, .destination = peer6, .next_header = 60}, extended), 14);
  error6(host, type6::unreachable, 4, 0, with_extension);
  REQUIRE(host.recorder.errors.size() == 2);
  CHECK(Bytes(host.recorder.errors[0].header.begin(), host.recorder.errors[0].header.begin() + 16) == upper);
  CHECK(host.recorder.errors[1].header == upper);
}

TEST_CASE("H13: an error about the first fragment of an IPv6 packet reaches the transport, one about another does not") {
  RecordingHost host;
  const Bytes upper = counting(16);
  const auto about_fragment = [&](std::uint16_t offset) {
    Bytes pieces{test_proto, 0, 0, 0, 0, 0, 0, 7};
    store_be16(&pieces[2], static_cast<std::uint16_t>(offset | 1));
    pieces.insert(pieces.end(), upper.begin(), upper.end());
    error6(host, type6::packet_too_big, 0, 1400, behind(ipv6_frame({.source = host6, .destination = peer6, .next_header = 44}, pieces), 14));
  };
  about_fragment(0);
  REQUIRE(host.recorder.errors.size() == 1);
  CHECK(host.recorder.errors[0].header == upper);
  CHECK(host.recorder.errors[0].report.mtu == 1400);
  about_fragment(8);
  CHECK(host.recorder.errors.size() == 1);
  CHECK(host.drops(DropReason::icmp_invalid) == 1);
}

TEST_CASE("H13: errors that quote too little, or what we did not send, end here") {
  RecordingHost host;
  Bytes short_quote = quote4(counting(16));
  short_quote.resize(27);
  error4(host, type4::unreachable, 3, 0, short_quote);
  CHECK(host[stats::Icmp::InErrors] == 1);
  Bytes short_quote6 = quote6(counting(16));
  short_quote6.resize(47);
  error6(host, type6::unreachable, 4, 0, short_quote6);
  CHECK(host[stats::Icmp6::InErrors] == 1);
  error4(host, type4::unreachable, 3, 0, quote4(counting(16), addr("10.77.0.9")));
  error6(host, type6::unreachable, 4, 0, quote6(counting(16), addr("fd00:77::9")));
  error4(host, type4::unreachable, 77, 0, quote4(counting(16)));
  error4(host, type4::unreachable, 3, 0,
         behind(ipv4_frame({.source = host4, .destination = peer4, .fragment_offset = 8, .proto = test_proto},
                           counting(16)),
                14));
  error4(host, type4::unreachable, 3, 0,
         behind(ipv4_frame({.source = host4, .destination = peer4, .proto = 254}, counting(16)), 14));
  CHECK(host.recorder.errors.empty());
  CHECK(host.drops(DropReason::icmp_invalid) == 7);
  CHECK(host.wire.take().empty());  // never an error about an error
}

TEST_CASE("RFC 1122 3.2.2: an error sent to a group is not one") {
  RecordingHost host;
  host.receives(ip_frame(wire::ip_proto::icmp, icmp4_message(type4::unreachable, 3, 0, quote4(counting(16))), peer4,
                         addr("10.77.0.255")));
  CHECK(host.recorder.errors.empty());
  CHECK(host[stats::Icmp::InErrors] == 1);
}
