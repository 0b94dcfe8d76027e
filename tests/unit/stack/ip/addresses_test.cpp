// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using ip::NextHop;
using ip::RouteType;
using ip::SendVerdict;
using stats::DropReason;

namespace {

IpPrefix prefix(std::string_view text) { return *IpPrefix::parse(text); }

SendVerdict send(ScriptedHost& host, std::string_view to) {
  return host.ip.send(host.pool.packet(counting(16)), {.source = {}, .destination = addr(to), .proto = test_proto});
}

int code(const Result<void>& result) { return result ? 0 : result.error().code; }

}  // namespace

TEST_CASE("H4: an address that is added is ours, with its link, and is not when it is removed; two of one prefix share the route") {
  RecordingHost host;
  const auto reaches = [&](std::string_view own) {
    const std::size_t before = host.recorder.datagrams.size();
    host.receives(ip_frame(test_proto, counting(8), peer4, addr(own)));
    return host.recorder.datagrams.size() > before;
  };
  CHECK_FALSE(reaches("192.0.2.2"));
  REQUIRE(host.ip.add_address(host.interface, prefix("192.0.2.2/24")));
  REQUIRE(host.ip.add_address(host.interface, prefix("192.0.2.3/24")));
  CHECK(code(host.ip.add_address(host.interface, prefix("192.0.2.2/32"))) == EEXIST);
  CHECK(reaches("192.0.2.2"));
  CHECK(host.ip.is_broadcast(addr("192.0.2.255")));
  CHECK(host.ip.source_for(addr("192.0.2.9")) == addr("192.0.2.2"));
  REQUIRE(host.ip.remove_address(host.interface, prefix("192.0.2.2/24")));
  CHECK_FALSE(reaches("192.0.2.2"));
  CHECK(reaches("192.0.2.3"));
  CHECK(host.ip.source_for(addr("192.0.2.9")) == addr("192.0.2.3"));
  REQUIRE(host.ip.remove_address(host.interface, prefix("192.0.2.3/24")));
  CHECK_FALSE(host.ip.source_for(addr("192.0.2.9")));
  CHECK_FALSE(host.ip.is_broadcast(addr("192.0.2.255")));
  CHECK(code(host.ip.remove_address(host.interface, prefix("192.0.2.3/24"))) == EADDRNOTAVAIL);
}

TEST_CASE("H4: routes of type blackhole, unreachable and prohibit refuse, each in its way") {
  RecordingHost host;
  REQUIRE(host.ip.add_route(prefix("0.0.0.0/0"), peer4, host.interface));
  REQUIRE(host.ip.add_route({.prefix = prefix("192.0.2.0/24"), .to = {.type = RouteType::blackhole}}));
  REQUIRE(host.ip.add_route({.prefix = prefix("198.51.100.0/24"), .to = {.type = RouteType::unreachable}}));
  REQUIRE(host.ip.add_route({.prefix = prefix("203.0.113.0/24"), .to = {.type = RouteType::prohibit}}));
  CHECK(send(host, "192.0.2.1") == SendVerdict::blackhole);
  CHECK(send(host, "198.51.100.1") == SendVerdict::host_unreachable);
  CHECK(send(host, "203.0.113.1") == SendVerdict::prohibited);
  CHECK(send(host, "8.8.8.8") == SendVerdict::sent);
  CHECK(host.drops(DropReason::route_refuses) == 3);
  CHECK(host.drops(DropReason::no_route) == 0);
  CHECK(host[stats::Ip::OutNoRoutes] == 0);
  CHECK(host.wire.take().size() == 1);
}

TEST_CASE("H4: a route of type local makes every address of its prefix ours (AnyIP)") {
  RecordingHost host;
  REQUIRE(host.ip.add_route({.prefix = prefix("192.0.2.0/24"), .to = {.type = RouteType::local}}));
  CHECK(host.ip.is_local(addr("192.0.2.77")));
  CHECK_FALSE(host.ip.is_local(addr("192.0.3.77")));
  host.receives(ip_frame(test_proto, counting(8), peer4, addr("192.0.2.77")));
  REQUIRE(host.recorder.datagrams.size() == 1);
  CHECK(host.recorder.datagrams[0].delivery.destination == addr("192.0.2.77"));
  REQUIRE(host.ip.remove_route(prefix("192.0.2.0/24")));
  CHECK_FALSE(host.ip.is_local(addr("192.0.2.77")));
}

TEST_CASE("H4: a route says where packets come from, and a route to groups by which link they leave") {
  RecordingHost host;
  neighbor::Interface other{.ifindex = 2, .name = "eth1", .mac = host_mac, .addresses = {{addr("198.51.100.2"), 24}}, .output = &host.wire};
  REQUIRE(host.ip.add_interface(other));
  REQUIRE(host.ip.add_address(host.interface, prefix("10.77.0.3/24")));
  REQUIRE(host.ip.add_route({.prefix = prefix("192.0.2.0/24"), .to = {.ifindex = 1, .gateway = peer4, .source = addr("10.77.0.3")}}));
  CHECK(host.ip.source_for(addr("192.0.2.1")) == addr("10.77.0.3"));
  CHECK(host.ip.source_for(peer4) == host4);
  REQUIRE(send(host, "192.0.2.1") == SendVerdict::sent);
  const Bytes frame = host.wire.take_one();
  CHECK(wire::Ipv4View::parse(std::span(frame).subspan(14))->source() == addr("10.77.0.3"));
  CHECK(host.ip.source_for(addr("224.0.0.251")) == host4);
  REQUIRE(host.ip.add_route({.prefix = prefix("224.0.0.0/4"), .to = {.type = RouteType::multicast, .ifindex = 2}}));
  CHECK(host.ip.source_for(addr("224.0.0.251")) == addr("198.51.100.2"));
}

TEST_CASE("H4: a gateway is a neighbour: on the link, not this host, not behind another gateway") {
  RecordingHost host;
  CHECK(code(host.ip.add_route(prefix("192.0.2.0/24"), host4, host.interface)) == EINVAL);
  CHECK(code(host.ip.add_route(prefix("192.0.2.0/24"), addr("203.0.113.1"), host.interface)) == ENETUNREACH);
  REQUIRE(host.ip.add_route(prefix("0.0.0.0/0"), peer4, host.interface));
  CHECK(code(host.ip.add_route(prefix("192.0.2.0/24"), addr("203.0.113.1"), host.interface)) == ENETUNREACH);
  CHECK(code(host.ip.add_route(prefix("::/0"), addr("fe80::77"), host.interface)) == 0);
  CHECK(code(host.ip.remove_route(prefix("192.0.2.0/24"))) == ESRCH);
  REQUIRE(host.ip.remove_route(prefix("0.0.0.0/0")));
  CHECK(send(host, "192.0.2.1") == SendVerdict::no_route);
  CHECK(host[stats::Ip::OutNoRoutes] == 1);
}
