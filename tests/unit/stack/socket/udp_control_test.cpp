// SPDX-License-Identifier: BSD-3-Clause
// What goes beside a datagram's bytes in both directions, filters, the error queue, shared ports.
#include <millrace/stack/socket/udp_socket.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <millrace/stats/lcore_stats.hpp>

#include <array>
#include <cerrno>
#include <map>

using namespace millrace;
using socket::Control;
using socket::Option;
using test::bytes;
using test::endpoint;
using test::TwoEngines;

namespace {

UdpSocket& bound(Engine& engine, const char* local, const Sockets::UdpBind& how = {}) {
  auto socket = TwoEngines::sockets(engine).bind_udp(endpoint(local), how);
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

Control received(UdpSocket& socket, std::int64_t length) {
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  Control control;
  CHECK(socket.receive_from(into, from, control) == length);
  return control;
}

/// Classic BPF: return a constant; return 0 unless the byte at `at` is `value`, else `length`.
constexpr bpf::Instruction returning(std::uint32_t length) { return {.code = 0x06, .k = length}; }
std::vector<bpf::Instruction> if_byte(std::uint32_t at, std::uint32_t value, std::uint32_t length) {
  return {{.code = 0x30, .k = at}, {.code = 0x15, .jt = 0, .jf = 1, .k = value}, returning(length), returning(0)};
}

}  // namespace

TEST_CASE("UDP: a datagram's destination, interface, traffic class and hop limit are told to who asks, of its version alone") {
  TwoEngines world;
  for (const auto& [a, b, v4] : {std::tuple{"10.77.0.1:8", "0.0.0.0:7", true}, {"[fd00:77::1]:8", "[::]:7", false}}) {
    UdpSocket& sender = bound(*world.a, a);
    UdpSocket& receiver = bound(*world.b, b);
    const Endpoint to = endpoint(v4 ? "10.77.0.2:7" : "[fd00:77::2]:7");
    sender.send_to(bytes("before"), to);
    world.run_for(1ms);
    for (const Option option : {Option::pktinfo, Option::recvtos, Option::recvttl, Option::ipv6_recvpktinfo, Option::ipv6_recvtclass, Option::ipv6_recvhoplimit})
      CHECK(receiver.set_option(option, 1) == 0);
    const socket::SendControl marked{.traffic_class = 0x2e << 2, .hop_limit = 9};
    CHECK(sender.send_to(bytes("marked"), to, marked) == 6);
    sender.send_to(bytes("plain"), to);
    world.run_for(1ms);
    CHECK_FALSE(received(receiver, 6).destination);
    const Control control = received(receiver, 6);
    CHECK(control.destination == to.address);
    CHECK(control.ifindex == *world.b->ifindex("p0"));
    CHECK(control.traffic_class == 0x2e << 2);
    CHECK(control.hop_limit == 9);
    CHECK(receiver.set_option(v4 ? Option::pktinfo : Option::ipv6_recvpktinfo, 0) == 0);
    const Control second = received(receiver, 5);
    CHECK_FALSE(second.destination);
    CHECK(second.traffic_class == 0);
    CHECK(second.hop_limit == 64);
    CHECK(receiver.set_option(v4 ? Option::recvttl : Option::ipv6_recvhoplimit, 0) == 0);
    CHECK(receiver.set_option(v4 ? Option::recvtos : Option::ipv6_recvtclass, 0) == 0);
    sender.send_to(bytes("last"), to);
    world.run_for(1ms);
    CHECK_FALSE(received(receiver, 4).hop_limit);
  }
}

TEST_CASE("UDP: TOS and TTL of the socket are those of its datagrams, by version; out of range is refused") {
  TwoEngines world;
  UdpSocket& four = bound(*world.a, "10.77.0.1:8");
  UdpSocket& six = bound(*world.a, "[fd00:77::1]:8");
  UdpSocket& at4 = bound(*world.b, "10.77.0.2:7");
  UdpSocket& at6 = bound(*world.b, "[fd00:77::2]:7");
  for (UdpSocket* socket : {&at4, &at6})
    for (const Option option : {Option::recvtos, Option::recvttl, Option::ipv6_recvtclass, Option::ipv6_recvhoplimit}) CHECK(socket->set_option(option, 1) == 0);
  for (UdpSocket* socket : {&four, &six})
    for (const auto& [option, value] : {std::pair{Option::tos, 32}, {Option::ttl, 5}, {Option::ipv6_tclass, 64}, {Option::ipv6_unicast_hops, 6}}) {
      CHECK(socket->set_option(option, value) == 0);
      std::int64_t now = 0;
      CHECK(socket->get_option(option, now) == 0);
      CHECK(now == value);
      CHECK(socket->set_option(option, 256) == -EINVAL);
    }
  CHECK(four.set_option(Option::ttl, 0) == -EINVAL);
  four.send_to(bytes("4"), endpoint("10.77.0.2:7"));
  six.send_to(bytes("6"), endpoint("[fd00:77::2]:7"));
  world.run_for(1ms);
  const Control c4 = received(at4, 1);
  CHECK((c4.traffic_class == 32 && c4.hop_limit == 5));
  const Control c6 = received(at6, 1);
  CHECK((c6.traffic_class == 64 && c6.hop_limit == 6));
}

TEST_CASE("UDP: a datagram may come from another of the own addresses; from a stranger's it may not") {
  TwoEngines world({.adjust_a = [](Config& config) { config.stacks[0].interfaces[0].addresses.push_back({IpAddress::v4(10, 77, 0, 9), 24}); }});
  UdpSocket& sender = bound(*world.a, "0.0.0.0:8");
  UdpSocket& receiver = bound(*world.b, "10.77.0.2:7");
  const Endpoint to = endpoint("10.77.0.2:7");
  CHECK(sender.send_to(bytes("x"), to, {.source = IpAddress::v4(10, 77, 0, 9)}) == 1);
  CHECK(sender.send_to(bytes("x"), to, {.source = IpAddress::v4(10, 77, 0, 8)}) == -EINVAL);
  CHECK(sender.send_to(bytes("x"), to, {.source = *IpAddress::parse("fd00:77::1")}) == -EINVAL);
  CHECK(sender.send_to(bytes("x"), to, {.hop_limit = std::uint8_t{0}}) == -EINVAL);
  world.run_for(1ms);
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  CHECK(receiver.receive_from(into, from) == 1);
  CHECK(from == endpoint("10.77.0.9:8"));
  CHECK(receiver.receive_from(into, from) == -EAGAIN);
}

TEST_CASE("L4, J6: a socket's filter chooses and cuts datagrams before the socket pays for them") {
  TwoEngines world;
  UdpSocket& sender = bound(*world.a, "10.77.0.1:8");
  UdpSocket& receiver = bound(*world.b, "10.77.0.2:7");
  CHECK(receiver.detach_filter() == -ENOENT);
  REQUIRE(receiver.attach_filter(if_byte(8, 'y', 8 + 3)));  // behind the UDP header
  CHECK(receiver.attach_filter({}).error().code == EINVAL);  // the first stays
  const auto send = [&](const char* text) {
    sender.send_to(bytes(text), endpoint("10.77.0.2:7"));
    world.run_for(1ms);
  };
  send("no, not charged");
  send("yes, charged");
  const Stats counted = world.b->stats();
  CHECK(counted.total("udp", "InErrors") == 1);
  CHECK(counted.total("drop", stats::info(stats::DropReason::socket_filter).name) == 1);
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  CHECK(receiver.receive_from(into, from) == 3);  // cut
  CHECK(receiver.receive_from(into, from) == -EAGAIN);
  REQUIRE(receiver.attach_filter(std::array{returning(4)}));  // less than a header: that stays
  send("empty");
  CHECK(receiver.receive_from(into, from) == 0);
  REQUIRE(receiver.attach_filter(std::array{bpf::Instruction{.code = 0x28, .k = 2}, bpf::Instruction{.code = 0x15, .jt = 0, .jf = 1, .k = 7}, returning(~0u), returning(0)}));
  send("by port");
  CHECK(receiver.receive_from(into, from) == 7);
  CHECK(receiver.detach_filter() == 0);
  send("no, but here");
  CHECK(receiver.receive_from(into, from) == 12);
}

TEST_CASE("L4: a filter sees each datagram of a merged packet by itself") {
  TwoEngines world;
  UdpSocket& sender = bound(*world.a, "10.77.0.1:8");
  UdpSocket& receiver = bound(*world.b, "127.0.0.1:7");
  UdpSocket& local = bound(*world.b, "127.0.0.1:9");
  static_cast<void>(sender);
  REQUIRE(receiver.attach_filter(if_byte(8, 'y', ~0u)));
  REQUIRE(local.set_option(Option::udp_segment, 4) == 0);
  CHECK(local.send_to(bytes("yes1no 2yes3no"), endpoint("127.0.0.1:7")) == 14);
  world.run_for(1ms);
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  std::string all;
  for (std::int64_t n = 0; (n = receiver.receive_from(into, from)) >= 0;) all.append(into.begin(), into.begin() + n).append("|");
  CHECK(all == "yes1|yes3|");
  // Each has a header of its own: to port 7, of 12 bytes.
  const std::array by_header{bpf::Instruction{.code = 0x28, .k = 2}, bpf::Instruction{.code = 0x15, .jt = 0, .jf = 3, .k = 7},
                             bpf::Instruction{.code = 0x28, .k = 4}, bpf::Instruction{.code = 0x15, .jt = 0, .jf = 1, .k = 12},
                             returning(~0u), returning(0)};
  REQUIRE(receiver.attach_filter(by_header));
  CHECK(local.send_to(bytes("yes1yes2yes3no"), endpoint("127.0.0.1:7")) == 14);
  world.run_for(1ms);
  all.clear();
  for (std::int64_t n = 0; (n = receiver.receive_from(into, from)) >= 0;) all.append(into.begin(), into.begin() + n).append("|");
  CHECK(all == "yes1|yes2|yes3|");
}

TEST_CASE("UDP: the error queue tells which datagram ICMP complained of, and the next call returns the errno") {
  TwoEngines world;
  for (const auto& [local, to, v4] : {std::tuple{"10.77.0.1:8", "10.77.0.2:9", true}, {"[fd00:77::1]:8", "[fd00:77::2]:9", false}}) {
    UdpSocket& sender = bound(*world.a, local);
    sender.send_to(bytes("nobody asks"), endpoint(to));
    world.run_for(1ms);
    CHECK_FALSE(sender.receive_error());
    CHECK(sender.set_option(v4 ? Option::recverr : Option::ipv6_recverr, 1) == 0);
    sender.send_to(bytes("question"), endpoint(to));
    world.run_for(1ms);
    std::array<std::uint8_t, 64> into;
    Endpoint from;
    CHECK(sender.receive_from(into, from) == -ECONNREFUSED);
    CHECK(sender.receive_from(into, from) == -EAGAIN);
    const auto error = sender.receive_error();
    REQUIRE(error);
    CHECK(error->error == ECONNREFUSED);
    CHECK(error->is_v6 == !v4);
    CHECK((error->type == (v4 ? 3 : 1) && error->code == (v4 ? 3 : 4)));
    CHECK(error->offender == endpoint(to).address);
    CHECK(error->destination == endpoint(to));
    CHECK(std::string(error->payload.begin(), error->payload.end()) == "question");
    CHECK_FALSE(sender.receive_error());
  }
}

TEST_CASE("UDP: sockets with SO_REUSEPORT share the flows of a port, each flow always to the same; without it the port is taken") {
  TwoEngines world;
  const Sockets::UdpBind shared{.reuse_port = true};
  std::vector<UdpSocket*> group;
  for (int i = 0; i < 4; ++i) group.push_back(&bound(*world.b, "10.77.0.2:7", shared));
  const auto alone = TwoEngines::sockets(*world.b).bind_udp(endpoint("10.77.0.2:7"));
  REQUIRE_FALSE(alone);
  CHECK(alone.error().code == EADDRINUSE);
  std::map<std::uint16_t, std::size_t> chosen;  // by source port
  std::array<int, 4> flows{};
  std::array<std::uint8_t, 64> into;
  Endpoint from;
  for (int round = 0; round < 2; ++round)
    for (std::uint16_t port = 100; port < 200; ++port) {
      UdpSocket& sender = bound(*world.a, ("10.77.0.1:" + std::to_string(port)).c_str());
      sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
      world.run_for(1ms);
      for (std::size_t i = 0; i < group.size(); ++i)
        if (group[i]->receive_from(into, from) == 1) {
          if (round == 0) ++flows[i];
          CHECK(chosen.emplace(port, i).first->second == i);
        }
      sender.close();
    }
  CHECK(chosen.size() == 100);
  for (const int n : flows) CHECK(n > 10);
  // One leaves, also the one by which other lcores know them: the rest goes on.
  for (std::size_t i = 0; i < 3; ++i) group[i]->close();
  bound(*world.a, "10.77.0.1:5").send_to(bytes("last"), endpoint("10.77.0.2:7"));
  world.run_for(1ms);
  CHECK(group[3]->receive_from(into, from) == 4);
}
