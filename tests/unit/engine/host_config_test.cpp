// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/host_config.hpp>

#include <millrace/wire/arp.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/dhcp.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"
#include "tests/support/two_engines.hpp"

#include <algorithm>
#include <optional>

using namespace millrace;
using namespace millrace::test;

namespace {

IpAddress addr(std::string_view text) { return *IpAddress::parse(text); }

void autoconf(Config& config) { config.stacks[0].interfaces[0].autoconf = true; }

AddressState state_of(const Engine& engine, const IpAddress& address) {
  for (const HostAddress& row : engine.addresses())
    if (row.address.address == address) return row.state;
  FAIL(address.to_string() + " is not there");
  return AddressState::duplicate;
}

UdpSocket& joined(Engine& engine, std::uint16_t lcore, const IpAddress& group) {
  auto socket = TwoEngines::sockets(engine, lcore).bind_udp(endpoint("0.0.0.0:5353"));
  if (!socket) FAIL(socket.error().message);
  REQUIRE((*socket)->join_group(group) == 0);
  return **socket;
}

int reads(UdpSocket& socket) {
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  int n = 0;
  while (socket.receive_from(into, from) >= 0) ++n;
  return n;
}

using Bytes = std::vector<std::uint8_t>;

/// A link on which a DHCP server stands at `server`, who gives 10.77.0.50 for an hour. It broadcasts its answers to who has no
/// address; to who has one it sends them alone.
struct ServedHost {
  explicit ServedHost(std::size_t lcores, const IpAddress& at, std::optional<IpAddress> had = {}) : server(at) {
    Config config = host_config(2, lcores);
    config.stacks[0].interfaces[0].addresses.clear();
    config.stacks[0].interfaces[0].dhcp = true;
    config.stacks[0].interfaces[0].dhcp_address = had;
    auto made = Engine::create(config);
    if (!made) FAIL(made.error().message);
    engine = std::move(*made);
  }
  void run_for(Duration time) {
    const Instant end = engine->now() + time;
    for (bool goes_on = true; goes_on;) {
      goes_on = engine->step(end);
      for (Bytes frame; !(frame = engine->take("p0")).empty();) hear(frame);
    }
  }
  std::vector<wire::DhcpType> heard;
  const IpAddress server;
  std::unique_ptr<Engine> engine;

 private:
  void hear(const Bytes& frame) {
    const auto ethernet = wire::EthernetView::parse(frame);
    if (ethernet->ethertype() == wire::ethertype::arp) return answer_arp(wire::ArpView::parse(std::span(frame).subspan(14))->packet());
    const auto ip = wire::Ipv4View::parse(std::span(frame).subspan(14));
    if (!ip || ip->proto() != wire::ip_proto::udp) return;
    const auto asked = wire::DhcpMessage::parse(std::span(frame).subspan(42));
    REQUIRE(asked);
    heard.push_back(asked->type);
    wire::DhcpMessage answer{.type = asked->type == wire::DhcpType::discover ? wire::DhcpType::offer : wire::DhcpType::ack,
                             .is_reply = true,
                             .xid = asked->xid,
                             .yiaddr = addr("10.77.0.50"),
                             .chaddr = asked->chaddr,
                             .server_id = server,
                             .subnet_mask = addr("255.255.255.0"),
                             .routers = {server},
                             .name_servers = {addr("10.77.0.53")},
                             .mtu = 1400,
                             .lease_s = 3600};
    if (asked->type == wire::DhcpType::release) return;
    const bool is_alone = !asked->ciaddr.is_unspecified() && ip->destination() == server;
    send(is_alone ? ethernet->source() : MacAddress{{255, 255, 255, 255, 255, 255}}, is_alone ? asked->ciaddr : addr("255.255.255.255"), wire::make_dhcp(answer));
  }
  void answer_arp(const wire::ArpPacket& arp) {
    if (arp.target_ip != server) return;
    Bytes frame(14 + wire::arp_bytes);
    wire::emit(wire::EthernetHeader{arp.sender_mac, mac, wire::ethertype::arp}, frame.data());
    wire::emit(wire::ArpPacket{wire::arp_op::reply, mac, server, arp.sender_mac, arp.sender_ip}, frame.data() + 14);
    engine->inject("p0", frame);
  }
  void send(const MacAddress& to, const IpAddress& destination, const Bytes& message) {
    Bytes frame(42);
    const auto length = static_cast<std::uint16_t>(8 + message.size());
    wire::emit(wire::EthernetHeader{to, mac, wire::ethertype::ipv4}, frame.data());
    wire::emit(wire::Ipv4Header{.source = server, .destination = destination, .total_length = static_cast<std::uint16_t>(20 + length), .proto = wire::ip_proto::udp}, frame.data() + 14);
    wire::emit(wire::UdpHeader{.source_port = 67, .destination_port = 68, .length = length}, frame.data() + 34);
    for (const std::uint8_t byte : message) frame.push_back(byte);
    engine->inject("p0", frame);
  }
  const MacAddress mac{{2, 0, 0, 0, 0, 9}};
};

}  // namespace

