// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/fragments.hpp"

#include <algorithm>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using Counter = stats::Ip6;

namespace {

Bytes to_host(std::uint8_t next_header, const Bytes& payload) { return ip_frame(next_header, payload, peer6, host6); }
Bytes good() { return to_host(test_proto, counting(40)); }

void expect_drop(const Bytes& frame, DropReason reason, std::initializer_list<Counter> counters) {
  RecordingHost host;
  host.receives(frame);
  CHECK(host.drops(reason) == 1);
  CHECK(host.recorder.datagrams.empty());
  CHECK(host.wire.take().empty());
  for (unsigned c = 0; c < stats::CounterBlock<Counter>::size; ++c) {
    const auto counter = static_cast<Counter>(c);
    if (counter >= Counter::InMcastPkts && counter <= Counter::InCEPkts) continue;  // traffic, not verdicts: H10
    const bool expected =
        counter == Counter::InReceives || std::find(counters.begin(), counters.end(), counter) != counters.end();
    CHECK(host[counter] == (expected ? 1 : 0));
  }
}

}  // namespace

TEST_CASE("receive_path H12: a good packet is delivered without its headers and padding") {
  RecordingHost host;
  Bytes frame = ipv6_frame(
      {.source = peer6, .destination = host6, .traffic_class = 0xb9, .next_header = test_proto, .hop_limit = 7},
      counting(9));
  frame.resize(frame.size() + 5);
  host.receives(frame);
  REQUIRE(host.recorder.datagrams.size() == 1);
  const auto& [bytes, delivery] = host.recorder.datagrams[0];
  CHECK(bytes == counting(9));
  CHECK(delivery.source == peer6);
  CHECK(delivery.destination == host6);
  CHECK(delivery.hop_limit == 7);
  CHECK(delivery.traffic_class == 0xb9);
  CHECK(host[Counter::InDelivers] == 1);
}

TEST_CASE("receive_path H12: version and length") {
  Bytes frame = good();
  frame[14] = 0x50;
  expect_drop(frame, DropReason::ip_bad_header, {Counter::InHdrErrors});
  frame = good();
  frame.resize(14 + 39);
  expect_drop(frame, DropReason::ip_bad_header, {Counter::InHdrErrors});
  frame = good();
  store_be16(&frame[18], 41);
  expect_drop(frame, DropReason::ip_truncated, {Counter::InTruncatedPkts});
}

TEST_CASE("receive_path H12, RFC 4291 2.5.3, 2.5.5.2, 2.7: addresses that no link carries") {
  for (const char* source : {"::1", "ff02::1", "::ffff:10.77.0.1"}) {
    Bytes frame = good();
    // Written by hand: a mapped address would be emitted as IPv4.
    std::copy_n(test::addr(source).bytes.begin(), 16, frame.begin() + 22);
    expect_drop(frame, DropReason::ip_invalid_source, {Counter::InHdrErrors});
  }
  for (const char* destination : {"::1", "::ffff:10.77.0.2", "ff01::1", "ff00::1"}) {
    Bytes frame = good();
    std::copy_n(test::addr(destination).bytes.begin(), 16, frame.begin() + 38);
    expect_drop(frame, DropReason::ip_invalid_source, {Counter::InHdrErrors});
  }
}

TEST_CASE(
    "receive_path H12, RFC 4291 2.8: own addresses, all nodes and our solicited-node groups are ours, others are "
    "InAddrErrors") {
  for (const char* mine : {"fd00:77::2", "fe80::2", "ff02::1", "ff02::1:ff00:2"}) {
    RecordingHost host;
    host.receives(ip_frame(test_proto, counting(40), peer6, addr(mine)));
    CHECK(host.recorder.datagrams.size() == 1);
  }
  expect_drop(ip_frame(test_proto, counting(40), peer6, addr("fd00:77::3")), DropReason::not_local, {Counter::InAddrErrors});
  for (const char* group : {"ff02::2", "ff02::1:ff00:3"})
    expect_drop(ip_frame(test_proto, counting(40), peer6, addr(group)), DropReason::group_unwanted, {});
}

