// SPDX-License-Identifier: BSD-3-Clause
// Fragments through whole hosts: they meet on one lcore, the socket of the whole is on another; what one host cuts
// another puts together.
#include <millrace/wire/ipv4.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <cerrno>

using namespace millrace;
using test::RawFrame;

namespace {

using Bytes = std::vector<std::uint8_t>;

// A frame of RawFrame's cut into fragments of `size` bytes of payload.
std::vector<Bytes> cut(const RawFrame& whole, std::size_t size, std::uint16_t id) {
  const Bytes frame = whole.bytes();
  std::vector<Bytes> fragments;
  for (std::size_t at = 34; at < frame.size(); at += size) {
    const std::size_t end = std::min(at + size, frame.size());
    Bytes fragment(frame.begin(), frame.begin() + 34);
    wire::Ipv4Header header = wire::Ipv4View::parse(std::span(fragment).subspan(14))->header();
    header.id = id;
    header.total_length = static_cast<std::uint16_t>(20 + end - at);
    header.fragment_offset = static_cast<std::uint16_t>(at - 34);
    header.more_fragments = end < frame.size();
    wire::emit(header, fragment.data() + 14);
    fragment.insert(fragment.end(), frame.begin() + static_cast<std::ptrdiff_t>(at),
                    frame.begin() + static_cast<std::ptrdiff_t>(end));
    fragments.push_back(fragment);
  }
  return fragments;
}

}  // namespace

TEST_CASE("H7: whatever lcore fragments come to, the datagram is read on the one that has its socket") {
  for (const std::uint16_t owner : {0, 1}) {
    test::SteeringWorld world(2);
    REQUIRE(world.engine->on_each_lcore([&](Sockets& sockets) -> Result<void> {
      if (sockets.lcore() != owner) return {};
      Result<UdpSocket*> socket = sockets.bind_udp({IpAddress::v4(0, 0, 0, 0), 2000});
      if (!socket) return tl::unexpected(socket.error());
      (*socket)->on_readable([&world, owner](UdpSocket& readable) {
        std::array<std::uint8_t, 1024> bytes;
        Endpoint from;
        while (readable.receive_from(bytes, from) == 1000) world.arrived[from.port].push_back({owner, bytes[0]});
      });
      return {};
    }));
    for (std::uint16_t n = 0; n < 20; ++n)
      for (const Bytes& fragment : cut({.payload = 1000,
                                   .first_byte = static_cast<std::uint8_t>(n),
                                   .source_port = static_cast<std::uint16_t>(3000 + n),
                                   .destination = test::SteeringWorld::mac_of(0)},
                                       400, n))
        world.engine->inject("net0", fragment);
    world.run();
    CHECK(world.arrived.size() == 20);
    for (const auto& [port, arrived] : world.arrived) {
      REQUIRE(arrived.size() == 1);
      CHECK(arrived[0].lcore == owner);
      CHECK(arrived[0].number == static_cast<std::uint8_t>(port - 3000));
    }
    CHECK(world.count("ip", "InReceives") == 60);
    CHECK(world.count("ip", "ReasmReqds") == 60);
    CHECK(world.count("ip", "ReasmOKs") == 20);
    CHECK(world.count("ip", "InDelivers", owner) == 20);
    CHECK(world.count("softnet", "processed") == 60);
  }
}

namespace {

UdpSocket& bound(Engine& engine, std::string_view local) {
  auto socket = test::TwoEngines::sockets(engine).bind_udp(test::endpoint(local));
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

std::string received(UdpSocket& socket) {
  std::array<std::uint8_t, 65536> buffer;
  Endpoint from;
  const std::int64_t n = socket.receive_from(buffer, from);
  return n < 0 ? std::string("nothing") : std::string(buffer.begin(), buffer.begin() + n);
}

}  // namespace

TEST_CASE(
    "H7: datagrams of up to 65,507 bytes pass both ways between two hosts, IPv4 and IPv6, over a link that reorders") {
  test::TwoEngines hosts({.there = {.delay = std::chrono::milliseconds(1), .jitter = std::chrono::milliseconds(3)},
                          .back = {.delay = std::chrono::milliseconds(1), .jitter = std::chrono::milliseconds(3)}});
  for (const auto& [of_a, of_b] :
       {std::pair{"10.77.0.1:5000", "10.77.0.2:7"}, {"[fd00:77::1]:5000", "[fd00:77::2]:7"}}) {
    UdpSocket& a = bound(*hosts.a, of_a);
    UdpSocket& b = bound(*hosts.b, of_b);
    a.send_to(test::bytes("x"), test::endpoint(of_b));  // the neighbours get to know each other
    hosts.run_for(std::chrono::milliseconds(20));
    CHECK(received(b) == "x");
    for (const std::size_t size : {1473u, 20'000u, 65'507u}) {
      const std::string text = test::pattern(size);
      CHECK(a.send_to(test::bytes(text), test::endpoint(of_b)) == static_cast<std::int64_t>(size));
      CHECK(b.send_to(test::bytes(text), test::endpoint(of_a)) == static_cast<std::int64_t>(size));
      hosts.run_for(std::chrono::milliseconds(20));
      CHECK(received(b) == text);
      CHECK(received(a) == text);
    }
    for (const Engine* engine : {hosts.a.get(), hosts.b.get()}) {
      const std::string group = of_a[0] == '[' ? "ip6" : "ip";
      const auto stats = engine->stats();
      CHECK(stats.total(group, "FragOKs") == 3);
      CHECK(stats.total(group, "ReasmOKs") == 3);
      CHECK(stats.total(group, "FragCreates") == stats.total(group, "ReasmReqds"));
      CHECK(stats.total(group, "FragCreates") == 2 + 14 + (group == "ip" ? 45 : 46));
      CHECK(stats.total(group, "ReasmFails") == 0);
    }
  }
  hosts.check_pools();
}

TEST_CASE(
    "H7: IP_MTU_DISCOVER says what becomes of a datagram that is longer than the MTU: WANT and DONT cut it, DO refuses "
    "it") {
  test::TwoEngines hosts;
  using socket::Option;
  for (const bool v6 : {false, true}) {
    const Endpoint to = test::endpoint(v6 ? "[fd00:77::2]:7" : "10.77.0.2:7");
    UdpSocket& a = bound(*hosts.a, v6 ? "[fd00:77::1]:5000" : "10.77.0.1:5000");
    UdpSocket& b = bound(*hosts.b, v6 ? "[fd00:77::2]:7" : "10.77.0.2:7");
    const Option option = v6 ? Option::ipv6_mtu_discover : Option::mtu_discover;
    const std::int64_t fits = v6 ? 1452 : 1472;
    std::int64_t value = 0;
    CHECK(a.get_option(option, value) == 0);
    CHECK(value == 1);
    CHECK(a.set_option(option, 6) == -EINVAL);
    for (const std::int64_t mode : {0, 1, 2, 3, 4, 5}) {
      CHECK(a.set_option(option, mode) == 0);
      const bool cuts = mode < 2 || mode == 5;
      const std::string whole = test::pattern(static_cast<std::size_t>(fits)), longer = whole + "x";
      CHECK(a.send_to(test::bytes(whole), to) == fits);
      CHECK(a.send_to(test::bytes(longer), to) == (cuts ? fits + 1 : -EMSGSIZE));
      hosts.run_for(std::chrono::milliseconds(5));
      CHECK(received(b) == whole);
      CHECK(received(b) == (cuts ? longer : "nothing"));
    }
    CHECK(hosts.a->stats().total(v6 ? "ip6" : "ip", "FragFails") == 3);
  }
}