TEST_CASE("H16: a lease of DHCP is every lcore's, whichever of them the server's answers come to") {
  const IpAddress own = addr("10.77.0.50");
  for (std::uint8_t last = 1; last <= 6; ++last) {
    ServedHost host(3, IpAddress::v4(10, 77, 0, last));
    host.run_for(10s);
    const auto addresses = host.engine->addresses();
    const auto row = std::find_if(addresses.begin(), addresses.end(), [&](const HostAddress& a) { return a.address.address == own; });
    REQUIRE(row != addresses.end());
    CHECK(row->dev == "eth0");
    CHECK(row->address.length == 24);
    const Instant until = row->valid_until;
    CHECK(until - host.engine->now() > 3580s);
    for (const std::uint16_t lcore : {0, 1, 2}) CHECK(TwoEngines::sockets(*host.engine, lcore).bind_udp({own, static_cast<std::uint16_t>(7 + lcore)}));
    REQUIRE(host.engine->name_servers().size() == 1);
    CHECK(host.engine->name_servers()[0].address == addr("10.77.0.53"));
    CHECK(host.engine->name_servers()[0].until == until);
    host.run_for(1800s);
    CHECK(host.heard == std::vector{wire::DhcpType::discover, wire::DhcpType::request, wire::DhcpType::request});
    const auto later = host.engine->addresses();
    CHECK(std::any_of(later.begin(), later.end(), [&](const HostAddress& a) { return a.address.address == own && a.valid_until > until; }));
  }
}

TEST_CASE("H16: dhcp_address is asked for without a DISCOVER") {
  const IpAddress own = addr("10.77.0.50");
  ServedHost host(1, addr("10.77.0.1"), own);
  host.run_for(10s);
  CHECK(host.heard == std::vector{wire::DhcpType::request});
  CHECK(state_of(*host.engine, own) == AddressState::preferred);
}

TEST_CASE("autoconf: addresses are looked for before they are used, on every lcore; of two hosts with one the second does without") {
  TwoEngines world({.lcores_b = 2, .adjust_a = autoconf, .adjust_b = [](Config& config) {
                      autoconf(config);
                      config.stacks[0].interfaces[0].addresses.push_back(*IpPrefix::parse("fd00:77::1/64"));  // a's
                    }});
  CHECK(state_of(*world.a, addr("fd00:77::1")) == AddressState::tentative);
  world.run_for(3s);
  CHECK(state_of(*world.b, addr("fd00:77::2")) == AddressState::preferred);
  const bool a_has = state_of(*world.a, addr("fd00:77::1")) == AddressState::preferred;
  const bool b_has = state_of(*world.b, addr("fd00:77::1")) == AddressState::preferred;
  CHECK_FALSE((a_has && b_has));
  for (const std::uint16_t lcore : {0, 1}) {
    auto socket = TwoEngines::sockets(*world.b, lcore).bind_udp({addr("fd00:77::2"), static_cast<std::uint16_t>(7 + lcore)});
    CHECK(socket);
    auto other = TwoEngines::sockets(*world.b, lcore).bind_udp({addr("fd00:77::1"), static_cast<std::uint16_t>(7 + lcore)});
    CHECK(other.has_value() == b_has);
  }
}

TEST_CASE("without autoconf the addresses are ours at once, and shown so") {
  TwoEngines world;
  CHECK(state_of(*world.a, addr("fd00:77::1")) == AddressState::preferred);
  CHECK(state_of(*world.a, addr("10.77.0.1")) == AddressState::preferred);
  CHECK(world.a->name_servers().empty());
  CHECK(world.a->addresses(1).empty());
}

TEST_CASE("H11: a datagram to a group reaches the sockets on every lcore; the first lcore reports for all") {
  TwoEngines world({.lcores_a = 1, .lcores_b = 2});
  const IpAddress group = addr("239.1.2.3");
  UdpSocket& first = joined(*world.b, 0, group);
  UdpSocket& second = joined(*world.b, 1, group);
  world.run_for(2s);
  const auto groups = world.b->groups();
  const auto row = std::find_if(groups.begin(), groups.end(), [&](const HostGroup& g) { return g.group == group; });
  REQUIRE(row != groups.end());
  CHECK(row->dev == "eth0");
  CHECK(row->users == 2);  // a socket, and another lcore
  auto sender = TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:99"));
  REQUIRE(sender);
  for (int i = 0; i < 3; ++i) CHECK((*sender)->send_to(bytes("x"), {group, 5353}) == 1);
  world.run_for(1s);
  CHECK(reads(first) == 3);
  CHECK(reads(second) == 3);
  second.close();
  world.run_for(2s);
  (*sender)->send_to(bytes("x"), {group, 5353});
  world.run_for(1s);
  CHECK(reads(first) == 1);
}

TEST_CASE("H11: what a host sends to a group comes back to its own sockets on every lcore, unless IP_MULTICAST_LOOP is off") {
  TwoEngines world({.lcores_a = 2});
  const IpAddress group = addr("239.1.2.3");
  UdpSocket& first = joined(*world.a, 0, group);
  UdpSocket& second = joined(*world.a, 1, group);
  CHECK(first.send_to(bytes("x"), {group, 5353}) == 1);
  world.run_for(1s);
  CHECK(reads(first) == 1);
  CHECK(reads(second) == 1);
  CHECK(first.set_option(socket::Option::multicast_loop, 0) == 0);
  CHECK(first.send_to(bytes("x"), {group, 5353}) == 1);
  world.run_for(1s);
  CHECK(reads(first) == 0);
  CHECK(reads(second) == 0);
}
