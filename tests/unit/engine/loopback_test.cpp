// SPDX-License-Identifier: BSD-3-Clause
// The loopback interface of a whole engine, stepped by the test.
#include <millrace/engine/engine.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"
#include "tests/unit/capture/pcapng_reader.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

using namespace millrace;
using test::bytes;
using test::Conversation;
using test::endpoint;
using test::SteeringWorld;

namespace {

Sockets& sockets(SteeringWorld& w, std::uint16_t lcore = 0, std::size_t stack = 0) {
  Sockets* found = nullptr;
  REQUIRE(w.engine->on_each_lcore(
      [&](Sockets& s) -> Result<void> {
        if (s.lcore() == lcore) found = &s;
        return {};
      },
      stack));
  return *found;
}

UdpSocket& bound(Sockets& s, const char* to) {
  Result<UdpSocket*> socket = s.bind_udp(endpoint(to));
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

std::string receive(UdpSocket& socket, Endpoint& from) {
  std::vector<std::uint8_t> into(65536);
  const std::int64_t n = socket.receive_from(into, from);
  return n < 0 ? std::string("nothing") : std::string(into.begin(), into.begin() + n);
}

/// packets and bytes of a device in /proc/net/dev, as received and as sent.
struct Device {
  unsigned long long rx_bytes = 0, rx_packets = 0, tx_bytes = 0, tx_packets = 0;
};
Device device(const Engine& engine, const std::string& name) {
  const std::string text = engine.proc_net_dev();
  const std::size_t at = text.find(name + ":");
  REQUIRE(at != std::string::npos);
  Device d;
  REQUIRE(std::sscanf(text.c_str() + at + name.size() + 1, "%llu %llu %*u %*u %*u %*u %*u %*u %llu %llu", &d.rx_bytes,
                      &d.rx_packets, &d.tx_bytes, &d.tx_packets) == 4);
  return d;
}

}  // namespace

TEST_CASE("M1: lo is up in every stack, with 127.0.0.0/8 and ::1, 65536 bytes at a time") {
  SteeringWorld w(1);
  Sockets& s = sockets(w);
  for (const auto& [server, to] : {std::pair{"127.0.0.1:7", "127.0.0.1:7"}, std::pair{"0.0.0.0:8", "127.1.2.3:8"},
                                   std::pair{"[::1]:7", "[::1]:7"}}) {
    UdpSocket& receiver = bound(s, server);
    UdpSocket& sender = bound(s, endpoint(to).address.is_v4() ? "0.0.0.0:0" : "[::]:0");
    const std::string whole = test::pattern(60000);
    CHECK(sender.send_to(bytes(whole), endpoint(to)) == 60000);
    w.run();
    Endpoint from;
    CHECK((receive(receiver, from) == whole));
    CHECK(from.address.is_loopback());
    CHECK(from.port == sender.local().port);
  }
  CHECK(device(*w.engine, "lo").rx_packets == 3);
  CHECK(w.count("icmp", "OutDestUnreachs") == 0);
}

TEST_CASE("M1: what comes from the wire for 127.0.0.0/8 or from it goes nowhere") {
  SteeringWorld w(1);
  UdpSocket& receiver = bound(sockets(w), "0.0.0.0:2000");
  auto frame = test::RawFrame{.payload = 8, .destination = SteeringWorld::mac_of(0)}.bytes();
  const auto with_address = [&frame](std::size_t at) {
    auto changed = frame;
    for (const std::uint8_t byte : {127, 0, 0, 1}) changed[at++] = byte;
    changed[24] = changed[25] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 14; i < 34; i += 2) sum += static_cast<std::uint32_t>(changed[i] << 8 | changed[i + 1]);
    sum = ~((sum & 0xffff) + (sum >> 16));
    changed[24] = static_cast<std::uint8_t>(sum >> 8);
    changed[25] = static_cast<std::uint8_t>(sum);
    return changed;
  };
  w.engine->inject("net0", with_address(26));
  w.engine->inject("net0", with_address(30));
  w.run();
  CHECK(w.count("ip", "InReceives") == 2);
  CHECK(w.count("ip", "InDelivers") == 0);
  CHECK(w.count("drop", "ip_invalid_source") == 1);
  CHECK(w.count("drop", "not_local") == 1);
  Endpoint from;
  CHECK(receive(receiver, from) == "nothing");
}

