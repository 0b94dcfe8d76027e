// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/engine.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <cerrno>

using namespace millrace;
using test::endpoint;
using test::TwoEngines;

TEST_CASE("a stack that does not exist cannot be attached to") {
  TwoEngines world;
  const auto queue = world.a->attach_thread(1);
  REQUIRE_FALSE(queue.has_value());
  CHECK(queue.error().code == EINVAL);
}

TEST_CASE("a queue leaves its lcores as it found them") {
  TwoEngines world({.lcores_b = 3});
  for (int i = 0; i < 3; ++i) {
    auto queue = world.b->attach_thread();
    REQUIRE(queue.has_value());
    REQUIRE((*queue)->listen(endpoint("0.0.0.0:80")));  // free again, so the one before has let it go
    REQUIRE((*queue)->bind_udp(endpoint("0.0.0.0:7")));
    auto stream = TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80"));
    test::Conversation client;
    client.join(**stream);
    REQUIRE(world.run_until([&] { return client.connected; }));
    queue->reset();
    world.run_for(1s);
    CHECK((client.ended || client.closed >= 0));
    if (client.stream != nullptr) client.stream->abort();
  }
  world.check_pools();
}

TEST_CASE("several queues of one engine, each with its own sockets") {
  TwoEngines world({.lcores_b = 2});
  auto first = world.b->attach_thread();
  auto second = world.b->attach_thread();
  REQUIRE((first && second));
  REQUIRE((*first)->listen(endpoint("0.0.0.0:80")));
  CHECK((*second)->listen(endpoint("0.0.0.0:80")).error().code == EADDRINUSE);
  REQUIRE((*second)->listen(endpoint("0.0.0.0:81")));
  (void)TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:81"));
  world.run_for(1s);
  CHECK_FALSE((*first)->next_event().has_value());
  const auto event = (*second)->next_event();
  REQUIRE(event.has_value());
  CHECK(event->what == ThreadQueue::What::accepted);
}

TEST_CASE("listen and bind_udp of a queue happen on every lcore or on none") {
  TwoEngines world({.lcores_b = 3});
  auto queue = world.b->attach_thread();
  REQUIRE(queue.has_value());
  Sockets& last = TwoEngines::sockets(*world.b, 2);
  REQUIRE(last.listen(endpoint("10.77.0.2:80"), 1, [](Stream&) {}));
  REQUIRE(last.bind_udp(endpoint("10.77.0.2:7")));
  CHECK((*queue)->listen(endpoint("10.77.0.2:80")).error().code == EADDRINUSE);
  CHECK((*queue)->bind_udp(endpoint("10.77.0.2:7")).error().code == EADDRINUSE);
  CHECK((*queue)->listen(endpoint("10.77.0.2:0")).error().code == EINVAL);
  CHECK((*queue)->bind_udp(endpoint("10.77.0.2:0")).error().code == EINVAL);
  for (std::uint16_t lcore : {0, 1}) {
    CHECK(TwoEngines::sockets(*world.b, lcore).listen(endpoint("10.77.0.2:80"), 1, [](Stream&) {}).has_value());
    CHECK(TwoEngines::sockets(*world.b, lcore).bind_udp(endpoint("10.77.0.2:7")).has_value());
  }
}

TEST_CASE("a queue that ends while its engine stands still leaves nothing that calls it later") {
  TwoEngines world;
  {
    auto queue = world.a->attach_thread();
    REQUIRE(queue.has_value());
    // More than the ring holds, so that the lcore is asked to tell of room.
    for (std::uint32_t i = 0; i < ThreadQueue::max_datagram; ++i)
      if (!(*queue)->connect(endpoint("10.77.0.2:80"))) break;
  }
  world.run_for(1s);
  world.check_pools();
}
