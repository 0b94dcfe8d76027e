// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/dhcp/dhcp.hpp>
#include <millrace/wire/arp.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <functional>

namespace millrace::test {

using wire::DhcpMessage;
using wire::DhcpType;

inline const IpAddress leased = addr("10.77.0.50"), nobody = addr("0.0.0.0"), everybody = addr("255.255.255.255"), other_server = addr("10.77.0.9");

/// What the client said, as it was on the wire.
struct Said {
  Instant when{};
  IpAddress source, destination;
  MacAddress to{};
  DhcpMessage message{};
};

/// A host without an IPv4 address that asks for one, and the server, 10.77.0.1, which the test plays.
struct LeasedHost : ScriptedHost {
  explicit LeasedHost(bool speaks = true, dhcp::Relay* relay = nullptr, const dhcp::Options& options = {}) : addrconf(env, ip), dhcp(env, ip, udp, addrconf) {
    REQUIRE(ip.remove_address(interface, {host4, 24}));
    interface.speaks = speaks;
    knows_peer();
    REQUIRE(ip.neighbors().add_permanent(interface, other_server, peer_mac));
    dhcp.set_relay(relay);
    dhcp.start(interface, options);
  }
  addrconf::Addrconf addrconf;
  dhcp::Dhcp dhcp;
  std::vector<std::pair<Instant, wire::ArpPacket>> arps;  ///< what it said in ARP

  /// Lets time pass, and returns what the client said meanwhile.
  std::vector<Said> says(Duration time) {
    std::vector<Said> all;
    const Instant end = env.now + time;
    hear(all);
    while (env.now < end) {
      const Instant next = std::clamp(wheel.next_expiry(), env.now + 1ns, end);
      advance(next - env.now);
      hear(all);
    }
    return all;
  }
  /// The only thing that it says in that time.
  Said says_one(Duration time) {
    const std::vector<Said> all = says(time);
    REQUIRE(all.size() == 1);
    return all[0];
  }
  /// A server's message, broadcast or to `to`.
  void answers(const DhcpMessage& message, const IpAddress& to = everybody, const IpAddress& from = peer4) {
    receives(frame(message, to, from));
  }
  static Bytes frame(const DhcpMessage& message, const IpAddress& to, const IpAddress& from = peer4) {
    return ip_frame(wire::ip_proto::udp, udp_datagram(wire::dhcp_server_port, wire::dhcp_client_port, wire::make_dhcp(message), from, to), from, to);
  }
  /// What the server at 10.77.0.1 would answer, for an hour.
  static DhcpMessage reply(DhcpType type, const DhcpMessage& to) {
    return {.type = type,
            .is_reply = true,
            .xid = to.xid,
            .yiaddr = type == DhcpType::nak ? nobody : leased,
            .chaddr = to.chaddr,
            .server_id = peer4,
            .subnet_mask = addr("255.255.255.0"),
            .routers = {peer4},
            .name_servers = {addr("10.77.0.53")},
            .lease_s = 3600};
  }
  using Adjust = std::function<void(DhcpMessage&)>;
  /// As far as the acknowledgement; returns the REQUEST.
  Said acquires(const Adjust& adjust = {}) {
    const Said discover = says_one(1s);
    REQUIRE(discover.message.type == DhcpType::discover);
    DhcpMessage offer = reply(DhcpType::offer, discover.message);
    if (adjust) adjust(offer);
    answers(offer);
    const Said request = says_one(0s);
    REQUIRE(request.message.type == DhcpType::request);
    offer.type = DhcpType::ack;
    answers(offer);
    return request;
  }
  /// And the address is the host's.
  Said binds(const Adjust& adjust = {}) {
    const Said request = acquires(adjust);
    for (int ms = 0; ms < 9000 && dhcp.leases().empty(); ++ms) CHECK(says(1ms).empty());
    REQUIRE(dhcp.leases().size() == 1);
    return request;
  }
  [[nodiscard]] bool has(const IpAddress& address) const { return interface.has_address(address) && ip.is_local(address); }
  [[nodiscard]] const ip::NextHop* route(const char* to) const { return ip.routes().lookup(addr(to)); }

 private:
  void hear(std::vector<Said>& all) {
    for (const Bytes& frame : wire.take()) {
      if (const auto arp = wire::ArpView::parse(std::span(frame).subspan(14)); arp && frame[12] == 8 && frame[13] == 6) arps.emplace_back(env.now, arp->packet());
      const auto v4 = wire::Ipv4View::parse(std::span(frame).subspan(14));
      if (!v4 || v4->proto() != wire::ip_proto::udp) continue;
      CHECK(has_right_checksums(frame));
      const auto datagram = wire::UdpView::parse(std::span(frame).subspan(34));
      REQUIRE(datagram);
      CHECK(datagram->source_port() == 68);
      CHECK(datagram->destination_port() == 67);
      const auto message = DhcpMessage::parse(std::span(frame).subspan(42));
      REQUIRE(message);
      all.push_back({env.now, v4->source(), v4->destination(), wire::EthernetView::parse(frame)->destination(), *message});
    }
  }
};

}  // namespace millrace::test
