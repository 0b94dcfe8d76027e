// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/wait_set.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/queue_world.hpp"

#include <array>
#include <cerrno>
#include <optional>
#include <sys/epoll.h>
#include <unistd.h>

using namespace millrace;
using test::bytes;
using test::endpoint;
using test::TwoEngines;
using Socket = ThreadQueue::Socket;
using What = ThreadQueue::What;
using World = test::QueueWorld;

namespace {

constexpr std::uint32_t in = EPOLLIN | EPOLLRDNORM;
constexpr std::uint32_t out = EPOLLOUT | EPOLLWRNORM;
const Endpoint port_7 = endpoint("10.77.0.2:7");

/// A set with a UDP socket of its queue, and somebody who sends to it.
struct Watched {
  Watched() {
    sender->send_to(bytes("neighbours"), port_7);
    world.hosts.run_for(1s);
    CHECK(world.queue->next_event().has_value());
    CHECK(receive() == "neighbours");
  }
  void send(std::string_view text = "x") {
    sender->send_to(bytes(text), port_7);
    world.hosts.run_for(10ms);
  }
  std::string receive() {
    std::array<std::uint8_t, 64> datagram;
    Endpoint from;
    const std::int64_t n = world.queue->receive_from(socket, datagram, from);
    return n < 0 ? "" : std::string(datagram.begin(), datagram.begin() + n);
  }
  /// The events of the socket that wait() has at once; 0 when it has none.
  std::uint32_t events() {
    std::array<WaitSet::Event, 4> found{};
    const std::int64_t n = set.wait(found, 0ns);
    CHECK(n <= 1);
    if (n == 1) CHECK(found[0].socket == socket);
    return n == 1 ? found[0].events : 0;
  }
  World world;
  Socket socket = *world.queue->bind_udp(port_7);
  UdpSocket* sender = *TwoEngines::sockets(*world.hosts.a).bind_udp(endpoint("10.77.0.1:9"));
  WaitSet set{*world.queue, 3};
};

}  // namespace

TEST_CASE("L3: level-triggered, a socket is reported until it is read; edge-triggered, once for all that came") {
  Watched w;
  CHECK(w.set.add(w.socket, EPOLLIN) == 0);
  CHECK(w.events() == 0);
  w.send("one");
  w.send("two");
  CHECK(w.events() == EPOLLIN);
  CHECK(w.events() == EPOLLIN);
  CHECK(w.receive() == "one");
  CHECK(w.events() == EPOLLIN);
  CHECK(w.receive() == "two");
  CHECK(w.events() == 0);

  CHECK(w.set.modify(w.socket, EPOLLIN | EPOLLET) == 0);
  CHECK(w.events() == 0);
  w.send("three");
  w.send("four");
  CHECK(w.events() == EPOLLIN);
  CHECK(w.events() == 0);
  CHECK(w.receive() == "three");
  CHECK(w.events() == 0);
  w.send("five");  // news, though four is not read
  CHECK(w.events() == EPOLLIN);
  CHECK(w.events() == 0);
}

TEST_CASE("L3: a one-shot socket is silent after its event until it is armed again, with what waits then") {
  Watched w;
  CHECK(w.set.add(w.socket, EPOLLIN | EPOLLONESHOT) == 0);
  w.send();
  CHECK(w.events() == EPOLLIN);
  CHECK(w.events() == 0);
  w.send();
  CHECK(w.events() == 0);
  CHECK(w.set.modify(w.socket, EPOLLIN | EPOLLONESHOT) == 0);
  CHECK(w.events() == EPOLLIN);
  CHECK(w.events() == 0);
}

TEST_CASE("L3: what was there before is reported at once, and only what is wanted") {
  Watched w;
  w.send();
  CHECK(w.set.add(w.socket, EPOLLOUT) == 0);
  CHECK(w.events() == EPOLLOUT);
  CHECK(w.set.modify(w.socket, EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLPRI) == 0);
  CHECK(w.events() == (in | out | EPOLLWRBAND));
  CHECK(w.set.modify(w.socket, 0) == 0);
  CHECK(w.events() == 0);
  w.send();
  CHECK(w.events() == 0);
}

