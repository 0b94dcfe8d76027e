// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/fragments.hpp"

using namespace millrace;
using namespace millrace::test;
using ip::SendVerdict;
using stats::DropReason;

namespace {

// In as many buffers as it takes.
pkt::Packet packet_of(ScriptedHost& host, const Bytes& datagram) {
  constexpr std::size_t room = 2000;
  const std::span<const std::uint8_t> all(datagram);
  pkt::Packet packet = host.pool.packet(all.first(std::min(room, all.size())));
  for (std::size_t at = room; at < all.size(); at += room)
    join(host.env, packet, host.pool.packet(all.subspan(at, std::min(room, all.size() - at))));
  return packet;
}

SendVerdict send(ScriptedHost& host, const IpAddress& to, const Bytes& datagram, std::uint8_t proto = test_proto,
                 bool may_fragment = true) {
  return host.ip.send(packet_of(host, datagram),
                      {.source = {}, .destination = to, .proto = proto, .may_fragment = may_fragment});
}

std::span<const std::uint8_t> ip_of(const Bytes& frame) { return std::span(frame).subspan(14); }

}  // namespace

TEST_CASE("receive_path H7: a datagram longer than the MTU goes as fragments, bit by bit what RFC 791 says") {
  RecordingHost host;
  const Bytes datagram = counting(1900);
  CHECK(send(host, peer4, datagram) == SendVerdict::sent);
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  const auto first = wire::Ipv4View::parse(ip_of(frames[0])), second = wire::Ipv4View::parse(ip_of(frames[1]));
  wire::Ipv4Header expected{.source = host4,
                            .destination = peer4,
                            .total_length = 1500,
                            .id = first->id(),
                            .proto = test_proto,
                            .more_fragments = true};
  CHECK(first->header() == expected);
  CHECK(first->id() == second->id());
  expected.total_length = 440;
  expected.fragment_offset = 1480;
  expected.more_fragments = false;
  CHECK(second->header() == expected);
  CHECK(first->checksum_valid());
  CHECK(second->checksum_valid());
  CHECK(behind(frames[0], 34) == Bytes(datagram.begin(), datagram.begin() + 1480));
  CHECK(behind(frames[1], 34) == Bytes(datagram.begin() + 1480, datagram.end()));
  CHECK(host[stats::Ip::OutRequests] == 1);
  CHECK(host[stats::Ip::FragOKs] == 1);
  CHECK(host[stats::Ip::FragCreates] == 2);
  CHECK(host[stats::Ip::FragFails] == 0);
  CHECK(host[stats::Ip::OutTransmits] == 2);
  CHECK(send(host, peer4, datagram) == SendVerdict::sent);
  CHECK(wire::Ipv4View::parse(ip_of(host.wire.take()[0]))->id() != first->id());
}

TEST_CASE("receive_path H7: an IPv6 datagram longer than the MTU goes as fragments, bit by bit what RFC 8200 says") {
  RecordingHost host;
  const Bytes datagram = counting(1900);
  CHECK(send(host, peer6, datagram) == SendVerdict::sent);
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  CHECK(wire::Ipv6View::parse(ip_of(frames[0]))->header() ==
        wire::Ipv6Header{
            .source = host6, .destination = peer6, .payload_length = 1456, .next_header = wire::ip_proto::fragment});
  CHECK(wire::Ipv6View::parse(ip_of(frames[1]))->payload_length() == 460);
  const auto first = *wire::Ipv6FragmentHeader::parse(ip_of(frames[0]).subspan(40)),
             second = *wire::Ipv6FragmentHeader::parse(ip_of(frames[1]).subspan(40));
  CHECK(first == wire::Ipv6FragmentHeader{.id = first.id, .offset = 0, .next_header = test_proto, .more = true});
  CHECK(second == wire::Ipv6FragmentHeader{.id = first.id, .offset = 1448, .next_header = test_proto, .more = false});
  CHECK(behind(frames[0], 62) == Bytes(datagram.begin(), datagram.begin() + 1448));
  CHECK(behind(frames[1], 62) == Bytes(datagram.begin() + 1448, datagram.end()));
  CHECK(host[stats::Ip6::FragOKs] == 1);
  CHECK(host[stats::Ip6::FragCreates] == 2);
  CHECK(send(host, peer6, datagram) == SendVerdict::sent);
  CHECK(wire::Ipv6FragmentHeader::parse(ip_of(host.wire.take()[0]).subspan(40))->id != first.id);
}

TEST_CASE("H10: of fragments the octets that go to the link are counted, each header among them") {
  RecordingHost host;
  CHECK(send(host, peer4, counting(1900)) == SendVerdict::sent);
  CHECK(host[stats::Ip::OutTransmits] == 2);
  CHECK(host[stats::Ip::OutOctets] == 1500 + 440);
  CHECK(send(host, peer6, counting(1900)) == SendVerdict::sent);
  CHECK(host[stats::Ip6::OutTransmits] == 2);
  CHECK(host[stats::Ip6::OutOctets] == 40 + 1456 + 40 + 460);
  (void)host.wire.take();
}

