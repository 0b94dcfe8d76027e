// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/socket/sockets.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <array>
#include <cerrno>
#include <set>

using namespace millrace;
using test::bytes;
using test::Conversation;
using test::endpoint;
using test::TwoEngines;

namespace {

const Endpoint server = endpoint("10.77.0.2:80");

std::unique_ptr<Conversation> dial(Engine& engine, const Endpoint& to, std::uint16_t lcore = 0) {
  auto client = std::make_unique<Conversation>();
  auto stream = TwoEngines::sockets(engine, lcore).connect(to);
  REQUIRE(stream.has_value());
  client->join(**stream);
  return client;
}

Result<void> listen(Engine& engine, const Endpoint& local, std::uint16_t lcore = 0) {
  return TwoEngines::sockets(engine, lcore).listen(local, 16, [](Stream&) {});
}

std::uint64_t by_lcore(Engine& engine, const char* group, const char* name, std::size_t lcore) {
  const Stats stats = engine.stats();
  return stats.find(group, name)->by_lcore[lcore];
}

}  // namespace

TEST_CASE("what cannot be is refused, with an errno and the address") {
  TwoEngines world;
  REQUIRE(listen(*world.b, endpoint("10.77.0.2:80")));
  REQUIRE(listen(*world.b, endpoint("0.0.0.0:81")));
  struct Case {
    const char* local;
    int error;
  };
  for (const Case& c : {Case{"10.77.0.2:80", EADDRINUSE}, Case{"0.0.0.0:81", EADDRINUSE},
                        Case{"10.77.0.3:82", EADDRNOTAVAIL}, Case{"[fd00:77::3]:82", EADDRNOTAVAIL}}) {
    const auto refused = listen(*world.b, endpoint(c.local));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == c.error);
    CHECK(refused.error().message.find(c.local) != std::string::npos);
  }
  CHECK(listen(*world.b, endpoint("[::]:81")));  // the other family

  Sockets& sockets = TwoEngines::sockets(*world.a);
  CHECK(sockets.connect(endpoint("192.0.2.1:80")).error().code == ENETUNREACH);
  CHECK(sockets.connect(endpoint("0.0.0.0:80")).error().code == EADDRNOTAVAIL);
  CHECK(sockets.connect(endpoint("10.77.0.2:0")).error().code == EADDRNOTAVAIL);
}

TEST_CASE("a refused, an unanswered and an unreachable connect end in on_closed") {
  TwoEngines world;
  auto refused = dial(*world.a, server);
  auto absent = dial(*world.a, endpoint("10.77.0.99:80"));
  REQUIRE(world.run_until([&] { return refused->closed >= 0; }, 1s));
  CHECK(refused->closed == ECONNREFUSED);
  CHECK_FALSE(refused->connected);
  REQUIRE(world.run_until([&] { return absent->closed >= 0; }));
  CHECK(absent->closed == EHOSTUNREACH);
  auto silent = dial(*world.a, server);
  world.b.reset();
  REQUIRE(world.run_until([&] { return silent->closed >= 0; }));
  CHECK(silent->closed != 0);
}

TEST_CASE("a connect that no port is left for says so") {
  TwoEngines world({.adjust_a = [](Config& config) { config.sysctl.ip_local_port_range = {40000, 40002}; }});
  std::vector<std::unique_ptr<Conversation>> clients;
  std::set<std::uint16_t> ports;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(dial(*world.a, server));
    ports.insert(clients.back()->stream->local().port);
  }
  CHECK(ports == std::set<std::uint16_t>{40000, 40001, 40002});
  CHECK(TwoEngines::sockets(*world.a).connect(server).error().code == EADDRNOTAVAIL);
  CHECK(TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:81")).has_value());
}

TEST_CASE("stop_listening: new connections are refused, accepted ones stay, the port is free again") {
  TwoEngines world;
  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(*world.b, server, accepted);
  auto first = dial(*world.a, server);
  REQUIRE(world.run_until([&] { return accepted.size() == 1; }));
  Sockets& sockets = TwoEngines::sockets(*world.b);
  sockets.stop_listening(endpoint("10.77.0.2:81"));  // nobody's
  sockets.stop_listening(server);
  sockets.stop_listening(server);
  auto second = dial(*world.a, server);
  REQUIRE(world.run_until([&] { return second->closed >= 0; }, 1s));
  CHECK(second->closed == ECONNREFUSED);
  first->stream->write(bytes("still here"));
  REQUIRE(world.run_until([&] { return accepted[0]->received == "still here"; }));
  REQUIRE(listen(*world.b, server));
  auto third = dial(*world.a, server);
  REQUIRE(world.run_until([&] { return third->connected; }));
}

TEST_CASE("on_accept may stop the listening that called it; who still waited is reset") {
  TwoEngines world;
  int accepted = 0;
  Sockets& sockets = TwoEngines::sockets(*world.b);
  const auto guard = std::make_shared<int>(1);
  REQUIRE(sockets.listen(server, 16, [&, guard](Stream& stream) {
    ++accepted;
    stream.sockets().stop_listening(server);
    CHECK(*guard == 1);  // the closure outlives its call
    stream.write(bytes("hello"));
  }));
  std::array<std::unique_ptr<Conversation>, 5> clients;
  for (auto& client : clients) client = dial(*world.a, server);
  world.run_for(1s);
  CHECK(accepted == 1);
  int served = 0;
  int reset = 0;
  for (auto& client : clients) {
    served += client->received == "hello";
    reset += client->closed == ECONNRESET || client->closed == ECONNREFUSED;
  }
  CHECK(served == 1);
  CHECK(reset == 4);
  CHECK(guard.use_count() == 1);  // swept
}