TEST_CASE("L3: a set refuses what epoll_ctl refuses, and is bounded") {
  Watched w;
  const Socket second = *w.world.queue->bind_udp(endpoint("10.77.0.2:8"));
  CHECK(w.set.add(second + 1000, EPOLLIN) == -EBADF);
  CHECK(w.set.modify(second + 1000, EPOLLIN) == -EBADF);
  CHECK(w.set.remove(second + 1000) == -EBADF);
  CHECK(w.set.modify(w.socket, EPOLLIN) == -ENOENT);
  CHECK(w.set.remove(w.socket) == -ENOENT);
  CHECK(w.set.add(w.socket, EPOLLIN | EPOLLEXCLUSIVE) == -EINVAL);
  CHECK(w.set.add(w.socket, EPOLLIN) == 0);
  CHECK(w.set.modify(w.socket, EPOLLIN | EPOLLWAKEUP) == -EINVAL);
  CHECK(w.set.add(w.socket, EPOLLIN) == -EEXIST);
  CHECK(w.set.add(WaitSet::queue_events, EPOLLIN) == 0);
  CHECK(w.set.add(WaitSet::queue_events, EPOLLIN) == -EEXIST);
  CHECK(w.set.add(second, EPOLLIN) == 0);
  CHECK(w.set.size() == 3);
  const Socket third = *w.world.queue->bind_udp(endpoint("10.77.0.2:9"));
  CHECK(w.set.add(third, EPOLLIN) == -ENOSPC);
  WaitSet other(*w.world.queue);
  CHECK(other.add(w.socket, EPOLLIN) == -EBUSY);
  CHECK(other.remove(w.socket) == -ENOENT);
  CHECK(other.add(third, EPOLLIN) == 0);
  CHECK(w.set.wait({}, 0ns) == -EINVAL);
  CHECK(w.set.remove(second) == 0);
  CHECK(w.set.size() == 2);
}

TEST_CASE("L3: closing a socket takes it out of its set, with an event that was due; no news follow") {
  Watched w;
  w.set.add(w.socket, EPOLLIN);
  w.send();
  CHECK(w.world.queue->close(w.socket) == 0);
  CHECK(w.set.size() == 0);
  CHECK(w.events() == 0);
  CHECK(w.set.modify(w.socket, EPOLLIN) == -EBADF);
  w.send();
  CHECK(w.events() == 0);
}

TEST_CASE("L3: a socket that leaves its set is told of by next_event() again, with what waits") {
  Watched w;
  {
    WaitSet passing(*w.world.queue);
    CHECK(passing.add(w.socket, EPOLLIN) == 0);
    w.send();
    CHECK_FALSE(w.world.queue->next_event().has_value());
  }
  auto event = w.world.queue->next_event();
  REQUIRE(event.has_value());
  CHECK(event->what == What::readable);
  CHECK_FALSE(w.world.queue->next_event().has_value());
  w.send();
  event = w.world.queue->next_event();
  REQUIRE(event.has_value());
  CHECK(event->what == What::readable);
  w.send();
  CHECK(w.set.add(w.socket, EPOLLIN) == 0);  // now in the set, and nowhere else
  CHECK_FALSE(w.world.queue->next_event().has_value());
  CHECK(w.events() == EPOLLIN);
}

