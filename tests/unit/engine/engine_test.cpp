// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/engine.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <future>
#include <thread>

using namespace millrace;
using test::bytes;
using test::Conversation;
using test::endpoint;
using test::host_config;
using test::TwoEngines;

namespace {

const Endpoint server = endpoint("10.77.0.2:80");

std::unique_ptr<Engine> create(const Config& config, const std::map<std::string, LinkEnd>& links = {}) {
  auto engine = Engine::create(config, links);
  if (!engine) FAIL(engine.error().message);
  return std::move(*engine);
}

Config threaded(std::uint16_t host, std::size_t lcores) {
  Config config = host_config(host, lcores);
  config.clock = config::ClockSource::tsc;
  return config;
}

/// Two engines with threads of their own on one link; b echoes on port 80.
struct Running {
  Running() {
    auto [here, there] = make_link(1);
    a = create(threaded(1, 1), {{"p0", here}});
    b = create(threaded(2, 2), {{"p0", there}});
    REQUIRE(b->listen(endpoint("0.0.0.0:80"), [](Stream& stream) {
      stream.on_readable(test::echo);
      stream.on_writable(test::echo);
    }));
  }
  // Sends a text from a, waits until it has come back.
  std::string round_trip(const std::string& text) {
    auto answer = std::make_shared<std::promise<std::string>>();
    auto future = answer->get_future();
    a->post(0, [answer, text](Sockets& sockets) {
      Stream* stream = *sockets.connect(server);
      auto conversation = std::make_shared<Conversation>();
      stream->set_context(conversation);
      conversation->join(*stream);
      stream->on_connected([text](Stream& s) {
        s.write(bytes(text));
        s.shutdown_write();
      });
      stream->on_closed([answer, conversation = conversation.get()](Stream&, int) {
        conversation->read_all();
        answer->set_value(conversation->received);
      });
    });
    REQUIRE(future.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    return future.get();
  }
  std::unique_ptr<Engine> a, b;
};

}  // namespace

TEST_CASE("on_each_lcore visits every lcore and returns the first failure") {
  const auto engine = create(host_config(2, 4));
  std::vector<std::uint16_t> visited;
  const auto failed = engine->on_each_lcore([&](Sockets& sockets) -> Result<void> {
    visited.push_back(sockets.lcore());
    if (sockets.lcore() % 2 == 1) return failure(EBUSY, "lcore " + std::to_string(sockets.lcore()));
    return {};
  });
  CHECK(visited == std::vector<std::uint16_t>{0, 1, 2, 3});
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().message == "lcore 1");
  CHECK(engine->on_each_lcore([](Sockets&) { return Result<void>{}; }, 1).error().code == EINVAL);
}

TEST_CASE("listen and bind_udp happen on every lcore or on none") {
  TwoEngines world({.lcores_b = 3});
  Sockets& last = TwoEngines::sockets(*world.b, 2);
  REQUIRE(last.listen(server, 1, [](Stream&) {}));
  REQUIRE(last.bind_udp(endpoint("10.77.0.2:7")));
  CHECK(world.b->listen(server, [](Stream&) {}).error().code == EADDRINUSE);
  int set_up = 0;
  CHECK(world.b->bind_udp(endpoint("10.77.0.2:7"), [&](UdpSocket&) { ++set_up; }).error().code == EADDRINUSE);
  CHECK(set_up == 2);
  for (std::uint16_t lcore : {0, 1}) {
    CHECK(TwoEngines::sockets(*world.b, lcore).listen(server, 1, [](Stream&) {}).has_value());
    CHECK(TwoEngines::sockets(*world.b, lcore).bind_udp(endpoint("10.77.0.2:7")).has_value());
  }
  CHECK(world.b->listen(endpoint("10.77.0.9:80"), [](Stream&) {}).error().code == EADDRNOTAVAIL);
  CHECK(world.b->listen(endpoint("10.77.0.2:0"), [](Stream&) {}).error().code == EINVAL);
  std::vector<Endpoint> locals;
  REQUIRE(world.b->bind_udp(endpoint("0.0.0.0:0"), [&](UdpSocket& socket) { locals.push_back(socket.local()); }));
  CHECK(locals.size() == 3);
}

TEST_CASE("post runs on its lcore, in order, in the next pass") {
  const auto engine = create(host_config(2, 2));
  std::vector<std::pair<std::uint16_t, int>> ran;
  for (int i = 0; i < 3; ++i)
    for (std::uint16_t lcore : {1, 0})
      CHECK(engine->post(lcore, [&ran, i](Sockets& sockets) { ran.emplace_back(sockets.lcore(), i); }));
  CHECK(engine->run_once(1));
  CHECK(ran == std::vector<std::pair<std::uint16_t, int>>{{1, 0}, {1, 1}, {1, 2}});
  CHECK(engine->run_once());
  CHECK(ran.size() == 6);
  CHECK_FALSE(engine->run_once());
}

