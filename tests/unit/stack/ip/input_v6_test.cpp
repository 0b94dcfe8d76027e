// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

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
  for (const char* other : {"fd00:77::3", "ff02::2", "ff02::1:ff00:3"})
    expect_drop(ip_frame(test_proto, counting(40), peer6, addr(other)), DropReason::not_local, {Counter::InAddrErrors});
}

TEST_CASE("receive_path H12: extension headers lead to the transport") {
  RecordingHost host;
  host.receives(to_host(wire::ip_proto::hop_by_hop, {test_proto, 0, 1, 4, 0, 0, 0, 0, 1, 2, 3}));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == Bytes{1, 2, 3});
  CHECK(host.recorder.datagrams[0].delivery.header_bytes == 48);
}

TEST_CASE("receive_path H12: what extension headers forbid is dropped and counted") {
  expect_drop(to_host(wire::ip_proto::fragment, {test_proto, 0, 0, 1, 0, 0, 0, 1}), DropReason::frag_malformed,
              {Counter::ReasmReqds, Counter::ReasmFails});
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