TEST_CASE("L3: the events of a stream's life are Linux's") {
  World w;
  WaitSet set(*w.queue);
  const auto events = [&](Socket socket) -> std::uint32_t {
    std::array<WaitSet::Event, 8> found{};
    const std::int64_t n = set.wait(found, 0ns);
    for (std::int64_t i = 0; i < n; ++i)
      if (found[static_cast<std::size_t>(i)].socket == socket) return found[static_cast<std::size_t>(i)].events;
    return 0;
  };
  constexpr std::uint32_t all = in | out | EPOLLRDHUP | EPOLLPRI;
  REQUIRE(w.queue->listen(test::server));
  CHECK(set.add(WaitSet::queue_events, EPOLLIN) == 0);
  w.client.join(**TwoEngines::sockets(*w.hosts.a).connect(test::server));
  w.hosts.run_for(1s);
  CHECK(events(WaitSet::queue_events) == EPOLLIN);
  const Socket accepted = w.queue->next_event()->socket;
  CHECK_FALSE(w.queue->next_event().has_value());
  CHECK(events(WaitSet::queue_events) == 0);
  CHECK(set.add(accepted, all) == 0);
  CHECK(events(accepted) == out);
  w.client.stream->write(bytes("text"));
  w.hosts.run_for(1s);
  CHECK(events(accepted) == (in | out));
  CHECK(w.read(accepted) == "text");
  CHECK(events(accepted) == out);
  std::array<std::uint8_t, 65536> block{};
  while (w.queue->write(accepted, block) > 0) {
  }
  CHECK(events(accepted) == 0);
  w.hosts.run_for(10s);  // the peer reads
  CHECK(events(accepted) == out);
  w.client.stream->shutdown_write();
  w.hosts.run_for(1s);
  CHECK(events(accepted) == (in | out | EPOLLRDHUP));
  CHECK(w.queue->shutdown_write(accepted) == 0);
  CHECK(events(accepted) == (in | out | EPOLLRDHUP | EPOLLHUP));
  w.queue->close(accepted);

  // Nobody listens there.
  const Socket refused = *w.queue->connect(endpoint("10.77.0.1:81"));
  CHECK(set.add(refused, all) == 0);
  CHECK(events(refused) == 0);
  w.hosts.run_for(1s);
  CHECK(events(refused) == (in | out | EPOLLRDHUP | EPOLLHUP | EPOLLERR));
  w.queue->close(refused);

  // Connected, then reset.
  std::vector<std::unique_ptr<test::Conversation>> conversations;
  accept_into(*w.hosts.a, endpoint("10.77.0.1:80"), conversations);
  const Socket reset = *w.queue->connect(endpoint("10.77.0.1:80"));
  CHECK(set.add(reset, EPOLLOUT | EPOLLET) == 0);
  CHECK(events(reset) == 0);
  w.hosts.run_for(1s);
  CHECK(events(reset) == EPOLLOUT);
  CHECK(events(reset) == 0);
  conversations.at(0)->stream->abort();
  w.hosts.run_for(1s);
  CHECK(events(reset) == (EPOLLOUT | EPOLLHUP | EPOLLERR));  // the last two unasked
}

TEST_CASE("L3: who found no room among the reported comes first the next time") {
  World w;
  WaitSet set(*w.queue);
  std::vector<Socket> sockets;
  for (std::uint16_t i = 0; i < 5; ++i) {
    sockets.push_back(*w.queue->bind_udp({IpAddress::v4(10, 77, 0, 2), static_cast<std::uint16_t>(7 + i)}));
    CHECK(set.add(sockets.back(), EPOLLOUT) == 0);
  }
  std::array<WaitSet::Event, 2> found{};
  for (std::size_t turn = 0; turn < 5; ++turn) {
    REQUIRE(set.wait(found, 0ns) == 2);
    CHECK(found[0].socket == sockets[2 * turn % 5]);
    CHECK(found[1].socket == sockets[(2 * turn + 1) % 5]);
  }
}

TEST_CASE("L3: under the manual clock a wait ends with its event, or exactly with its time") {
  Watched w;
  w.set.add(w.socket, EPOLLIN);
  std::array<WaitSet::Event, 4> found{};
  const Instant start = w.world.hosts.now();
  CHECK(w.set.wait(found, 7654321ns) == 0);
  CHECK(w.world.hosts.now() == start + 7654321ns);
  w.sender->sockets().after(2500us, [&] { w.sender->send_to(bytes("x"), port_7); });
  CHECK(w.set.wait(found, 1h) == 1);
  CHECK(w.world.hosts.now() == start + 7654321ns + 2500us);
  w.receive();
  w.sender->sockets().after(3ms, [&] { w.sender->send_to(bytes("x"), port_7); });
  CHECK(w.set.wait(found, -1ns) == 1);
  CHECK(w.world.hosts.now() == start + 7654321ns + 5500us);
}

