// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/stack.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using stats::DropReason;

TEST_CASE("routes that cannot be are refused with what to do") {
  ScriptedHost host;
  const auto mixed = host.ip.add_route(*IpPrefix::parse("0.0.0.0/0"), peer6, host.interface);
  REQUIRE_FALSE(mixed);
  CHECK(mixed.error().code == EINVAL);
  CHECK(mixed.error().message.find("fd00:77::1") != std::string::npos);
  const auto twice = host.ip.add_route(*IpPrefix::parse("10.77.0.0/24"), peer4, host.interface);
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == EEXIST);
}

TEST_CASE("two addresses of one prefix share its route") {
  ScriptedHost host;
  neighbor::Interface other{.ifindex = 2,
                            .name = "eth1",
                            .mac = host_mac,
                            .addresses = {{addr("192.0.2.2"), 24}, {addr("192.0.2.3"), 24}},
                            .output = &host.wire};
  CHECK(host.ip.add_interface(other));
  CHECK(host.ip.is_local(addr("192.0.2.3")));
  CHECK(host.ip.is_broadcast(addr("192.0.2.255")));
  CHECK(host.ip.interface(2) == &other);
  CHECK(host.ip.interface(3) == nullptr);
}

TEST_CASE("frames of an unknown interface, without IP, or without bytes are dropped with a reason") {
  ScriptedHost host;
  const auto give = [&](std::uint16_t ifindex, std::uint16_t ethertype, std::uint16_t l3_offset) {
    pkt::Packet frame = host.pool.packet(counting(60));
    frame.meta().ifindex = ifindex;
    frame.meta().ethertype = ethertype;
    frame.meta().l3_offset = l3_offset;
    host.ip.input(std::move(frame));
  };
  give(9, wire::ethertype::ipv4, 14);
  CHECK(host.drops(DropReason::no_stack) == 1);
  give(1, 0x1234, 14);
  CHECK(host.drops(DropReason::unknown_ethertype) == 1);
  give(1, wire::ethertype::ipv4, 61);
  CHECK(host.drops(DropReason::bad_frame) == 1);
  // Nothing behind the link's header is a packet all the same.
  give(1, wire::ethertype::ipv4, 60);
  give(1, wire::ethertype::ipv6, 60);
  CHECK(host[stats::Ip::InHdrErrors] == 1);
  CHECK(host[stats::Ip6::InHdrErrors] == 1);
}

TEST_CASE("RFC 1122 2.4: a next hop that does not answer is told to the transport, with what it sent") {
  for (const IpAddress& to : {peer4, peer6}) {
    ScriptedHost host;
    Recorder recorder(host.env);
    host.ip.add_protocol(test_proto, recorder);
    host.ip.send(host.pool.packet(counting(16)), {.source = {}, .destination = to, .proto = test_proto});
    host.advance(3s);
    REQUIRE(recorder.errors.size() == 1);
    const auto& [report, header] = recorder.errors[0];
    CHECK(report.kind == ip::ErrorKind::host_unreachable);
    CHECK(report.local == (to.is_v4() ? host4 : host6));
    CHECK(report.remote == to);
    CHECK(header == counting(16));
    CHECK(host.drops(DropReason::neighbor_failed) == 1);
  }
}

TEST_CASE("a transport may send again from its error call, even to the same neighbour") {
  struct Stubborn final : ip::Transport {
    ScriptedHost& host;
    int left = 2;
    explicit Stubborn(ScriptedHost& h) : host(h) {}
    void receive(pkt::Packet datagram, const ip::Delivery&) override { consume(host.env, std::move(datagram), stats::Ledger::used); }
    void error(const ip::ErrorReport& report) override {
      if (left-- > 0)
        host.ip.send(host.pool.packet(counting(16)), {.source = {}, .destination = report.remote, .proto = test_proto});
    }
  };
  ScriptedHost host;
  Stubborn stubborn(host);
  host.ip.add_protocol(test_proto, stubborn);
  for (int i = 0; i < 2; ++i)
    host.ip.send(host.pool.packet(counting(16)), {.source = {}, .destination = peer4, .proto = test_proto});
  host.advance(3s);
  CHECK(host.drops(DropReason::neighbor_failed) == 2);
  host.advance(3s);
  CHECK(host.drops(DropReason::neighbor_failed) == 4);
  CHECK(stubborn.left == -2);
}

TEST_CASE("two stacks with the same addresses do not mix (receive_path H14)") {
  ScriptedHost one;
  ScriptedHost two;
  one.receives(arp_frame(arp_request(host4), all_macs));
  CHECK(one.ip.neighbors().size() == 1);
  CHECK(two.ip.neighbors().size() == 0);
}