TEST_CASE("M2: a packet of lo goes by netif_rx, a backlog and process_backlog, as any other") {
  SteeringWorld w(1);
  bound(sockets(w), "127.0.0.1:7");
  UdpSocket& sender = bound(sockets(w), "127.0.0.1:8");
  for (int i = 0; i < 10; ++i) sender.send_to(bytes("hello"), endpoint("127.0.0.1:7"));
  w.run();
  CHECK(w.count("steer", "enqueued") == 10);
  CHECK(w.count("steer", "backlog_head") == 10);
  CHECK(w.count("softnet", "processed") == 10);
  CHECK(w.count("ip", "OutRequests") == 10);
  CHECK(w.count("ip", "InDelivers") == 10);
  CHECK(w.count("softirq_raised", "NET_RX") >= 1);
  CHECK(w.count("backlog_run", "below_2") == 10);  // M3: a run at the end of each call
}

TEST_CASE(
    "M3: send() returns when the peer has the data, and what the peer sends back is there too; nothing is called again "
    "from inside") {
  SteeringWorld w(1);
  Sockets& s = sockets(w);
  UdpSocket& echo = bound(s, "127.0.0.1:7");
  int depth = 0;
  int deepest = 0;
  echo.on_readable([&](UdpSocket& socket) {
    deepest = std::max(deepest, ++depth);
    Endpoint from;
    for (std::string text = receive(socket, from); text != "nothing"; text = receive(socket, from))
      socket.send_to(bytes(text), from);
    --depth;
  });
  UdpSocket& sender = bound(s, "127.0.0.1:8");
  sender.on_readable([&](UdpSocket&) { deepest = std::max(deepest, depth + 1); });
  const std::uint64_t before = w.count("softnet", "api_exit_runs");
  for (int i = 0; i < 100; ++i) {
    const std::string text = "question " + std::to_string(i);
    sender.send_to(bytes(text), endpoint("127.0.0.1:7"));
    Endpoint from;
    CHECK(receive(sender, from) == text);
  }
  CHECK(deepest == 1);
  CHECK(w.count("softnet", "api_exit_runs") - before == 100);

  // Two of the application's calls in its turn: their end is the turn's.
  w.engine->post(0, [&](Sockets&) {
    sender.send_to(bytes("one"), endpoint("127.0.0.1:7"));
    sender.send_to(bytes("two"), endpoint("127.0.0.1:7"));
    Endpoint from;
    CHECK(receive(sender, from) == "nothing");
  });
  w.engine->run_once();
  Endpoint from;
  CHECK(receive(sender, from) == "one");
  CHECK(receive(sender, from) == "two");
}

TEST_CASE("M3: a stream's write() returns when the peer has read it, and close() in a callback of the peer's is safe") {
  SteeringWorld w(1);
  Sockets& s = sockets(w);
  std::string got;
  REQUIRE(s.listen(endpoint("127.0.0.1:80"), 8, [&](Stream& server) {
    server.on_readable([&](Stream& stream) {
      std::array<std::uint8_t, 4096> into;
      for (std::int64_t n = stream.read(into); n > 0; n = stream.read(into)) got.append(into.begin(), into.begin() + n);
      if (got.ends_with("bye")) stream.close();
    });
  }));
  Result<Stream*> stream = s.connect(endpoint("127.0.0.1:80"));
  REQUIRE(stream);
  bool connected = false;
  bool ended = false;
  (*stream)->on_connected([&](Stream&) { connected = true; });
  (*stream)->on_readable([&](Stream& self) { ended = self.at_end(); });
  w.run();
  REQUIRE(connected);
  const std::string text = test::pattern(30000);
  CHECK((*stream)->write(bytes(text)) == 30000);
  CHECK((got == text));
  CHECK((*stream)->write(bytes("bye")) == 3);
  CHECK((got == text + "bye"));
  CHECK(ended);
  (*stream)->close();
  w.run();
}

