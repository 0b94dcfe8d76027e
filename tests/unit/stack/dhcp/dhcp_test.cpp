// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/dhcp/dhcp.hpp>

#include "tests/unit/stack/dhcp/leased_host.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

/// Remembers what the others were told; the first `deaf` times not all of them could be.
struct Others final : dhcp::Relay {
  std::vector<dhcp::Settings> told;
  int deaf = 0;
  void tell_speaker(dhcp::Heard) override {}
  bool tell_others(const dhcp::Settings& settings) override {
    told.push_back(settings);
    return deaf-- <= 0;
  }
};

void renew(LeasedHost& host, const LeasedHost::Adjust& adjust) {
  const auto said = host.says(1800s);
  REQUIRE(said.size() == 1);
  DhcpMessage ack = LeasedHost::reply(DhcpType::ack, said[0].message);
  adjust(ack);
  host.answers(ack, leased);
}

}  // namespace

TEST_CASE("H16: a lease brings the address, the link's route, the default route and name servers, and takes them with it") {
  LeasedHost host;
  CHECK(host.route("10.77.0.1") == nullptr);
  host.binds();
  REQUIRE(host.route("192.0.2.1") != nullptr);
  CHECK(host.route("192.0.2.1")->gateway == peer4);
  CHECK(host.route("192.0.2.1")->source == leased);
  CHECK(host.route("10.77.0.1")->gateway.is_unspecified());
  REQUIRE(host.dhcp.name_servers().size() == 1);
  CHECK(host.dhcp.name_servers()[0].server == addr("10.77.0.53"));
  CHECK(host.dhcp.name_servers()[0].until == host.dhcp.leases()[0].until);
  (void)host.says(3700s);
  CHECK(host.dhcp.name_servers().empty());
  CHECK(host.ip.routes().lookup(addr("192.0.2.1")) == nullptr);
}

TEST_CASE("H16: RFC 3442: classless routes in whatever order, on the link and by a router that is on no prefix of ours") {
  LeasedHost host;
  host.binds([](DhcpMessage& m) {
    m.subnet_mask = addr("255.255.255.255");
    m.routes = {{{addr("0.0.0.0"), 0}, addr("10.1.0.1")}, {{addr("10.1.0.1"), 32}, nobody}, {{addr("10.9.0.0"), 16}, addr("10.2.0.1")}, {{addr("10.9.0.0"), 16}, addr("10.2.0.2")}};
  });
  CHECK(host.route("192.0.2.1")->gateway == addr("10.1.0.1"));  // not the router, 10.77.0.1
  CHECK(host.route("10.1.0.1")->gateway.is_unspecified());
  CHECK(host.route("10.9.1.1")->gateway == addr("10.2.0.1"));
  CHECK(host.route("10.2.0.1")->gateway.is_unspecified());
  CHECK(host.route("10.77.0.1")->gateway == addr("10.1.0.1"));
}

TEST_CASE("H16: a route of the administrator's goes before the lease's, and stays") {
  LeasedHost host;
  REQUIRE(host.ip.add_address(host.interface, {addr("10.78.0.2"), 24}));
  REQUIRE(host.ip.add_route({addr("0.0.0.0"), 0}, addr("10.78.0.1"), host.interface));
  host.binds();
  CHECK(host.route("192.0.2.1")->gateway == addr("10.78.0.1"));
  (void)host.says(3700s);
  CHECK(host.route("192.0.2.1")->gateway == addr("10.78.0.1"));
  CHECK(host.has(addr("10.78.0.2")));
}

TEST_CASE("H16: a renewal may change routes, MTU, mask and broadcast address; what it leaves as it was is not touched") {
  LeasedHost host;
  host.binds([](DhcpMessage& m) { m.mtu = 1400; });
  CHECK(host.interface.mtu == 1400);
  const std::uint32_t routes_were = host.ip.routes().generation();
  renew(host, [](DhcpMessage& m) { m.mtu = 1400; });
  CHECK(host.ip.routes().generation() == routes_were);
  renew(host, [](DhcpMessage& m) {
    m.mtu = 9000;  // more than the device's
    m.routers = {addr("10.77.0.3")};
    m.subnet_mask = addr("255.255.0.0");
    m.broadcast_address = addr("10.77.0.255");
  });
  CHECK(host.interface.mtu == 1500);
  CHECK(host.route("192.0.2.1")->gateway == addr("10.77.0.3"));
  CHECK(host.interface.addresses.back() == IpPrefix{leased, 16});
  CHECK(host.ip.is_broadcast(addr("10.77.0.255")));
  CHECK(host.ip.is_broadcast(addr("10.77.255.255")));
  CHECK(host.route("10.77.200.1") != nullptr);
  renew(host, [](DhcpMessage&) {});
  CHECK_FALSE(host.ip.is_broadcast(addr("10.77.255.255")));
  CHECK(host.ip.is_broadcast(addr("10.77.0.255")));
  CHECK(host.route("10.77.200.1")->gateway == peer4);
  CHECK(host.interface.mtu == 1500);
}

TEST_CASE("H16: a datagram to the lease's broadcast address goes to everybody's MAC") {
  LeasedHost host;
  host.binds([](DhcpMessage& m) { m.broadcast_address = addr("10.77.0.127"); });
  udp::Socket* const socket = host.udp.open(nullptr);
  socket->broadcast = true;
  const Endpoint to{addr("10.77.0.127"), 9};
  (void)host.wire.take();
  CHECK(host.udp.send_to(*socket, counting(8), &to) == 8);
  CHECK(wire::EthernetView::parse(host.wire.take_one())->destination() == all_macs);
  host.udp.close(*socket);
}

TEST_CASE("H16: the other lcores are told what the lease changes, again until all have heard") {
  Others others;
  others.deaf = 2;
  LeasedHost host(true, &others);
  host.binds([](DhcpMessage& m) { m.mtu = 1400; });
  CHECK(others.told.size() == 1);
  CHECK(host.says(1s).empty());
  REQUIRE(others.told.size() == 3);
  for (const dhcp::Settings& settings : others.told) CHECK(settings == dhcp::Settings{.ifindex = 1, .address = IpPrefix{leased, 24}, .mtu = 1400});
  others.told.clear();
  (void)host.says(3700s);
  REQUIRE(others.told.size() == 1);
  CHECK(others.told[0] == dhcp::Settings{.ifindex = 1});
}

TEST_CASE("H16: an address that the host has already stays when the lease goes") {
  LeasedHost host;
  const Said request = host.acquires();
  (void)host.says(1s);
  REQUIRE(host.ip.add_address(host.interface, {leased, 24}));
  (void)host.says(8s);
  CHECK(host.dhcp.leases().size() == 1);
  (void)host.says(request.when + 3601s - host.env.now);
  CHECK(host.dhcp.leases().empty());
  CHECK(host.has(leased));
}

TEST_CASE("H16: port 68 is the clients' alone") {
  LeasedHost host;
  udp::Socket* const socket = host.udp.open(nullptr);
  CHECK(host.udp.bind(*socket, {nobody, 68}) == -EADDRINUSE);
  host.udp.close(*socket);
}