TEST_CASE("L3: by itself a wait drives the engine of its queue") {
  auto engine = Engine::create(test::host_config(2));
  REQUIRE(engine.has_value());
  auto queue = *(*engine)->attach_thread();
  const Socket socket = *queue->bind_udp(port_7);
  WaitSet set(*queue);
  set.add(socket, EPOLLIN);
  std::array<WaitSet::Event, 4> found{};
  const Instant start = (*engine)->now();
  bool called = false;
  TwoEngines::sockets(**engine).after(1ms, [&] { called = true; });
  CHECK(set.wait(found, 5ms) == 0);
  CHECK((*engine)->now() == start + 5ms);
  CHECK(called);
  CHECK_FALSE(queue->next_event().has_value());
  queue->wait(2ms);
  CHECK((*engine)->now() == start + 7ms);
  queue.reset();
  CHECK(set.wait(found, 0ns) == -EBADF);
  CHECK(set.add(socket, EPOLLIN) == -EBADF);
  CHECK(set.size() == 0);
}

TEST_CASE("L1: a set whose thread is awake costs no eventfd write, one that waits exactly one") {
  Watched w;
  const auto wakeups = [&] { return w.world.hosts.b->stats().total("socket", "wakeups"); };
  std::array<WaitSet::Event, 4> found{};
  w.set.add(w.socket, EPOLLIN | EPOLLET);
  w.send();
  CHECK(w.set.wait(found, 0ns) == 1);
  const std::uint64_t before = wakeups();
  for (int i = 0; i < 10; ++i) w.send();  // wait() has not said 0: the thread is at work
  CHECK(wakeups() == before);
  CHECK(w.set.wait(found, 0ns) == 1);
  CHECK(w.set.wait(found, 0ns) == 0);
  for (int i = 0; i < 10; ++i) w.send();
  CHECK(wakeups() == before + 1);
  CHECK(test::readable(*w.world.queue));
  CHECK(w.set.wait(found, 0ns) == 1);
  CHECK(w.set.wait(found, 0ns) == 0);
  CHECK_FALSE(test::readable(*w.world.queue));
}

TEST_CASE("L3: the set's fd fits an epoll of the application's own") {
  Watched w;
  const Socket second = *w.world.queue->bind_udp(endpoint("10.77.0.2:8"));
  w.set.add(w.socket, EPOLLIN);
  w.set.add(second, EPOLLIN | EPOLLET);
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event wanted{.events = EPOLLIN, .data = {.u64 = 42}};
  REQUIRE(epoll_ctl(epoll, EPOLL_CTL_ADD, w.set.fd(), &wanted) == 0);
  // One wait() for each time that epoll_wait() returns, as with an epoll inside another.
  const auto served = [&] {
    std::vector<Socket> sockets;
    epoll_event event;
    for (int turns = 0; epoll_wait(epoll, &event, 1, 0) == 1; ++turns) {
      REQUIRE(turns < 100);
      CHECK(event.data.u64 == 42);
      std::array<WaitSet::Event, 1> found{};
      if (w.set.wait(found, 0ns) == 0) continue;
      sockets.push_back(found[0].socket);
      if (found[0].socket == w.socket) w.receive();
    }
    return sockets;
  };
  CHECK(served().empty());
  for (int round = 0; round < 3; ++round) {
    w.send("one");
    w.send("two");
    w.sender->send_to(bytes("three"), endpoint("10.77.0.2:8"));
    w.world.hosts.run_for(10ms);
    CHECK(served() == std::vector<Socket>{w.socket, second, w.socket});
    CHECK(served().empty());
  }
  // What next_event() says in between does not hide that something is left.
  w.send("one");
  w.send("two");
  std::array<WaitSet::Event, 1> found{};
  CHECK(w.set.wait(found, 0ns) == 1);
  CHECK_FALSE(w.world.queue->next_event().has_value());
  epoll_event event;
  CHECK(epoll_wait(epoll, &event, 1, 0) == 1);
  ::close(epoll);
}
