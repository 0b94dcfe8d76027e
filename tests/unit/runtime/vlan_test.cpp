// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/vlan.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <algorithm>
#include <cerrno>

using namespace millrace;
using test::SteeringWorld;

namespace {

std::vector<std::uint8_t> tagged(std::vector<std::uint8_t> frame, std::uint16_t tci, std::uint8_t type = 0x00) {
  frame.insert(frame.begin() + 12, {0x81, type, static_cast<std::uint8_t>(tci >> 8), static_cast<std::uint8_t>(tci)});
  return frame;
}

/// From 10.90.0.1 to 10.90.0.2, without a UDP checksum.
std::vector<std::uint8_t> datagram(std::uint8_t number, std::uint16_t source_port = 1000) {
  std::vector<std::uint8_t> frame =
      test::RawFrame{.payload = 8, .first_byte = number, .source_port = source_port, .destination_port = 2000, .destination = SteeringWorld::mac_of(0)}.bytes();
  frame[27] = frame[31] = 90;
  frame[24] = frame[25] = frame[40] = frame[41] = 0;
  const std::uint16_t sum = test::naive_sum(std::span(frame).subspan(14, 20));
  frame[24] = static_cast<std::uint8_t>(~sum >> 8);
  frame[25] = static_cast<std::uint8_t>(~sum);
  return frame;
}

/// net0 with 10.77.0.2, and VLAN 10 on it with 10.90.0.2 in `stack` of the two.
struct World : SteeringWorld {
  explicit World(std::size_t lcores, std::size_t stack = 0)
      : SteeringWorld(lcores, [stack](Config& config) {
          config.ports.push_back({.name = "net0.10", .driver = config::PortDriver::vlan, .link = "net0", .vlan_id = 10});
          if (stack != 0) config.stacks.push_back({.name = "other"});
          config.stacks[stack].interfaces.push_back({.port = "net0.10", .name = "vlan10", .addresses = {{IpAddress::v4(10, 90, 0, 2), 24}}});
        }) {}
  void receive(const std::vector<std::uint8_t>& frame) {
    engine->inject("net0", frame);
    run();
  }
};

std::uint64_t value(const NamedValues& values, const std::string& name) {
  return std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; })->second;
}

}  // namespace

TEST_CASE("G10: a tagged frame reaches the VLAN device, an untagged one the port, another VLAN's nobody") {
  World w(1);
  w.listen();
  w.receive(tagged(datagram(1), 10));
  w.receive(tagged(datagram(2), 0xe00a));  // with a priority
  REQUIRE(w.arrived[1000].size() == 2);
  w.receive(tagged(datagram(3), 11));
  CHECK(w.count("drop", stats::info(stats::DropReason::unknown_vlan).name) == 1);
  w.receive(tagged(tagged(datagram(4), 5), 10));  // a VLAN inside
  CHECK(w.count("drop", stats::info(stats::DropReason::unknown_vlan).name) == 2);
  w.receive(tagged(datagram(5), 10, 0xff));  // no tag at all: EtherType 0x81ff
  CHECK(w.arrived[1000].size() == 2);
  const NamedValues vlan = w.port("net0.10").statistics();
  CHECK(value(vlan, "rx_packets") == 3);
  CHECK(value(vlan, "rx_bytes") == 2 * datagram(1).size() + datagram(1).size() + 4);
  CHECK(value(w.port().statistics(), "rx_packets") == 5);
}