TEST_CASE("receive_path H12: extension headers lead to the transport") {
  RecordingHost host;
  host.receives(to_host(wire::ip_proto::hop_by_hop, {test_proto, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3}));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == Bytes{1, 2, 3});
  CHECK(host.recorder.datagrams[0].delivery.header_bytes == 48);
  host.receives(
      to_host(wire::ip_proto::hop_by_hop, {test_proto, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3}));
  REQUIRE(host.recorder.datagrams.size() == 2);
  CHECK(host.recorder.datagrams[1].bytes == Bytes{1, 2, 3});
}

TEST_CASE("receive_path H12: what extension headers forbid is dropped and counted") {
  expect_drop(to_host(wire::ip_proto::none, {}), DropReason::ip6_no_next_header, {Counter::InDelivers});
  expect_drop(to_host(60, {test_proto, 9, 0, 0, 0, 0, 0, 0}), DropReason::ip_bad_header, {Counter::InHdrErrors});
  expect_drop(to_host(60, {test_proto, 0, 0x7e, 4, 0, 0, 0, 0}), DropReason::ip6_bad_option, {Counter::InHdrErrors});
}

TEST_CASE("RFC 8200 4.2: an option that demands it is reported with code 2 and its place") {
  RecordingHost host;
  host.receives(to_host(60, {test_proto, 0, 0xbe, 4, 0, 0, 0, 0}));
  const Bytes frame = host.wire.take_one();
  const auto message = behind(frame, 54);
  CHECK(message[0] == wire::icmp6_type::parameter_problem);
  CHECK(message[1] == wire::icmp6_parameter_problem::option);
  CHECK(load_be32(&message[4]) == 42);
  CHECK(has_right_checksums(frame));
}

TEST_CASE("receive_path H12, RFC 4443 3.4: an unknown next header is a parameter problem of code 1") {
  RecordingHost host;
  host.receives(to_host(60, {254, 0, 1, 4, 0, 0, 0, 0}));
  CHECK(host.drops(DropReason::ip_unknown_proto) == 1);
  CHECK(host[Counter::InUnknownProtos] == 1);
  const auto message = behind(host.wire.take_one(), 54);
  CHECK(message[0] == wire::icmp6_type::parameter_problem);
  CHECK(message[1] == wire::icmp6_parameter_problem::next_header);
  CHECK(load_be32(&message[4]) == 40);
}

TEST_CASE("ICMP is no protocol of IPv6") {
  RecordingHost host;
  host.receives(to_host(wire::ip_proto::icmp, counting(8)));
  CHECK(host.drops(DropReason::ip_unknown_proto) == 1);
}

namespace {

// Of the fragments of test_proto: what was asked for, done and given up.
bool counted(const RecordingHost& host, std::uint64_t requests, std::uint64_t oks, std::uint64_t fails) {
  return host[Counter::ReasmReqds] == requests && host[Counter::ReasmOKs] == oks && host[Counter::ReasmFails] == fails;
}

// The parameter problem that a fragment is answered with.
struct Answer {
  std::uint8_t code;
  std::uint32_t pointer;
};

void expect_problem(const Bytes& fragment, const Answer& answer) {
  RecordingHost host;
  host.receives(fragment);
  const Bytes frame = host.wire.take_one();
  const Bytes message = behind(frame, 54);
  CHECK(message[0] == wire::icmp6_type::parameter_problem);
  CHECK(message[1] == answer.code);
  CHECK(load_be32(&message[4]) == answer.pointer);
  CHECK(has_right_checksums(frame));
  CHECK(host.drops(DropReason::frag_malformed) == 1);
  CHECK(host[Counter::InHdrErrors] == 1);
  CHECK(counted(host, 1, 0, 0));
  CHECK(host.ip.fragments(false).size() == 0);
}

}  // namespace

