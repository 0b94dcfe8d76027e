// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/stack/dhcp/leased_host.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

/// What the other lcores do with it, the test says.
struct Recorder final : dhcp::Relay {
  std::vector<dhcp::Heard> heard;
  void tell_speaker(dhcp::Heard one) override { heard.push_back(std::move(one)); }
  bool tell_others(const dhcp::Settings&) override { return true; }
};

}  // namespace

TEST_CASE("H16: RFC 2131 4.1: an answer to the offered address, which is nobody's yet, is heard as well") {
  LeasedHost host;
  const Said discover = host.says_one(1s);
  host.answers(LeasedHost::reply(DhcpType::offer, discover.message), leased);
  const Said request = host.says_one(0s);
  CHECK(request.message.type == DhcpType::request);
  host.answers(LeasedHost::reply(DhcpType::ack, request.message), leased);
  (void)host.says(9s);
  CHECK(host.has(leased));
  // From now on what is not for the host is not looked at.
  host.receives(LeasedHost::frame(LeasedHost::reply(DhcpType::nak, request.message), addr("10.77.0.99")));
  CHECK(host.drops(stats::DropReason::not_local) == 1);
}

TEST_CASE("H16: what is no whole DHCP answer in a datagram to port 68 goes its way") {
  LeasedHost host;
  const Said discover = host.says_one(1s);
  const DhcpMessage offer = LeasedHost::reply(DhcpType::offer, discover.message);
  const Bytes good = LeasedHost::frame(offer, leased);
  const auto spoilt = [&](std::size_t at, std::uint8_t value) {
    Bytes frame = good;
    frame[at] = value;
    store_be16(&frame[24], 0);
    store_be16(&frame[24], wire::checksum(std::span(frame).subspan(14, 20)));
    return frame;
  };
  host.receives(spoilt(41, static_cast<std::uint8_t>(good[41] + 1)));  // UDP checksum
  host.receives(spoilt(37, 69));                                       // destination port
  host.receives(spoilt(38, 255));                                      // UDP length beyond the packet
  host.receives(spoilt(39, 7));                                        // below its header
  host.receives(spoilt(20, 0x20));                                     // a fragment
  host.receives(spoilt(23, 6));                                        // TCP
  host.receives(spoilt(0, 6));                                         // another host's MAC
  CHECK(host.says(1s).empty());
  host.receives(good, {.first_buffer = 60});                           // not in one buffer
  CHECK(host.says(1s).empty());
  Bytes without_checksum = spoilt(40, 0);
  without_checksum[41] = 0;
  host.receives(without_checksum);
  CHECK(host.says(0s).size() == 1);
}

TEST_CASE("H16: an answer cut short at any place is harmless, broadcast or not") {
  LeasedHost host;
  const Said discover = host.says_one(1s);
  const Bytes whole = wire::make_dhcp(LeasedHost::reply(DhcpType::offer, discover.message));
  constexpr std::size_t fixed = 240;
  for (std::size_t n = 0; n < fixed + 3; ++n)
    for (const IpAddress& to : {everybody, leased})
      host.receives(ip_frame(wire::ip_proto::udp, udp_datagram(67, 68, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)}, peer4, to), peer4, to));
  CHECK(host.says(2s).empty());
}

TEST_CASE("H16: an lcore that does not speak says nothing, and hands on what is sent to it alone, before and with an address") {
  Recorder relay;
  LeasedHost host(false, &relay);
  CHECK(host.says(100s).empty());
  const DhcpMessage answer = LeasedHost::reply(DhcpType::ack, {.xid = 7, .chaddr = host_mac});
  host.receives(LeasedHost::frame(answer, everybody));  // the one that speaks has its copy
  CHECK(relay.heard.empty());
  host.answers(answer, leased);
  REQUIRE(relay.heard.size() == 1);
  CHECK(relay.heard[0].ifindex == 1);
  CHECK(relay.heard[0].v4);
  CHECK(relay.heard[0].message == wire::make_dhcp(answer));
  host.dhcp.apply({.ifindex = 1, .address = IpPrefix{leased, 24}});
  CHECK(host.has(leased));
  host.answers(answer, leased);
  CHECK(relay.heard.size() == 2);
  CHECK(host.arps.empty());
  host.dhcp.apply({.ifindex = 1});
  CHECK_FALSE(host.has(leased));
}

TEST_CASE("H16: the lcore that speaks hears by another") {
  LeasedHost host;
  const Said discover = host.says_one(1s);
  host.dhcp.hear({.ifindex = 1, .v4 = true, .message = wire::make_dhcp(LeasedHost::reply(DhcpType::offer, discover.message))});
  CHECK(host.says_one(0s).message.type == DhcpType::request);
  host.dhcp.hear({.ifindex = 9, .v4 = true, .message = {}});
  host.dhcp.hear({.ifindex = 9, .v4 = false, .message = {}});
  CHECK(host.says(1s).empty());
}