TEST_CASE("inject, run_once, take: a free port's frames in and out") {
  const auto engine = create(host_config(2));
  CHECK(engine->take("p0").empty());
  const std::vector<std::uint8_t> request = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  1,  8, 6,
                                             0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0,  0, 1,
                                             10,   77,   0,    1,    0,    0,    0, 0, 0, 0, 10, 77, 0, 2};
  engine->inject("p0", request);
  CHECK(engine->next_deadline() == engine->now());
  CHECK(engine->run_once());
  const std::vector<std::uint8_t> reply = engine->take("p0");
  REQUIRE(reply.size() >= 42);
  CHECK(std::vector(reply.begin() + 28, reply.begin() + 32) == std::vector<std::uint8_t>{10, 77, 0, 2});
  CHECK(engine->take("p0").empty());
  CHECK(engine->packets_in_use() == 0);
}

TEST_CASE("next_deadline is the earliest timer or arrival, never when there is none") {
  const auto engine = create(host_config(2, 2));
  engine->run_once();
  CHECK(engine->next_deadline() == never);
  TwoEngines::sockets(*engine, 1).after(7s, [] {});
  TwoEngines::sockets(*engine, 0).after(9s, [] {});
  CHECK(engine->next_deadline() == engine->now() + 7s);
  engine->set_clock(engine->now() + 7s);
  CHECK(engine->run_once());
  CHECK(engine->next_deadline() == engine->now() + 2s);
}

TEST_CASE("equal seeds give equal runs, another seed another one") {
  const auto frames_of = [](std::uint64_t seed) {
    Config config = host_config(2);
    config.seed = seed;
    const auto engine = create(config);
    CHECK(engine->seed() == seed);
    (void)TwoEngines::sockets(*engine).connect(endpoint("10.77.0.1:80"));
    std::vector<std::vector<std::uint8_t>> frames;
    for (int i = 0; i < 10; ++i) {
      engine->run_once();
      while (true) {
        frames.push_back(engine->take("p0"));
        if (frames.back().empty()) break;
      }
      engine->set_clock(engine->now() + 1s);
    }
    return frames;
  };
  CHECK(frames_of(5) == frames_of(5));
  CHECK(frames_of(5) != frames_of(6));
  Config unseeded = host_config(2);
  unseeded.seed = 0;
  CHECK(create(unseeded)->seed() != 0);
}

TEST_CASE("an engine may end at any moment of a conversation: every buffer is back before, or comes back") {
  const std::string text = test::pattern(100000);
  for (const bool a_first : {true, false}) {
    for (int passes = 0; passes < 60; passes += 3) {
      TwoEngines world({.lcores_a = 2, .lcores_b = 2, .there = {.delay = 1ms}, .back = {.delay = 1ms}});
      std::vector<std::unique_ptr<Conversation>> accepted;
      accept_into(*world.b, server, accepted);
      for (std::uint16_t i = 0; i < 4; ++i) {
        Stream* stream = *TwoEngines::sockets(*world.a, i % 2).connect(server);
        stream->on_connected([&](Stream& s) { s.write(bytes(text)); });
        stream->on_writable([&](Stream& s) { s.write(bytes(text)); });
      }
      (*TwoEngines::sockets(*world.b).bind_udp(endpoint("0.0.0.0:7")))->send_to(bytes("x"), endpoint("10.77.0.50:7"));
      for (int i = 0; i < passes; ++i) world.run_for(500us);
      (a_first ? world.a : world.b).reset();
      world.run_for(10s);
      if (!a_first) continue;
      // Every connection was reset or never complete, so b has nothing left.
      for (auto& conversation : accepted) CHECK(conversation->closed == ECONNRESET);
      accepted.clear();
      world.check_pools();
    }
  }
}

TEST_CASE("the farewells of lcores without a tx queue of their own leave, too") {
  TwoEngines world({.lcores_a = 4});
  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(*world.b, server, accepted);
  for (std::uint16_t lcore = 0; lcore < 4; ++lcore) (void)TwoEngines::sockets(*world.a, lcore).connect(server);
  REQUIRE(world.run_until([&] { return accepted.size() == 4; }));
  world.a.reset();
  world.run_for(1s);
  for (auto& conversation : accepted) CHECK(conversation->closed == ECONNRESET);
}

TEST_CASE("calls that were posted and never run go with the engine, before its sockets do") {
  TwoEngines world;
  Stream* stream = *TwoEngines::sockets(*world.a).connect(server);
  struct Closer {
    Stream* stream;
    ~Closer() { stream->close(); }
  };
  world.a->post(0, [closer = std::make_shared<Closer>(Closer{stream})](Sockets&) { FAIL("called"); });
  world.a.reset();
}

TEST_CASE("the manual clock is stepped, not started") {
  const auto engine = create(host_config(2));
  CHECK(engine->start().error().code == EINVAL);
  engine->stop();
  CHECK_FALSE(engine->run_once());
}

