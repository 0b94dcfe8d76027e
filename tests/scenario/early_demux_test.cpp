// SPDX-License-Identifier: BSD-3-Clause
// H3: packets of established flows need no route looked up, in either direction; nothing else changes.
#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

struct Counts {
  std::uint64_t lookups, received;
};
Counts counts_of(const Engine& engine) {
  const Stats stats = engine.stats();
  return {stats.total("ip", "FibLookups"), stats.total("ip", "InReceives") + stats.total("ip6", "InReceives")};
}

struct Hosts : TwoEngines {
  explicit Hosts(const Options& options = {}) : TwoEngines(options) {}
  /// Lookups of b, and packets that it received, while f runs.
  Counts of_b(const std::function<void()>& f) {
    const Counts before = counts_of(*b);
    f();
    const Counts after = counts_of(*b);
    return {after.lookups - before.lookups, after.received - before.received};
  }
};

/// An echoing connection, warmed up.
struct Echo {
  Echo(Hosts& hosts, std::string_view to) : hosts_(hosts) {
    REQUIRE(hosts.b->listen(endpoint(to), [](Stream& stream) { stream.on_readable([](Stream& s) { echo(s); }); }));
    client.join(**TwoEngines::sockets(*hosts.a).connect(endpoint(to)));
    REQUIRE(hosts.run_until([&] { return client.connected; }));
    exchange(2);
  }
  void exchange(int times) {
    for (int i = 0; i < times; ++i) {
      const std::size_t before = client.received.size();
      client.stream->write(bytes("ping"));
      REQUIRE(hosts_.run_until([&] { return client.received.size() == before + 4; }));
    }
  }
  Hosts& hosts_;
  Conversation client;
};

}  // namespace

TEST_CASE("H3: an established TCP connection: 0 lookups a packet; without early demux 1 for each that is received") {
  for (const char* to : {"10.77.0.2:80", "[fd00:77::2]:80"}) {
    Hosts hosts;
    Echo echo(hosts, to);
    Counts counts = hosts.of_b([&] { echo.exchange(50); });
    CHECK(counts.received >= 50);
    CHECK(counts.lookups == 0);
    for (const char* key : {"net.ipv4.tcp_early_demux", "net.ipv4.ip_early_demux"}) {
      REQUIRE(hosts.b->set_sysctl(key, "0"));
      echo.exchange(1);  // the change of a rule has the way out looked up once more
      counts = hosts.of_b([&] { echo.exchange(50); });
      CHECK(counts.received >= 50);
      CHECK(counts.lookups == counts.received);
      REQUIRE(hosts.b->set_sysctl(key, "1"));
    }
    REQUIRE(hosts.b->set_sysctl("net.ipv4.udp_early_demux", "0"));
    echo.exchange(1);
    CHECK(hosts.of_b([&] { echo.exchange(50); }).lookups == 0);
  }
}

TEST_CASE("H3: a UDP socket the same, connected or not, in both directions") {
  Hosts hosts;
  const auto open = [&](Engine& engine, std::string_view local) { return *TwoEngines::sockets(engine).bind_udp(endpoint(local)); };
  UdpSocket& a = *open(*hosts.a, "10.77.0.1:7");
  UdpSocket& b = *open(*hosts.b, "10.77.0.2:7");
  int echoed = 0;
  b.on_readable([&](UdpSocket& socket) {
    std::array<std::uint8_t, 16> buffer;
    Endpoint from;
    while (socket.receive_from(buffer, from) > 0) {
      ++echoed;
      socket.send_to(bytes("text"), from);
    }
  });
  const auto exchange = [&] {
    for (int i = 0; i < 20; ++i) {
      a.send_to(bytes("text"), endpoint("10.77.0.2:7"));
      hosts.run_for(1ms);
    }
  };
  exchange();
  Counts counts = hosts.of_b(exchange);
  CHECK(counts.received == 20);
  CHECK(counts.lookups == 0);
  REQUIRE(b.connect(endpoint("10.77.0.1:7")) == 0);
  counts = hosts.of_b(exchange);
  CHECK(counts.lookups == 2);  // the first each way
  REQUIRE(hosts.b->set_sysctl("net.ipv4.udp_early_demux", "0"));
  CHECK(hosts.of_b(exchange).lookups == 20 + 1);  // the change of a rule has the way out looked up once more
  CHECK(echoed == 80);
}

TEST_CASE("H3: what sockets know of routes is asked anew once a route or an address has changed") {
  Hosts hosts;
  Echo echo(hosts, "10.77.0.2:80");
  CHECK(hosts.of_b([&] { echo.exchange(10); }).lookups == 0);
  REQUIRE(hosts.b->add_route({.to = *IpPrefix::parse("192.0.2.0/24"), .via = IpAddress::parse("10.77.0.1")}));
  CHECK(hosts.of_b([&] { echo.exchange(1); }).lookups >= 2);
  CHECK(hosts.of_b([&] { echo.exchange(10); }).lookups == 0);
  // A route that forbids the way back is obeyed at once.
  REQUIRE(hosts.b->add_route({.to = *IpPrefix::parse("10.77.0.1/32"), .type = config::RouteType::blackhole}));
  echo.client.stream->write(bytes("ping"));
  hosts.run_for(5s);
  CHECK(hosts.b->stats().total("drop", "route_refuses") > 0);
  CHECK(echo.client.received.size() == 23 * 4);
  REQUIRE(hosts.b->remove_route({.to = *IpPrefix::parse("10.77.0.1/32")}));
  REQUIRE(hosts.run_until([&] { return echo.client.received.size() == 24 * 4; }));
  // So is the removal of the address that the connection is at.
  REQUIRE(hosts.b->remove_address("eth0", *IpPrefix::parse("10.77.0.2/24")));
  echo.client.stream->write(bytes("ping"));
  hosts.run_for(5s);
  CHECK(echo.client.received.size() == 24 * 4);
  CHECK(hosts.b->stats().total("drop", "not_local") > 0);
}

TEST_CASE("H3: a megabyte arrives the same with early demux and without") {
  std::array<std::string, 2> received;
  std::array<std::uint64_t, 2> segments{};
  for (std::size_t on : {0u, 1u}) {
    Hosts hosts({.adjust_a = [&](Config& c) { c.sysctl.ip_early_demux = static_cast<std::int64_t>(on); }, .adjust_b = [&](Config& c) { c.sysctl.ip_early_demux = static_cast<std::int64_t>(on); }});
    std::vector<std::unique_ptr<Conversation>> accepted;
    accept_into(*hosts.b, endpoint("10.77.0.2:80"), accepted);
    Conversation client;
    client.join(**TwoEngines::sockets(*hosts.a).connect(endpoint("10.77.0.2:80")));
    REQUIRE(hosts.run_until([&] { return client.connected; }));
    const std::string text = pattern(1 << 20);
    std::size_t written = 0;
    REQUIRE(hosts.run_until([&] {
      const std::int64_t taken = written < text.size() ? client.stream->write(bytes(text).subspan(written)) : 0;
      if (taken > 0) written += static_cast<std::size_t>(taken);
      return !accepted.empty() && accepted[0]->received.size() == text.size();
    }));
    received[on] = accepted[0]->received;
    segments[on] = hosts.b->stats().total("tcp", "InSegs");
  }
  CHECK(received[0] == received[1]);
  CHECK(segments[0] == segments[1]);
}