TEST_CASE("receive_path H7: what fits by a byte goes whole; the last fragment is as full as it can be") {
  RecordingHost host;
  send(host, peer4, counting(1480));
  send(host, peer4, counting(1481));
  send(host, peer4, counting(2960));
  std::vector<std::size_t> sizes;
  for (const Bytes& frame : host.wire.take()) sizes.push_back(wire::Ipv4View::parse(ip_of(frame))->total_length());
  CHECK(sizes == std::vector<std::size_t>{1500, 1500, 21, 1500, 1500});
  host.interface.mtu = 1503;
  send(host, peer4, counting(1480 + 1483));
  CHECK(host.wire.take().size() == 2);
}

TEST_CASE("receive_path H7: what a host sends in fragments another puts together, to 65,515 bytes") {
  for (const std::size_t size : {1481u, 8000u, 20'000u, 65'515u}) {
    RecordingHost sender, receiver;
    const Bytes datagram = counting(size);
    CHECK(send(sender, peer4, datagram) == SendVerdict::sent);
    for (Bytes frame : sender.wire.take()) {
      wire::Ipv4Header header = wire::Ipv4View::parse(ip_of(frame))->header();
      std::swap(header.source, header.destination);
      wire::emit(header, frame.data() + 14);
      std::copy_n(host_mac.bytes.begin(), 6, frame.begin());
      receiver.receives(frame);
    }
    REQUIRE(receiver.recorder.datagrams.size() == 1);
    CHECK(receiver.recorder.datagrams[0].bytes == datagram);
  }
}

TEST_CASE("receive_path H7: the transport's checksum is finished before its datagram is cut") {
  for (const IpAddress& to : {peer4, peer6}) {
    RecordingHost host;
    Bytes datagram(8);
    wire::emit(wire::UdpHeader{1000, 2000, 3008, 0}, datagram.data());
    const Bytes payload = counting(3000);
    datagram.insert(datagram.end(), payload.begin(), payload.end());
    pkt::Packet packet = packet_of(host, datagram);
    packet.meta().tx_checksum = pkt::ChecksumRequest::udp;
    CHECK(host.ip.send(std::move(packet),
                       {.source = {}, .destination = to, .proto = wire::ip_proto::udp, .may_fragment = true}) ==
          SendVerdict::sent);
    const std::size_t header = to.is_v4() ? 34 : 62;
    Bytes sent;
    for (const Bytes& frame : host.wire.take())
      sent.insert(sent.end(), frame.begin() + static_cast<std::ptrdiff_t>(header), frame.end());
    CHECK(sent == udp_datagram(1000, 2000, payload, to.is_v4() ? host4 : host6, to));
  }
}

TEST_CASE("receive_path H7: what may not be cut, or is longer than IP can say, is too big") {
  RecordingHost host;
  CHECK(send(host, peer4, counting(1481), test_proto, false) == SendVerdict::too_big);
  CHECK(send(host, peer6, counting(1461), test_proto, false) == SendVerdict::too_big);
  CHECK(host[stats::Ip::FragFails] == 1);
  CHECK(host[stats::Ip6::FragFails] == 1);
  CHECK(send(host, peer4, counting(65'515)) == SendVerdict::sent);
  CHECK(send(host, peer4, counting(65'516)) == SendVerdict::too_big);
  CHECK(send(host, peer6, counting(65'535)) == SendVerdict::sent);
  CHECK(send(host, peer6, counting(65'536)) == SendVerdict::too_big);
  CHECK(host.drops(DropReason::too_big) == 4);
}

TEST_CASE("receive_path H7: without buffers for all fragments none goes") {
  for (const std::uint32_t left : {3u, 4u}) {
    RecordingHost host;
    pkt::Packet datagram = host.pool.packet(counting(1900));
    std::vector<pkt::Packet> others;
    while (host.pool->in_use() + left < 1023) others.push_back(host.pool->allocate());
    const bool fits = left == 4;
    CHECK(host.ip.send(std::move(datagram),
                       {.source = {}, .destination = peer4, .proto = test_proto, .may_fragment = true}) ==
          (fits ? SendVerdict::sent : SendVerdict::no_buffer));
    CHECK(host.wire.take().size() == (fits ? 2 : 0));
    CHECK(host[stats::Ip::FragFails] == (fits ? 0 : 1));
    CHECK(host[stats::Ip::FragOKs] == (fits ? 1 : 0));
    for (pkt::Packet& other : others) pkt::consume(std::move(other));
  }
}
