// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/thread_queue.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/queue_world.hpp"

#include <array>
#include <cerrno>

using namespace millrace;
using test::bytes;
using test::endpoint;
using test::TwoEngines;
using World = test::QueueWorld;

TEST_CASE("L3: a queue's wait ends with its event, or exactly with its time") {
  World w;
  (void)*w.queue->bind_udp(endpoint("10.77.0.2:7"));
  UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:9"));
  sender.send_to(bytes("neighbours"), endpoint("10.77.0.2:7"));
  w.hosts.run_for(1s);
  while (w.queue->next_event()) {
  }
  const Instant start = w.hosts.now();
  w.queue->wait(1234567ns);
  CHECK(w.hosts.now() == start + 1234567ns);
  CHECK_FALSE(w.queue->next_event().has_value());
  sender.sockets().after(2ms, [&] { sender.send_to(bytes("x"), endpoint("10.77.0.2:7")); });
  w.queue->wait(1h);
  CHECK(w.hosts.now() == start + 1234567ns + 2ms);
  const auto event = w.queue->next_event();
  REQUIRE(event.has_value());
  CHECK(event->what == ThreadQueue::What::readable);
  w.queue->wait(1h);  // next_event() has not said that there is none
  CHECK(w.hosts.now() == start + 1234567ns + 2ms);
}

TEST_CASE("L3: a wait without limit in a world where nothing can happen returns") {
  auto engine = Engine::create(test::host_config(2));
  REQUIRE(engine.has_value());
  auto queue = *(*engine)->attach_thread();
  CHECK_FALSE(queue->next_event().has_value());
  const Instant start = (*engine)->now();
  queue->wait(-1ns);
  CHECK((*engine)->now() - start < 10min);  // what the stack itself has to do comes first, if anything
}

TEST_CASE("L5: a thread that drives the lcores itself polls the queue of its socket") {
  World w({.adjust_b = [](Config& config) { config.sysctl.busy_read = 50; }});
  const auto socket = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:9"));
  std::array<std::uint8_t, 16> into;
  Endpoint from;
  std::int64_t value = 0;
  CHECK(w.queue->get_option(socket, socket::Option::busy_poll, value) == 0);
  CHECK(value == 50);
  sender.send_to(bytes("neighbours"), endpoint("10.77.0.2:7"));
  w.hosts.run_for(1s);
  while (w.queue->next_event()) {
  }
  CHECK(w.queue->receive_from(socket, into, from) == 10);
  sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
  w.hosts.a->run_once();
  CHECK(w.queue->receive_from(socket, into, from) == 1);
  CHECK(w.hosts.b->stats().total("socket", "busy_polls") > 0);
  CHECK(w.queue->set_option(socket, socket::Option::busy_poll, 0) == 0);
  sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
  w.hosts.a->run_once();
  CHECK(w.queue->receive_from(socket, into, from) == -EAGAIN);
}
