// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/raw/raw.hpp>

#include "tests/unit/stack/raw/raw_world.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

/// An IPv4 header of the sender's own, and a payload behind it.
std::vector<std::uint8_t> whole_packet(std::uint8_t proto, const IpAddress& source, const IpAddress& destination) {
  std::vector<std::uint8_t> packet(20 + 50, 0xc3);
  const std::array<std::uint8_t, 12> begin{0x45, 0x88, 0xff, 0xff, 0xab, 0xcd, 0x40, 0x00, 33, proto, 0xff, 0xff};
  std::copy(begin.begin(), begin.end(), packet.begin());
  std::copy_n(source.v4_bytes(), 4, packet.begin() + 12);
  std::copy_n(destination.v4_bytes(), 4, packet.begin() + 16);
  return packet;
}

}  // namespace

TEST_CASE("L8: IP_HDRINCL: the packet goes as given; length, checksum, and a source or identification of 0 are filled in") {
  TwoEngines world;
  RawSocket& sender = opened(TwoEngines::sockets(*world.a).open_raw(255));  // IPPROTO_RAW implies it
  RawSocket& receiver = opened(TwoEngines::sockets(*world.b).open_raw(253));
  auto sent = whole_packet(253, IpAddress::v4(10, 77, 0, 200), b4);  // of nobody's
  CHECK(sender.send_to(sent, b4) == static_cast<std::int64_t>(sent.size()));
  world.run_for(5ms);
  Got got = read(receiver);
  REQUIRE(got.length == static_cast<std::int64_t>(sent.size()));
  CHECK(naive_sum(std::span(got.bytes).first(20)) == 0xffff);
  CHECK(load_be16(&got.bytes[2]) == 70);
  std::copy_n(got.bytes.begin() + 2, 2, sent.begin() + 2);
  std::copy_n(got.bytes.begin() + 10, 2, sent.begin() + 10);
  CHECK(got.bytes == sent);

  sent = whole_packet(253, IpAddress::v4(0, 0, 0, 0), b4);
  sent[4] = sent[5] = 0;
  CHECK(sender.send_to(sent, b4) > 0);
  world.run_for(5ms);
  got = read(receiver);
  CHECK(got.control.from == a4);
}

TEST_CASE("L8: IP_TOS, IP_TTL and the header that the stack makes; more than the MTU is cut, a whole packet is not") {
  TwoEngines world;
  RawSocket& sender = opened(TwoEngines::sockets(*world.a).open_raw(253));
  RawSocket& receiver = opened(TwoEngines::sockets(*world.b).open_raw(253));
  CHECK(sender.set_hop_limit(5) == 0);
  CHECK(sender.set_traffic_class(0x2c) == 0);
  for (const int bad : {0, 256}) CHECK(sender.set_hop_limit(bad) == -EINVAL);
  for (const int bad : {-1, 256}) CHECK(sender.set_traffic_class(bad) == -EINVAL);
  const std::vector<std::uint8_t> large(4000, 1);
  CHECK(sender.send_to(large, b4) == 4000);
  world.run_for(5ms);
  const Got got = read(receiver);
  CHECK(got.length == 4020);
  CHECK((got.control.hop_limit == 5 && got.control.traffic_class == 0x2c));
  CHECK(sender.set_header_included(true) == 0);
  std::vector<std::uint8_t> whole = whole_packet(253, a4, b4);
  whole.resize(2000);
  CHECK(sender.send_to(whole, b4) == -EMSGSIZE);
  whole.resize(19);
  CHECK(sender.send_to(whole, b4) == -EINVAL);
  whole = whole_packet(253, a4, b4);
  whole[0] = 0x4f;
  whole.resize(40);
  CHECK(sender.send_to(whole, b4) == -EINVAL);  // its header is longer than the packet
  CHECK(sender.send_to(large, b6) == -EAFNOSUPPORT);
  CHECK(sender.send_to(std::vector<std::uint8_t>(65536), b4) == -EMSGSIZE);
  CHECK(sender.send_to(whole_packet(253, a4, b4), IpAddress::v4(192, 0, 2, 1)) == -ENETUNREACH);
}

TEST_CASE("L10: a ping socket sends echo requests and nothing else") {
  TwoEngines world;
  for (const bool v6 : {false, true}) {
    RawSocket& socket = opened(TwoEngines::sockets(*world.a).open_ping(v6));
    CHECK(socket.set_header_included(true) == -ENOPROTOOPT);
    auto request = echo_request(v6, 1, 1);
    request[1] = 1;
    CHECK(socket.send_to(request, v6 ? b6 : b4) == -EINVAL);
    request[1] = 0;
    request[0] = v6 ? 129 : 0;
    CHECK(socket.send_to(request, v6 ? b6 : b4) == -EINVAL);
    CHECK(socket.send_to(std::vector<std::uint8_t>(7), v6 ? b6 : b4) == -EINVAL);
    CHECK(socket.send_to(request, v6 ? b4 : b6) == -EAFNOSUPPORT);
  }
  RawSocket& six = opened(TwoEngines::sockets(*world.a).open_raw(58, true));
  CHECK(six.set_header_included(true) == -ENOPROTOOPT);
  CHECK(six.send_to(std::vector<std::uint8_t>(2), b6) == -EINVAL);  // no room for a checksum
  world.check_pools();
}
