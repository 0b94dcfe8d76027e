// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/icmp4.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;
using Counter = stats::Ip;

namespace {

Bytes good(std::size_t payload = 40) { return ip_frame(test_proto, counting(payload)); }

// Makes the header checksum right again after a byte of the header was changed.
Bytes mended(Bytes frame) {
  const std::size_t length = std::size_t{frame[14] & 15u} * 4;
  frame[24] = frame[25] = 0;
  store_be16(&frame[24], wire::checksum(std::span(frame).subspan(14, length)));
  return frame;
}

Bytes with_options(const Bytes& options) { return test::with_options(good(), options); }

// One malformed packet: exactly these counters move, and nothing is delivered.
void expect_drop(const Bytes& frame, DropReason reason, std::initializer_list<Counter> counters,
                 const Arrival& arrival = {}) {
  RecordingHost host;
  host.receives(frame, arrival);
  CHECK(host.drops(reason) == 1);
  CHECK(host.recorder.datagrams.empty());
  CHECK(host.wire.take().empty());
  for (unsigned c = 0; c < stats::CounterBlock<Counter>::size; ++c) {
    const auto counter = static_cast<Counter>(c);
    if (counter >= Counter::InMcastPkts && counter <= Counter::FibLookups) continue;  // traffic, not verdicts: H10
    const bool expected =
        counter == Counter::InReceives || std::find(counters.begin(), counters.end(), counter) != counters.end();
    CHECK(host[counter] == (expected ? 1 : 0));
  }
}

}  // namespace

TEST_CASE("receive_path H1: a good datagram is delivered without its header and padding") {
  RecordingHost host;
  host.receives(
      ipv4_frame({.source = peer4, .destination = host4, .tos = 0xb9, .ttl = 7, .proto = test_proto}, counting(5)));
  REQUIRE(host.recorder.datagrams.size() == 1);
  const auto& [bytes, delivery] = host.recorder.datagrams[0];
  CHECK(bytes == counting(5));  // the frame was padded to 60 bytes
  CHECK(delivery.source == peer4);
  CHECK(delivery.destination == host4);
  CHECK(delivery.hop_limit == 7);
  CHECK(delivery.traffic_class == 0xb9);
  CHECK(delivery.interface == &host.interface);
  CHECK(host[Counter::InReceives] == 1);
  CHECK(host[Counter::InDelivers] == 1);
}

TEST_CASE("receive_path H1: version and header length") {
  Bytes frame = good();
  frame[14] = 0x55;
  expect_drop(frame, DropReason::ip_bad_header, {Counter::InHdrErrors});
  frame[14] = 0x44;
  expect_drop(frame, DropReason::ip_bad_header, {Counter::InHdrErrors});
  frame[14] = 0x4f;
  frame.resize(14 + 59);
  expect_drop(frame, DropReason::ip_bad_header, {Counter::InHdrErrors});
}

TEST_CASE("receive_path H1: header checksum") {
  Bytes frame = good();
  frame[24] ^= 1;
  expect_drop(frame, DropReason::ip_bad_checksum, {Counter::InHdrErrors, Counter::InCsumErrors});
}

TEST_CASE("receive_path H1: total length beyond the bytes, and below the header") {
  Bytes frame = good();
  store_be16(&frame[16], 61);
  expect_drop(mended(frame), DropReason::ip_truncated, {Counter::InTruncatedPkts});
  store_be16(&frame[16], 19);
  expect_drop(mended(frame), DropReason::ip_bad_header, {Counter::InHdrErrors});
}

TEST_CASE("another host's frame is not looked at") {
  RecordingHost host;
  Bytes frame = good();
  frame[5] = 77;
  host.receives(frame);
  CHECK(host.drops(DropReason::other_host) == 1);
  CHECK(host[Counter::InReceives] == 0);
}

TEST_CASE("RFC 1122 3.2.1.8: options are passed over") {
  RecordingHost host;
  host.receives(with_options({148, 4, 0, 0, 1, 0, 0, 0}));  // router alert, NOP, end
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].bytes == counting(40));
}

TEST_CASE("source routes are refused") {
  expect_drop(with_options({131, 3, 4, 0}), DropReason::ip_source_route, {});
  expect_drop(with_options({1, 137, 3, 4}), DropReason::ip_source_route, {});
}

TEST_CASE("RFC 1122 3.2.2.5: a malformed option is told to who sent it, but not where the packet is for nobody here") {
  RecordingHost host;
  host.receives(with_options({1, 1, 148, 0}));
  CHECK(host[Counter::InHdrErrors] == 1);
  CHECK(host.drops(DropReason::ip_bad_header) == 1);
  CHECK(host.recorder.datagrams.empty());
  const Bytes message = behind(host.wire.take_one(), 34);
  CHECK(message[0] == wire::icmp4_type::parameter_problem);
  CHECK(message[1] == 0);
  CHECK(message[4] == 22);
  CHECK(host[stats::Icmp::OutParmProbs] == 1);
  Bytes martian = with_options({1, 1, 148, 0});
  store_be16(&martian[30], 127 << 8);
  host.receives(mended(martian));
  CHECK(host.drops(DropReason::not_local) == 1);
  CHECK(host.wire.take().empty());
}

TEST_CASE("RFC 1122 3.2.1.3: sources that cannot be") {
  for (const char* source :
       {"224.0.0.1", "255.255.255.255", "10.77.0.255", "127.0.0.1", "0.0.0.0", "0.1.2.3", "10.77.0.2"})
    expect_drop(ip_frame(test_proto, counting(40), addr(source)), DropReason::ip_invalid_source, {});
}

