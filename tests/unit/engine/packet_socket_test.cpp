// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/packet_socket.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <array>
#include <cerrno>

using namespace millrace;
using test::SteeringWorld;

namespace {

std::unique_ptr<PacketSocket> opened(Engine& engine, const PacketSocket::Options& options = {}) {
  auto socket = engine.open_packet_socket(options);
  if (!socket) FAIL(socket.error().message);
  return std::move(*socket);
}

struct Read {
  std::int64_t length = 0;
  std::vector<std::uint8_t> bytes{};
  PacketAddress from{};
};
Read read(PacketSocket& socket, std::size_t room = 2000) {
  Read got;
  got.bytes.resize(room);
  got.length = socket.receive(got.bytes, got.from);
  return got;
}

}  // namespace

TEST_CASE("L9: a packet socket sees the frames of all lcores, in order of time, with where they came from") {
  SteeringWorld w(4, {}, 2);
  const auto socket = opened(*w.engine);
  const auto of_net1 = opened(*w.engine, {.port = "net1"});
  w.listen();
  for (std::uint8_t i = 0; i < 20; ++i) {
    w.inject(static_cast<std::uint16_t>(1000 + i), i);
    w.engine->set_clock(w.engine->now() + 1us);
    w.run();
  }
  for (std::uint8_t i = 0; i < 20; ++i) {
    const Read got = read(*socket, 43);
    CHECK(got.length == 50);
    CHECK(got.bytes[42] == i);
    CHECK(got.from.ifindex == *w.engine->ifindex("net0"));
    CHECK(got.from.protocol == 0x0800);
    CHECK(got.from.kind == PacketKind::host);
    CHECK(got.from.source == test::RawFrame{}.source);
  }
  CHECK(read(*socket).length == -EAGAIN);
  CHECK(read(*of_net1).length == -EAGAIN);
  CHECK(socket->statistics().packets == 20);
  CHECK(socket->statistics().drops == 0);
}

TEST_CASE("L9: a frame goes out bit by bit as it was given, and is seen as outgoing unless that is ignored") {
  SteeringWorld w(2, {}, 2);
  const auto socket = opened(*w.engine);
  const auto silent = opened(*w.engine, {.ignore_outgoing = true});
  std::vector<std::uint8_t> frame(61);
  for (std::size_t i = 0; i < frame.size(); ++i) frame[i] = static_cast<std::uint8_t>(i * 7 + 1);
  const std::uint16_t net1 = *w.engine->ifindex("net1");
  CHECK(socket->send(frame, net1) == 61);
  w.run();
  CHECK(w.engine->take("net1") == frame);
  CHECK(w.engine->take("net0").empty());
  const Read own = read(*socket);
  CHECK(own.length == 61);
  CHECK(own.from.kind == PacketKind::outgoing);
  CHECK(read(*silent).length == -EAGAIN);
  CHECK(socket->send(frame, *w.engine->ifindex("lo")) == -ENXIO);
  CHECK(socket->send(frame, 0) == -ENXIO);
  CHECK(socket->send(std::span(frame).first(13), net1) == -EINVAL);
  CHECK(socket->send(std::vector<std::uint8_t>(1519), net1) == -EMSGSIZE);
  w.port("net1").set_up(false);
  CHECK(socket->send(frame, net1) == -ENETDOWN);
}

TEST_CASE("L9: protocol and filter choose frames; kinds are told apart") {
  SteeringWorld w(1);
  const auto arp = opened(*w.engine, {.protocol = 0x0806});
  const auto chosen = opened(*w.engine, {.protocol = 0x0800, .filter = "udp src port 1001 or udp src port 1002"});
  const auto inject = [&](MacAddress to, std::uint16_t port) {
    w.engine->inject("net0", test::RawFrame{.payload = 8, .source_port = port, .destination = to}.bytes());
    w.run();
  };
  inject({{255, 255, 255, 255, 255, 255}}, 1001);
  inject({{1, 0, 0x5e, 0, 0, 1}}, 1002);
  inject({{2, 9, 9, 9, 9, 9}}, 1001);
  inject(SteeringWorld::mac_of(0), 1003);
  for (const PacketKind kind : {PacketKind::broadcast, PacketKind::multicast, PacketKind::other_host}) CHECK(read(*chosen).from.kind == kind);
  CHECK(read(*chosen).length == -EAGAIN);
  while (read(*arp).length > 0) {  // what the stack asks about those who sent it datagrams
  }
  std::vector<std::uint8_t> request(42, 0);
  std::fill_n(request.begin(), 6, std::uint8_t{0xff});
  request[12] = 8;
  request[13] = 6;
  w.engine->inject("net0", request);
  w.run();
  CHECK(read(*arp).from.protocol == 0x0806);
  const auto refused = [&](const PacketSocket::Options& options) { return w.engine->open_packet_socket(options).error().message; };
  CHECK(refused({.port = "eth9"}).find("no interface is named 'eth9'") != std::string::npos);
  CHECK(refused({.filter = "udp port"}).find("syntax error") != std::string::npos);
  CHECK(refused({.buffer_bytes = 5}).find("buffer_bytes must be 262144..") != std::string::npos);
}

TEST_CASE("L9: a slow reader loses its own copies, and only those; a closed socket sees nothing more") {
  SteeringWorld w(1);
  w.listen();
  auto socket = opened(*w.engine, {.buffer_bytes = 262144});
  for (int i = 0; i < 4000; ++i) {
    w.inject(1000);
    if (i % 30 == 0) w.run();
  }
  w.run();
  CHECK(w.arrived[1000].size() == 4000);
  const auto counted = socket->statistics();
  CHECK(counted.packets == 4000);
  CHECK(counted.drops > 100);
  std::uint64_t got = 0;
  while (read(*socket).length > 0) ++got;
  CHECK(got == counted.packets - counted.drops);
  socket.reset();
  w.inject(1000);
  w.run();
  CHECK(w.count("tap", "recorded") == got);
}