TEST_CASE("M4, H5: traffic with an own address goes by lo, sent and received alike, and the port sees nothing of it") {
  const std::string path = "loopback_test." + std::to_string(getpid()) + ".pcapng";
  std::uint64_t packets = 0;
  {
    SteeringWorld w(1, [&](Config& c) { c.capture = {.enabled = true, .file = path, .max_bytes = 64 << 20}; });
    Sockets& s = sockets(w);
    std::vector<std::unique_ptr<Conversation>> accepted;
    test::accept_into(*w.engine, endpoint("10.77.0.2:80"), accepted);
    Result<Stream*> stream = s.connect(endpoint("10.77.0.2:80"));
    REQUIRE(stream);
    Conversation client;
    client.join(**stream);
    w.run();
    REQUIRE(client.connected);
    CHECK((*stream)->local().address == endpoint("10.77.0.2:80").address);
    const std::string data = test::pattern(1 << 20);
    for (std::size_t at = 0; at < data.size();) {
      const std::int64_t n = (*stream)->write(bytes(std::string_view(data).substr(at)));
      at += n > 0 ? static_cast<std::size_t>(n) : 0;
      w.run(1);
    }
    w.run();
    REQUIRE(accepted.size() == 1);
    CHECK((accepted[0]->received == data));
    const Device lo = device(*w.engine, "lo");
    const Device net0 = device(*w.engine, "net0");
    CHECK((lo.rx_packets == lo.tx_packets && lo.rx_bytes == lo.tx_bytes));
    CHECK(lo.rx_bytes > data.size());
    CHECK(lo.rx_packets < data.size() / 10000);  // many segments at a time
    CHECK((net0.tx_packets == 0 && net0.rx_packets == 0));
    packets = lo.rx_packets;
    (*stream)->abort();
    w.run();
    packets = device(*w.engine, "lo").rx_packets;
  }
  const test::PcapngFile read(path);
  std::remove(path.c_str());
  REQUIRE(read.interfaces.size() == 2);
  CHECK(read.interfaces[1].options.at(2) == "lo");
  std::uint64_t on_lo = 0;
  for (const auto& packet : read.packets) on_lo += packet.interface == 1 ? 1 : 0;
  CHECK(read.packets.size() == on_lo);  // on net0: 0
  CHECK(on_lo == packets);              // on lo: n
}

TEST_CASE("M2, F22: a socket of another lcore gets what is sent to an own address; a closed port is refused") {
  SteeringWorld w(2);
  UdpSocket& receiver = bound(sockets(w, 1), "10.77.0.2:7");
  UdpSocket& sender = bound(sockets(w, 0), "10.77.0.2:8");
  sender.send_to(bytes("over there"), endpoint("10.77.0.2:7"));
  Endpoint from;
  CHECK(receive(receiver, from) == "nothing");
  w.run();
  CHECK(receive(receiver, from) == "over there");
  CHECK(w.count("steer", "backlog_head", 1) == 1);

  REQUIRE(sender.connect(endpoint("127.0.0.1:9")) == 0);
  int error = 0;
  sender.on_error([&](UdpSocket&, int e) { error = e; });
  sender.send_to(bytes("nobody"), endpoint("127.0.0.1:9"));
  w.run();
  CHECK(error == ECONNREFUSED);
  CHECK(w.count("icmp", "OutDestUnreachs") == 1);
}

TEST_CASE("H14, M1: each stack has a lo of its own") {
  SteeringWorld w(1, [](Config& c) {
    c.ports.push_back({.name = "net9", .mac = SteeringWorld::mac_of(9)});
    config::Stack other{.name = "other"};
    other.interfaces.push_back({.port = "net9", .name = "eth9", .addresses = {{IpAddress::v4(10, 77, 0, 2), 24}}});
    c.stacks.push_back(other);
  });
  UdpSocket& here = bound(sockets(w, 0, 0), "127.0.0.1:7");
  UdpSocket& there = bound(sockets(w, 0, 1), "127.0.0.1:7");
  UdpSocket& sender = bound(sockets(w, 0, 1), "127.0.0.1:8");
  sender.send_to(bytes("within"), endpoint("127.0.0.1:7"));
  w.run();
  Endpoint from;
  CHECK(receive(here, from) == "nothing");
  CHECK(receive(there, from) == "within");
  CHECK(device(*w.engine, "lo@host").rx_packets == 0);
  CHECK(device(*w.engine, "lo@other").rx_packets == 1);
  bound(sockets(w, 0, 0), "127.0.0.1:8").send_to(bytes("in the first"), endpoint("127.0.0.1:7"));
  w.run();
  CHECK(receive(here, from) == "in the first");
  CHECK(receive(there, from) == "nothing");
  CHECK(device(*w.engine, "lo@host").rx_packets == 1);
}