TEST_CASE("G10: what the VLAN sends leaves by the port below with its tag, large packets cut first") {
  World w(2);
  UdpSocket* socket = nullptr;
  REQUIRE(w.engine->on_each_lcore([&](Sockets& sockets) -> Result<void> {
    if (sockets.lcore() == 0) socket = *sockets.bind_udp({IpAddress::v4(10, 90, 0, 2), 2000});
    return {};
  }));
  const std::vector<std::uint8_t> bytes(3000, 7);
  REQUIRE(socket->set_option(socket::Option::udp_segment, 1000) == 0);
  socket->send_to(bytes, {IpAddress::v4(10, 90, 0, 1), 9});
  w.run();
  std::vector<std::uint8_t> request = w.engine->take("net0");  // ARP
  REQUIRE(request.size() >= 46);
  CHECK(std::vector<std::uint8_t>(request.begin() + 12, request.begin() + 18) == std::vector<std::uint8_t>{0x81, 0, 0, 10, 8, 6});
  std::vector<std::uint8_t> reply(request.begin(), request.begin() + 46);
  reply[25] = 2;
  std::copy_n(request.begin() + 6, 6, reply.begin());
  std::copy_n(SteeringWorld::mac_of(7).bytes.begin(), 6, reply.begin() + 6);
  std::copy_n(SteeringWorld::mac_of(7).bytes.begin(), 6, reply.begin() + 26);
  std::copy_n(request.begin() + 42, 4, reply.begin() + 32);
  std::copy_n(request.begin() + 26, 6, reply.begin() + 36);
  std::copy_n(request.begin() + 32, 4, reply.begin() + 42);
  w.receive(reply);
  for (int i = 0; i < 3; ++i) {
    const std::vector<std::uint8_t> frame = w.engine->take("net0");
    REQUIRE(frame.size() == 1046);
    CHECK(std::vector<std::uint8_t>(frame.begin() + 12, frame.begin() + 18) == std::vector<std::uint8_t>{0x81, 0, 0, 10, 8, 0});
    CHECK(frame[46] == 7);
  }
  CHECK(w.engine->take("net0").empty());
  CHECK(value(w.port("net0.10").statistics(), "tx_packets") == 4);
  CHECK(value(w.port().statistics(), "tx_packets") == 4);
}

TEST_CASE("G10: a VLAN of another stack: its frames are steered to the lcore that has that stack's socket") {
  World w(4, 1);
  int there = 0;
  std::uint16_t lcore_of = 99;
  REQUIRE(w.engine->on_each_lcore([&](Sockets& sockets) -> Result<void> {
    if (sockets.lcore() != 3) return {};
    auto socket = sockets.bind_udp({IpAddress::v4(0, 0, 0, 0), 2000});
    REQUIRE(socket);
    (*socket)->on_readable([&, lcore = sockets.lcore()](UdpSocket& s) {
      std::array<std::uint8_t, 64> into;
      Endpoint from;
      while (s.receive_from(into, from) >= 0) ++there;
      lcore_of = lcore;
    });
    return {};
  }, 1));
  for (std::uint16_t port = 1000; port < 1020; ++port) w.receive(tagged(datagram(1, port), 10));
  CHECK(there == 20);
  CHECK(lcore_of == 3);
}

TEST_CASE("G2, G10: taps and handlers see the tagged frame on the port, then the untagged one on the VLAN; shared bytes stay") {
  World w(1);
  w.listen();
  std::vector<std::string> trace;
  std::vector<pkt::Packet> kept;
  for (const char* port : {"net0", "net0.10"})
    REQUIRE(w.engine->add_packet_handler({.type = PacketHandler::all, .port = port, .name = port, .func = [&, port](std::uint16_t, pkt::Packet frame) {
                                            trace.push_back(std::string(port) + (frame.data()[12] == 0x81 ? " tagged" : " untagged"));
                                            kept.push_back(std::move(frame));
                                          }}));
  REQUIRE(w.port("net0.10").set_rx_handler([&](std::uint16_t, pkt::Packet&) {
    trace.emplace_back("rx_handler");
    return RxVerdict::pass;
  }));
  const auto frame = tagged(datagram(1), 10);
  w.receive(frame);
  CHECK(trace == std::vector<std::string>{"net0 tagged", "net0.10 untagged", "rx_handler"});
  CHECK(w.arrived[1000].size() == 1);
  REQUIRE(kept.size() == 2);
  CHECK(std::equal(frame.begin(), frame.end(), kept[0].data().begin()));
  for (pkt::Packet& one : kept) pkt::consume(std::move(one));
}

TEST_CASE("G10: a VLAN goes down and up by itself; it has no early hook") {
  World w(2);
  w.listen();
  w.port("net0.10").set_up(false);
  w.receive(tagged(datagram(1), 10));
  CHECK(w.arrived.empty());
  CHECK(w.count("drop", stats::info(stats::DropReason::port_down).name) == 1);
  CHECK_FALSE(w.port("net0.10").is_up());
  w.port("net0.10").set_up(true);
  w.receive(tagged(datagram(1), 10));
  CHECK(w.arrived[1000].size() == 1);
  CHECK(w.port("net0.10").set_xdp([](std::uint16_t, pkt::Packet&) { return XdpAction::drop; }).error().code == EOPNOTSUPP);
}