TEST_CASE("on_accept may close or abort what it is given") {
  TwoEngines world;
  int accepted = 0;
  REQUIRE(world.b->listen(server, [&](Stream& stream) { ++accepted % 2 != 0 ? stream.close() : stream.abort(); }));
  std::array<std::unique_ptr<Conversation>, 6> clients;
  for (auto& client : clients) client = dial(*world.a, server);
  world.run_for(1s);
  CHECK(accepted == 6);
  int ended = 0;
  int reset = 0;
  for (auto& client : clients) {
    ended += client->ended;
    reset += client->closed == ECONNRESET;
    if (client->stream != nullptr) client->stream->close();
  }
  CHECK(ended == 3);
  CHECK(reset == 3);
  world.check_pools();
}

TEST_CASE("many streams at once, each with its own bytes") {
  TwoEngines world({.lcores_a = 2, .lcores_b = 2});
  REQUIRE(world.b->listen(endpoint("[::]:80"), [](Stream& stream) {
    stream.on_readable(test::echo);
    stream.on_writable(test::echo);
  }));
  std::vector<std::unique_ptr<Conversation>> clients;
  std::vector<std::string> texts;
  for (std::uint16_t i = 0; i < 200; ++i) {
    texts.push_back(test::pattern(2000, i));
    clients.push_back(dial(*world.a, endpoint("[fd00:77::2]:80"), i % 2));
    clients.back()->stream->on_connected([&text = texts, i](Stream& stream) {
      CHECK(stream.write(bytes(text[i])) == 2000);
      stream.shutdown_write();
    });
  }
  REQUIRE(world.run_until(
      [&] { return std::all_of(clients.begin(), clients.end(), [](auto& client) { return client->closed == 0; }); }));
  for (std::size_t i = 0; i < clients.size(); ++i) CHECK(clients[i]->received == texts[i]);
  CHECK(by_lcore(*world.b, "tcp", "PassiveOpens", 0) > 20);
  CHECK(by_lcore(*world.b, "tcp", "PassiveOpens", 1) > 20);
  world.check_pools();
}

TEST_CASE("F22: who listens on one lcore alone hears of every connection, whatever rps_cpus says") {
  for (std::uint16_t home : {0, 1, 3}) {
    TwoEngines world({.lcores_b = 4});
    INFO("listening on lcore " << home);
    int accepted = 0;
    REQUIRE(TwoEngines::sockets(*world.b, home).listen(endpoint("0.0.0.0:80"), 64, [&](Stream& stream) {
      ++accepted;
      CHECK(stream.sockets().lcore() == home);
      stream.on_readable(test::echo);
    }));
    std::vector<std::unique_ptr<Conversation>> clients;
    for (int i = 0; i < 32; ++i) {
      clients.push_back(dial(*world.a, server));
      clients.back()->stream->on_connected([](Stream& stream) { stream.write(bytes("echo")); });
    }
    world.run_for(1s);
    CHECK(accepted == 32);
    for (auto& client : clients) CHECK(client->received == "echo");
    const Stats stats = world.b->stats();
    CHECK((stats.total("steer", "bound") > 0) == (home != 0));  // lcore 0 receives
    CHECK(stats.total("tcp", "OutRsts") == 0);
    TwoEngines::sockets(*world.b, home).stop_listening(endpoint("0.0.0.0:80"));
    auto late = dial(*world.a, server);
    REQUIRE(world.run_until([&] { return late->closed >= 0; }, 1s));
    CHECK(late->closed == ECONNREFUSED);
  }
}

TEST_CASE("after() calls once, in order of time, not before it is due; from inside, too") {
  TwoEngines world;
  Sockets& sockets = TwoEngines::sockets(*world.a);
  const Instant begin = world.now();
  std::vector<std::pair<int, Duration>> fired;
  const auto note = [&](int which) { fired.emplace_back(which, sockets.now() - begin); };
  sockets.after(30ms, [&] { note(3); });
  sockets.after(10ms, [&] {
    note(1);
    sockets.after(10ms, [&] { note(2); });
    sockets.after(0ms, [&] { note(0); });
  });
  sockets.after(1h, [&] { note(4); });
  world.run_for(100ms);
  CHECK(fired == std::vector<std::pair<int, Duration>>{{1, 10ms}, {0, 10ms}, {2, 20ms}, {3, 30ms}});
}

TEST_CASE("calls between passes go by the clock as it is then") {
  TwoEngines world;
  world.run_for(0s);
  world.a->set_clock(world.now() + 5s);
  CHECK(TwoEngines::sockets(*world.a).now() == world.now() + 5s);
}

TEST_CASE("a call that is due later is forgotten with the engine, with what it holds") {
  const auto held = std::make_shared<int>();
  {
    TwoEngines world;
    TwoEngines::sockets(*world.a).after(1h, [held] { FAIL("called"); });
    world.run_for(1s);
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}