TEST_CASE("RFC 1122 3.2.1.3: 0.0.0.0 may shout to everyone, and speak to the link's groups") {
  RecordingHost host;
  host.receives(ip_frame(test_proto, counting(40), addr("0.0.0.0"), addr("224.0.0.1")));
  CHECK(host.recorder.datagrams.size() == 1);
  host.recorder.datagrams.clear();
  host.receives(ip_frame(test_proto, counting(40), addr("0.0.0.0"), addr("255.255.255.255")));
  CHECK(host.recorder.datagrams.size() == 1);
}

TEST_CASE("destinations: own, broadcast and all hosts are ours, others are InAddrErrors") {
  for (const char* mine : {"10.77.0.2", "10.77.0.255", "255.255.255.255", "224.0.0.1"}) {
    RecordingHost host;
    host.receives(ip_frame(test_proto, counting(40), peer4, addr(mine)));
    CHECK(host.recorder.datagrams.size() == 1);
  }
  for (const char* other : {"10.77.0.3", "192.0.2.1"})
    expect_drop(ip_frame(test_proto, counting(40), peer4, addr(other)), DropReason::not_local, {Counter::InAddrErrors});
  for (const char* group : {"224.0.0.2", "239.1.1.1"})
    expect_drop(ip_frame(test_proto, counting(40), peer4, addr(group)), DropReason::group_unwanted, {});
}

TEST_CASE("receive_path H8: an unknown protocol is answered with protocol unreachable") {
  RecordingHost host;
  host.receives(ip_frame(254, counting(40)));
  CHECK(host.drops(DropReason::ip_unknown_proto) == 1);
  CHECK(host[Counter::InUnknownProtos] == 1);
  CHECK(host[Counter::InDelivers] == 0);
  const Bytes message = behind(host.wire.take_one(), 34);
  CHECK(message[0] == wire::icmp4_type::unreachable);
  CHECK(message[1] == wire::icmp4_unreachable::protocol);
}

TEST_CASE("ICMPv6 is no protocol of IPv4") {
  RecordingHost host;
  host.receives(ip_frame(wire::ip_proto::icmp6, counting(40)));
  CHECK(host.drops(DropReason::ip_unknown_proto) == 1);
}

TEST_CASE("a datagram in two buffers is delivered whole") {
  for (const std::size_t first : {34u, 35u, 60u, 113u}) {
    RecordingHost host;
    host.receives(good(80), {.first_buffer = first});
    REQUIRE(host.recorder.datagrams.size() == 1);
    CHECK(host.recorder.datagrams[0].bytes == counting(80));
    CHECK(host.recorder.datagrams[0].delivery.header_bytes == (first == 34 ? 0 : 20));
  }
}

TEST_CASE("H10: an ECN CE packet: InCEPkts=1; the four codes, octets, groups and broadcasts are counted apart") {
  RecordingHost host;
  const auto arrives = [&](std::uint8_t tos, const IpAddress& to, const Arrival& arrival = {}) {
    host.receives(ipv4_frame({.source = peer4, .destination = to, .tos = tos, .proto = test_proto}, counting(80)), arrival);
  };
  arrives(0xbb, host4);
  CHECK(host[Counter::InCEPkts] == 1);
  CHECK(host[Counter::InNoECTPkts] + host[Counter::InECT0Pkts] + host[Counter::InECT1Pkts] == 0);
  CHECK(host[Counter::InOctets] == 100);
  for (const std::uint8_t tos : {0, 1, 1, 2, 2, 2}) arrives(tos, host4);
  CHECK(host[Counter::InNoECTPkts] == 1);
  CHECK(host[Counter::InECT1Pkts] == 2);
  CHECK(host[Counter::InECT0Pkts] == 3);
  arrives(3, host4, {.gso_segs = 5});  // a merged packet is one that is received, and its segments by code
  CHECK(host[Counter::InCEPkts] == 6);
  CHECK(host[Counter::InReceives] == 8);
  CHECK(host[Counter::InMcastPkts] + host[Counter::InBcastPkts] == 0);
  arrives(0, addr("224.0.0.1"));
  arrives(0, addr("10.77.0.255"));
  arrives(0, addr("255.255.255.255"));
  CHECK(host[Counter::InMcastPkts] == 1);
  CHECK(host[Counter::InMcastOctets] == 100);
  CHECK(host[Counter::InBcastPkts] == 2);
  CHECK(host[Counter::InBcastOctets] == 200);
  CHECK(host[Counter::InOctets] == 1100);
  host.receives(ipv4_frame({.source = peer4, .destination = addr("10.77.0.9"), .tos = 3, .proto = test_proto}, counting(80)));
  CHECK(host[Counter::InCEPkts] == 7);  // before it is known for whom it is
  CHECK(host[Counter::InAddrErrors] == 1);
  CHECK(host[Counter::InOctets] == 1200);
}

TEST_CASE("H10: InTruncatedPkts and InCsumErrors, and that a frame's padding counts as received") {
  RecordingHost host;
  Bytes cut = good();
  store_be16(&cut[16], 200);
  host.receives(mended(cut));
  CHECK(host[Counter::InTruncatedPkts] == 1);
  Bytes wrong = good();
  wrong[24] ^= 1;
  host.receives(wrong);
  CHECK(host[Counter::InCsumErrors] == 1);
  CHECK(host[Counter::InNoECTPkts] == 2);  // counted before the checksum, as by ip_rcv_core()
  CHECK(host[Counter::InOctets] == 120);
  host.receives(ip_frame(test_proto, counting(5)));
  CHECK(host[Counter::InOctets] == 120 + 46);
}