TEST_CASE("start, stop and start again; calls meanwhile wait") {
  Running hosts;
  for (int i = 0; i < 2; ++i) {
    REQUIRE(hosts.a->start());
    REQUIRE(hosts.b->start());
    CHECK(hosts.a->start().error().code == EALREADY);
    CHECK(hosts.round_trip("round " + std::to_string(i)) == "round " + std::to_string(i));
    std::vector<std::thread::id> threads;
    REQUIRE(hosts.b->on_each_lcore([&](Sockets&) {
      threads.push_back(std::this_thread::get_id());
      return Result<void>{};
    }));
    CHECK(threads[0] != threads[1]);
    CHECK(threads[0] != std::this_thread::get_id());
    hosts.a->stop();
    hosts.b->stop();
    hosts.b->stop();
    std::atomic<int> ran{0};
    hosts.b->post(1, [&](Sockets&) { ++ran; });
    CHECK(ran == 0);
    if (i == 0) {
      REQUIRE(hosts.b->start());
      REQUIRE(hosts.b->on_each_lcore([](Sockets&) { return Result<void>{}; }));
      hosts.b->stop();
    } else {
      hosts.b->run_once();
    }
    CHECK(ran == 1);
  }
}

TEST_CASE("a running engine may simply be destroyed, its peer hears of it") {
  Running hosts;
  REQUIRE(hosts.a->start());
  REQUIRE(hosts.b->start());
  std::promise<void> connected;
  std::promise<int> closed;
  hosts.a->post(0, [&](Sockets& sockets) {
    Stream* stream = *sockets.connect(server);
    stream->on_connected([&](Stream& s) { s.write(bytes(std::string(5000, 'x'))); });
    stream->on_readable([&, told = false](Stream& s) mutable {
      std::array<std::uint8_t, 8192> part;
      while (s.read(part) > 0) {
      }
      if (!std::exchange(told, true)) connected.set_value();
    });
    stream->on_closed([&](Stream&, int error) { closed.set_value(error); });
  });
  REQUIRE(connected.get_future().wait_for(std::chrono::seconds(60)) == std::future_status::ready);
  hosts.b.reset();
  auto end = closed.get_future();
  REQUIRE(end.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
  CHECK(end.get() == ECONNRESET);
  hosts.a.reset();
}

TEST_CASE("a pinned lcore runs on its CPU") {
  cpu_set_t allowed;
  REQUIRE(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  int cpu = 0;
  while (!CPU_ISSET(cpu, &allowed)) ++cpu;
  Config config = threaded(2, 1);
  config.lcores[0].cpu = static_cast<std::uint32_t>(cpu);
  const auto engine = create(config);
  REQUIRE(engine->start());
  int ran_on = -1;
  REQUIRE(engine->on_each_lcore([&](Sockets&) {
    ran_on = sched_getcpu();
    return Result<void>{};
  }));
  CHECK(ran_on == cpu);
}

TEST_CASE("offload: work elsewhere, done back on the lcore; a stream that died meanwhile is known by its context") {
  Running hosts;
  REQUIRE(hosts.a->start());
  REQUIRE(hosts.b->start());
  struct Job {
    std::thread::id lcore, worker, done_on;
    std::promise<bool> stream_lives;
  };
  const auto run = [&](bool stream_dies) {
    auto job = std::make_shared<Job>();
    auto lives = job->stream_lives.get_future();
    std::promise<void> gone;
    hosts.a->post(0, [&, job](Sockets& sockets) {
      job->lcore = std::this_thread::get_id();
      Stream* stream = *sockets.connect(server);
      const auto context = std::make_shared<int>(42);
      stream->set_context(context);
      hosts.a->offload(
          sockets,
          [&, job] {
            job->worker = std::this_thread::get_id();
            if (stream_dies) gone.get_future().wait();
          },
          [job, weak = std::weak_ptr(context)] {
            job->done_on = std::this_thread::get_id();
            job->stream_lives.set_value(!weak.expired());
          });
      if (stream_dies) {
        stream->close();
        sockets.after(1ms, [&] { gone.set_value(); });
      }
    });
    REQUIRE(lives.wait_for(std::chrono::seconds(60)) == std::future_status::ready);
    CHECK(lives.get() == !stream_dies);
    CHECK(job->worker != job->lcore);
    CHECK(job->done_on == job->lcore);
  };
  run(false);
  run(true);
}

TEST_CASE("an engine that ends waits for work, and forgets what was to be done after it") {
  std::atomic<int> worked{0};
  const auto held = std::make_shared<int>();
  {
    const auto engine = create(host_config(2));
    Sockets& sockets = TwoEngines::sockets(*engine);
    for (int i = 0; i < 20; ++i) {
      engine->offload(
          sockets,
          [&] {
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
            ++worked;
          },
          [held] { FAIL("done after the end"); });
    }
  }
  CHECK(worked == 20);
  CHECK(held.use_count() == 1);
}