TEST_CASE("receive_path H7, H12: IPv6 fragments are put together in any order, their header gone") {
  const Bytes datagram = counting(100);
  for (const Bytes& before : {Bytes{}, Bytes{0, 0, 1, 4, 0, 0, 0, 0}}) {
    const PieceOf piece{datagram};
    const auto frame = [&](std::size_t begin, std::size_t end) {
      return piece.v6(begin,
                      Bytes(datagram.begin() + static_cast<std::ptrdiff_t>(begin),
                            datagram.begin() + static_cast<std::ptrdiff_t>(end)),
                      end < 100, before);
    };
    std::vector<Bytes> frames{frame(0, 40), frame(40, 48), frame(48, 100)};
    for (int order = 0; order < 6; ++order, std::next_permutation(frames.begin(), frames.end())) {
      RecordingHost host;
      for (const Bytes& one : frames) host.receives(one);
      REQUIRE(host.recorder.datagrams.size() == 1);
      CHECK(host.recorder.datagrams[0].bytes == datagram);
      CHECK(host.recorder.datagrams[0].delivery.source == peer6);
      CHECK(host.recorder.datagrams[0].delivery.header_bytes == 40 + before.size());
      CHECK(host[Counter::InReceives] == 3);
      CHECK(host[Counter::InDelivers] == 1);
      CHECK(counted(host, 3, 1, 0));
    }
  }
}

TEST_CASE(
    "receive_path H7, RFC 8200 4.5: IPv6: a duplicate is passed over, an overlap ends the datagram, nobody is told") {
  const Bytes datagram = counting(96);
  const PieceOf piece{datagram};
  RecordingHost host;
  for (int twice = 0; twice < 2; ++twice) host.receives(piece.v6(0, 48));
  CHECK(host.drops(DropReason::frag_duplicate) == 1);
  host.receives(piece.v6(40, 96));
  CHECK(host.drops(DropReason::frag_overlap) == 2);
  CHECK(host[Counter::ReasmOverlaps] == 1);
  CHECK(counted(host, 3, 0, 1));
  CHECK(host.wire.take().empty());
}

TEST_CASE("receive_path H7, RFC 8200 4.5: after 60 s the sender of a first fragment is told, code 1") {
  const Bytes datagram = counting(64);
  RecordingHost host;
  host.ip.configure_reassembly({}, {.timeout = 60s});
  host.receives(PieceOf{datagram}.v6(0, 16));
  host.receives(PieceOf{datagram, test_proto, 8}.v6(16, 32));
  host.advance(60s - 1ns);
  CHECK(counted(host, 2, 0, 0));
  host.advance(1ns);
  CHECK(counted(host, 2, 0, 2));
  CHECK(host[Counter::ReasmTimeout] == 2);
  const Bytes message = behind(host.wire.take_one(), 54);
  CHECK(message[0] == wire::icmp6_type::time_exceeded);
  CHECK(message[1] == 1);
}

TEST_CASE(
    "receive_path H7, RFC 8200 4.5: a length that is no multiple of 8, and a datagram beyond 65,535 bytes, are "
    "parameter problems") {
  const Bytes datagram = counting(64);
  const PieceOf piece{datagram};
  expect_problem(piece.v6(8, counting(20), true), {.code = 0, .pointer = 4});
  expect_problem(piece.v6(65528, counting(8), false), {.code = 0, .pointer = 42});
  expect_problem(piece.v6(65528, counting(7), false, {0, 0, 1, 4, 0, 0, 0, 0}), {.code = 0, .pointer = 50});
  RecordingHost host;
  host.receives(piece.v6(65528, counting(7), false));  // 65,535 exactly
  CHECK(host.wire.take().empty());
  CHECK(host.ip.fragments(false).size() == 1);
}

