// SPDX-License-Identifier: BSD-3-Clause
// The tx queue of a whole engine in front of a slow line: NET_TX, fair turns, TCP's small queues.
#include <millrace/engine/port_control.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <array>

using namespace millrace;
using test::bytes;
using test::Conversation;
using test::endpoint;
using test::TwoEngines;

namespace {

constexpr std::uint64_t line_bps = 10'000'000;

TwoEngines::Options slow(std::uint32_t bql, std::uint32_t txqueuelen = 1000, std::int64_t limit_output = 4194304) {
  return {.there = {.rate_bps = line_bps, .limit = 100000}, .adjust_a = [=](Config& config) {
            config.ports[0].bql_limit_min = config.ports[0].bql_limit_max = bql;
            config.ports[0].txqueuelen = txqueuelen;
            config.sysctl.tcp_limit_output_bytes = limit_output;
          }};
}

/// A connection from a to b, by which as much is written as it takes, until all of `size` bytes is.
struct Bulk {
  Bulk(TwoEngines& world, std::size_t size) : data(test::pattern(size)) {
    accept_into(*world.b, endpoint("10.77.0.2:80"), accepted);
    client.join(**TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80")));
    REQUIRE(world.run_until([&] { return client.connected && !accepted.empty(); }));
    client.stream->on_writable([this](Stream&) { write(); });
    write();
  }
  void write() {
    while (written < data.size()) {
      const std::int64_t n = client.stream->write(bytes(data).subspan(written));
      if (n <= 0) return;
      written += static_cast<std::size_t>(n);
    }
  }
  [[nodiscard]] const std::string& received() const { return accepted[0]->received; }

  std::string data;
  std::size_t written = 0;
  std::vector<std::unique_ptr<Conversation>> accepted;
  Conversation client;
};

}  // namespace

TEST_CASE("I3: what a full device did not take goes out by NET_TX when there is room, with few runs") {
  TwoEngines world(slow(3000));
  UdpSocket& sender = **TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:8"));
  UdpSocket& receiver = **TwoEngines::sockets(*world.b).bind_udp(endpoint("10.77.0.2:7"));
  REQUIRE(receiver.set_option(socket::Option::rcvbuf, 4000000) == 0);
  sender.send_to(bytes("first"), endpoint("10.77.0.2:7"));
  world.run_for(100ms);
  const std::vector<std::uint8_t> large(1400);
  const auto count = [&](const char* group, const char* name) { return world.a->stats().total(group, name); };
  const std::uint64_t before = count("softirq", "NET_TX");
  for (int i = 0; i < 200; ++i) CHECK(sender.send_to(large, endpoint("10.77.0.2:7")) == 1400);
  CHECK(count("port", "tx_packets") < 10);
  world.run_for(400ms);
  std::array<std::uint8_t, 2000> into;
  Endpoint from;
  int received = -1;
  while (receiver.receive_from(into, from) >= 0) ++received;
  CHECK(received == 200);
  const std::uint64_t runs = count("softirq", "NET_TX") - before;
  CHECK(runs > 10);
  CHECK(runs <= 250);
  CHECK(count("drop", "tx_ring_full") == 0);
}

TEST_CASE("I3: a device that was full is fed when it has room again, though nothing else happens then") {
  TwoEngines::Options options = slow(3000);
  options.there.delay = 500ms;  // so nothing arrives while the frames leave
  TwoEngines world(options);
  UdpSocket& sender = **TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:8"));
  sender.send_to(bytes("first"), endpoint("10.77.0.2:7"));
  world.run_for(2s);
  const auto sent = [&] { return world.a->stats().total("port", "tx_packets"); };
  const std::uint64_t before = sent();
  for (int i = 0; i < 200; ++i) CHECK(sender.send_to(std::vector<std::uint8_t>(1400), endpoint("10.77.0.2:7")) == 1400);
  world.run_for(300ms);  // the line takes 231 ms
  CHECK(sent() - before == 200);
}

TEST_CASE("I5: a bulk TCP flow over a slow line does not raise the latency of a ping") {
  for (const bool is_fair : {true, false}) {
    // Without a byte limit everything waits in the device, in order.
    TwoEngines world(slow(is_fair ? 6000 : 1 << 30));
    Bulk bulk(world, 4 << 20);
    world.run_for(1s);
    UdpSocket& asks = **TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:8"));
    UdpSocket& answers = **TwoEngines::sockets(*world.b).bind_udp(endpoint("10.77.0.2:7"));
    Instant heard{};
    answers.on_readable([&](UdpSocket& socket) {
      std::array<std::uint8_t, 64> into;
      Endpoint from;
      while (socket.receive_from(into, from) >= 0) heard = world.now();
    });
    Duration longest{0};
    for (int i = 0; i < 20; ++i) {
      const Instant sent = world.now();
      heard = {};
      asks.send_to(bytes("ping"), endpoint("10.77.0.2:7"));
      REQUIRE(world.run_until([&] { return heard != Instant{}; }));
      longest = std::max(longest, heard - sent);
      world.run_for(20ms);
    }
    // 6000 bytes take 4.8 ms of this line, and a frame of the bulk flow may be on its way before.
    if (is_fair) CHECK(longest < 8ms);
    if (!is_fair) CHECK(longest > 20ms);
  }
}

TEST_CASE("I5: a connection has no more than tcp_limit_output_bytes in the tx queue") {
  TwoEngines::Options options = slow(6000, 1000, 50000);
  options.adjust_b = [](Config& config) { config.sysctl.tcp_rmem[1] = 8 << 20; };  // its window is no limit
  TwoEngines world(options);
  Bulk bulk(world, 3 << 20);
  const auto count = [&](const char* group, const char* name) { return world.a->stats().total(group, name); };
  std::uint64_t most_segments = 0;  // that TCP has sent and the device does not have yet
  for (int i = 0; i < 1000 && bulk.received().size() < bulk.data.size(); ++i) {
    world.run_for(10ms);
    const std::uint64_t sent = count("tcp", "OutSegs");
    most_segments = std::max(most_segments, sent - std::min(sent, count("port", "tx_packets")));
  }
  CHECK(bulk.received() == bulk.data);
  CHECK(most_segments > 10);
  CHECK(most_segments <= 50000 / 1448 + 64);  // a turn may go beyond
  CHECK(count("tcp_ext", "TCPSmallQueueFull") > 10);
  CHECK(count("tcp", "RetransSegs") == 0);
}

TEST_CASE("I5: the byte limit of a tx queue follows the line; PortControl shows it and sets its bounds by sysfs's names") {
  TwoEngines world(slow(0));
  PortControl port(*world.a, 0);
  REQUIRE(port.set_byte_queue_limits(0, 1879048192, 1000));
  CHECK(port.byte_queue_limits(0).limit == 0);
  Bulk bulk(world, 1 << 20);
  world.run_for(100ms);
  const PortControl::ByteQueueLimits busy = port.byte_queue_limits(0);
  CHECK(busy.limit >= 1514);
  CHECK(busy.limit < 10000);  // the line is looked at as soon as it has room
  CHECK(busy.inflight > 0);
  CHECK(busy.limit_max == 1879048192);
  CHECK(busy.hold_time == 1000);
  CHECK(port.set_byte_queue_limits(5000, 4000, 1000).error().code == EINVAL);
  REQUIRE(port.set_byte_queue_limits(20000, 30000, 1000));
  world.run_for(100ms);
  CHECK(port.byte_queue_limits(0).limit >= 20000);
  CHECK(port.byte_queue_limits(0).limit <= 30000);
  CHECK(port.byte_queue_limits(7).limit_max == 0);  // there is no queue 7
  REQUIRE(world.run_until([&] { return bulk.received().size() == bulk.data.size(); }));
  CHECK(bulk.received() == bulk.data);
}