TEST_CASE("receive_path H7, RFC 7112: a first fragment holds all headers, or is a parameter problem of code 3") {
  const Bytes datagram = counting(64);
  expect_problem(PieceOf{datagram, wire::ip_proto::tcp}.v6(0, counting(16), true), {.code = 3, .pointer = 0});
  expect_problem(PieceOf{datagram, wire::ip_proto::destination_options}.v6(0, {17, 1, 1, 4, 0, 0, 0, 0}, true),
                 {.code = 3, .pointer = 0});
  expect_problem(PieceOf{datagram, wire::ip_proto::destination_options}.v6(0, {6, 0, 1, 4, 0, 0, 0, 0}, true),
                 {.code = 3, .pointer = 0});
  // One that ends where the message would begin, of whatever protocol.
  expect_problem(PieceOf{datagram, wire::ip_proto::icmp6}.v6(0, {}, true), {.code = 3, .pointer = 0});
  expect_problem(PieceOf{datagram, 253}.v6(0, {}, true), {.code = 3, .pointer = 0});
  RecordingHost host;
  host.receives(PieceOf{datagram, wire::ip_proto::udp}.v6(0, counting(8), true));
  CHECK(host.wire.take().empty());
  CHECK(host.ip.fragments(false).size() == 1);
}

TEST_CASE("receive_path H7, RFC 6946: an atomic fragment is delivered alone, whatever waits under its id") {
  const Bytes datagram = counting(64);
  const PieceOf piece{datagram};
  RecordingHost host;
  host.receives(piece.v6(0, 32));
  host.receives(piece.v6(0, counting(16, 100), false));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == counting(16, 100));
  host.receives(piece.v6(32, 64));
  REQUIRE(host.recorder.datagrams.size() == 2);
  CHECK(host.recorder.datagrams[1].bytes == datagram);
  CHECK(counted(host, 3, 2, 0));
}

TEST_CASE("receive_path H7: what fragments made up is not itself a fragment") {
  Bytes inner(wire::ipv6_fragment_header_bytes);
  wire::emit(wire::Ipv6FragmentHeader{.id = 9, .offset = 0, .next_header = test_proto, .more = true}, inner.data());
  inner.resize(64);
  RecordingHost host;
  host.receives(PieceOf{inner, wire::ip_proto::fragment}.v6(0, 32));
  host.receives(PieceOf{inner, wire::ip_proto::fragment}.v6(32, 64));
  CHECK(host.drops(DropReason::ip_bad_header) == 1);
  CHECK(host[Counter::InHdrErrors] == 1);
  CHECK(host.ip.fragments(false).size() == 0);
}

TEST_CASE("receive_path H7, RFC 3168 5.3: congestion met by one IPv6 fragment is the packet's") {
  const Bytes datagram = counting(32);
  RecordingHost host;
  host.receives(PieceOf{datagram, test_proto, 7, 2}.v6(0, 16));
  host.receives(PieceOf{datagram, test_proto, 7, 3}.v6(16, 32));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].delivery.traffic_class == 3);
}

TEST_CASE("H10: IPv6 counts octets, groups and ECN codes, too") {
  RecordingHost host;
  const auto& count = host.stats.ip6;
  for (const std::uint8_t ecn : {3, 0, 1, 2})
    host.receives(ipv6_frame({.source = peer6, .destination = host6, .traffic_class = ecn, .next_header = test_proto},
                             counting(60)));
  for (const auto code : {Counter::InCEPkts, Counter::InNoECTPkts, Counter::InECT1Pkts, Counter::InECT0Pkts})
    CHECK(count[code] == 1);
  CHECK(count[Counter::InOctets] == 400);
  CHECK(count[Counter::InMcastPkts] == 0);
  host.receives(
      ipv6_frame({.source = peer_link, .destination = addr("ff02::1"), .next_header = test_proto}, counting(60)));
  CHECK(count[Counter::InMcastPkts] == 1);
  CHECK(count[Counter::InMcastOctets] == 100);
  CHECK(count[Counter::InOctets] == 500);
}

TEST_CASE("receive_path H12: hop-by-hop options are judged before anybody asks whose the packet is") {
  const Bytes discarded{test_proto, 0, 0x7e, 4, 0, 0, 0, 0};
  expect_drop(ip_frame(wire::ip_proto::hop_by_hop, discarded, peer6, addr("fd00:77::3")), DropReason::ip6_bad_option, {Counter::InHdrErrors});
  RecordingHost host;
  host.receives(ip_frame(wire::ip_proto::hop_by_hop, discarded, peer6, addr("ff02::1")));
  CHECK(host[Counter::InMcastPkts] == 0);
  CHECK(host[Counter::InHdrErrors] == 1);
}
