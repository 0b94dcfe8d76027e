// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/thread_queue.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/queue_world.hpp"

#include <array>
#include <cerrno>
#include <climits>
#include <sys/socket.h>
#include <set>

using namespace millrace;
using socket::Option;
using test::bytes;
using test::endpoint;
using test::TwoEngines;
using Socket = ThreadQueue::Socket;
using What = ThreadQueue::What;
using World = test::QueueWorld;

TEST_CASE("L6, L7: a thread's sockets tell lcore, queue and time of what they read last") {
  World w({.lcores_b = 2, .there = {.delay = 3ms}});
  const Socket udp = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  const auto get = [&](Socket socket, Option option) {
    std::int64_t value = INT64_MIN;
    CHECK(w.queue->get_option(socket, option, value) == 0);
    return value;
  };
  CHECK(get(udp, Option::incoming_cpu) == -1);
  CHECK(w.queue->set_option(udp, Option::timestampns, 1) == 0);
  CHECK(get(udp, Option::timestampns) == 1);
  std::set<std::int64_t> lcores;
  for (std::uint16_t port = 1; port <= 16; ++port) {
    UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp({IpAddress::v4(10, 77, 0, 1), port});
    const Instant sent = w.hosts.now();
    sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
    w.hosts.run_for(1s);
    while (w.queue->next_event()) {
    }
    std::array<std::uint8_t, 16> datagram;
    Endpoint from;
    socket::Control control;
    REQUIRE(w.queue->receive_from(udp, datagram, from, control) == 1);
    // The first one waited for the answer to an ARP request.
    if (port > 1) CHECK(control.timestamp == sent + 3ms);
    lcores.insert(get(udp, Option::incoming_cpu));
    CHECK(get(udp, Option::incoming_napi_id) != 0);
  }
  CHECK(lcores == std::set<std::int64_t>{0, 1});

  const Socket stream = w.accepted();
  CHECK(get(stream, Option::incoming_cpu) == static_cast<std::int64_t>(stream >> 32));
  CHECK(get(stream, Option::incoming_napi_id) != 0);
  CHECK(w.queue->set_option(stream, Option::timestampns, 1) == 0);
  const Instant sent = w.hosts.now();
  w.client.stream->write(bytes("text"));
  w.expect(What::readable, stream);
  std::array<std::uint8_t, 16> part;
  socket::Control control;
  CHECK(w.queue->read(stream, part, control) == 4);
  CHECK(control.timestamp == sent + 3ms);
}

TEST_CASE("L7: a thread's socket is told the device's stamp as one of an lcore is") {
  World w({.there = {.delay = 3ms}, .adjust_b = [](Config& c) { c.ports[0].rx_timestamp = true; }});
  const Socket udp = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  CHECK(w.queue->set_option(udp, Option::timestamping, 1) == -EINVAL);
  CHECK(w.queue->set_option(udp, Option::timestamping, socket::timestamping::raw_hardware) == 0);
  std::int64_t value = 0;
  CHECK(w.queue->get_option(udp, Option::timestamping, value) == 0);
  CHECK(value == 64);
  UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:9"));
  std::array<std::uint8_t, 16> datagram;
  Endpoint from;
  socket::Control control;
  Instant sent{};
  for (int i = 0; i < 2; ++i) {  // the first one waits for the answer to an ARP request
    sent = w.hosts.now();
    sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
    w.hosts.run_for(1s);
    while (w.queue->next_event()) {
    }
    REQUIRE(w.queue->receive_from(udp, datagram, from, control) == 1);
  }
  CHECK(control.raw_hardware == static_cast<std::uint64_t>((sent + 3ms).time_since_epoch().count()));
  CHECK_FALSE(control.software.has_value());
}

TEST_CASE("options of a thread's sockets reach the lcores; the rest is refused") {
  World w({.lcores_b = 2});
  const Socket udp = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  std::int64_t value = -1;
  CHECK(w.queue->set_option(udp, Option::no_delay, 1) == -ENOPROTOOPT);
  CHECK(w.queue->set_option(udp, Option::incoming_cpu, 1) == -EOPNOTSUPP);
  CHECK(w.queue->set_option(udp, Option::broadcast, INT64_MAX) == -EINVAL);
  CHECK(w.queue->set_option(udp + 1, Option::broadcast, 1) == -EBADF);
  CHECK(w.queue->get_option(udp + 1, Option::broadcast, value) == -EBADF);
  CHECK(w.queue->get_option(udp, Option::no_delay, value) == -ENOPROTOOPT);
  CHECK(w.queue->get_option(udp, Option::broadcast, value) == 0);
  CHECK(value == 0);
  const auto sent = [&] {
    CHECK(w.queue->send_to(udp, bytes("x"), endpoint("10.77.0.255:9")) == 1);
    w.hosts.run_for(1s);
    return w.hosts.b->stats().total("udp", "OutDatagrams");
  };
  CHECK(sent() == 0);
  CHECK(w.queue->set_option(udp, Option::broadcast, 1) == 0);
  CHECK(w.queue->get_option(udp, Option::broadcast, value) == 0);
  CHECK(value == 1);
  CHECK(sent() == 1);
}

TEST_CASE("J10: SO_RCVBUF, SO_SNDBUF and FORCE of a thread's sockets") {
  World w({.lcores_b = 2});
  const Socket udp = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  const Socket stream = w.accepted();
  const auto get = [&](Socket socket, Option option) {
    std::int64_t value = INT64_MIN;
    CHECK(w.queue->get_option(socket, option, value) == 0);
    return value;
  };
  CHECK(get(udp, Option::rcvbuf) == 212992);
  CHECK(get(udp, Option::sndbuf) == 212992);
  CHECK(get(stream, Option::rcvbuf) == 131072);
  CHECK(get(stream, Option::sndbuf) == 16384);
  for (const Socket socket : {udp, stream}) {
    REQUIRE(w.hosts.b->set_sysctl("net.core.rmem_max", "4194304"));
    CHECK(w.queue->set_option(socket, Option::rcvbuf, 1 << 20) == 0);
    CHECK(get(socket, Option::rcvbuf) == 2097152);
    REQUIRE(w.hosts.b->set_sysctl("net.core.rmem_max", "212992"));
    CHECK(w.queue->set_option(socket, Option::rcvbuf, 1 << 20) == 0);
    CHECK(get(socket, Option::rcvbuf) == 425984);
    CHECK(w.queue->set_option(socket, Option::rcvbufforce, 1 << 20) == -EPERM);
    CHECK(w.queue->set_option(socket, Option::sndbuf, 1) == 0);
    CHECK(get(socket, Option::sndbuf) == 4608);
    CHECK(get(socket, Option::rcvbuf) == 425984);
  }
  REQUIRE(w.hosts.b->set_sysctl("socket.cap_net_admin", "1"));
  CHECK(w.queue->set_option(udp, Option::rcvbufforce, 1 << 20) == 0);
  CHECK(get(udp, Option::rcvbuf) == 2097152);
  std::int64_t value = 0;
  CHECK(w.queue->get_option(udp, Option::rcvbufforce, value) == -ENOPROTOOPT);
}

TEST_CASE("J10: SO_SNDBUF bounds what a thread's socket has under way, SO_RCVBUF what waits for it on the lcore") {
  World w;
  const Socket udp = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  CHECK(w.queue->set_option(udp, Option::sndbuf, 1) == 0);
  CHECK(w.queue->set_option(udp, Option::rcvbuf, 1) == 0);
  const std::string text = test::pattern(2000);
  int taken = 0;
  while (w.queue->send_to(udp, bytes(text), endpoint("10.77.0.1:9")) == 2000) ++taken;
  CHECK(taken == 3);  // 0, 2000 and 4000 bytes are below 4608
  w.expect(What::writable, udp);
  CHECK(w.queue->send_to(udp, bytes(text), endpoint("10.77.0.1:9")) == 2000);

  UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:8"));
  const std::string datagram = test::pattern(1000);
  for (int i = 0; i < 400; ++i) {
    sender.send_to(bytes(datagram), endpoint("10.77.0.2:7"));
    w.hosts.run_for(1ms);
  }
  // A window of 256 KiB under way to the thread, and of the rest one datagram.
  CHECK(w.hosts.b->stats().total("udp", "RcvbufErrors") == 400 - 263 - 1);
}

TEST_CASE("J9: a receive call waits for a datagram as long as it is told, to the millisecond; without time it does not") {
  World w({.there = {.delay = 100ms}});
  const Socket udp = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:9"));
  std::array<std::uint8_t, 4> part;
  Endpoint from;
  socket::Control control;
  const auto receive = [&](int flags, Duration timeout) {
    const Instant begin = w.hosts.now();
    const std::int64_t result = w.queue->receive_from(udp, part, from, control, flags, timeout);
    return std::pair(result, w.hosts.now() - begin);
  };
  CHECK(receive(0, 0ms) == std::pair(std::int64_t{-EAGAIN}, Duration(0ms)));
  CHECK(receive(MSG_DONTWAIT, 250ms) == std::pair(std::int64_t{-EAGAIN}, Duration(0ms)));
  CHECK(receive(MSG_OOB, 250ms) == std::pair(std::int64_t{-EINVAL}, Duration(0ms)));
  auto [result, waited] = receive(0, 250ms);
  CHECK(result == -EAGAIN);
  CHECK(waited >= 249ms);
  CHECK(waited <= 251ms);
  sender.send_to(bytes("first"), endpoint("10.77.0.2:7"));  // waits for the answer to an ARP request, 100 ms away
  w.hosts.run_for(1s);
  CHECK(receive(0, 250ms) == std::pair(std::int64_t{5}, Duration(0ms)));
  CHECK(control.truncated);
  for (const Duration timeout : {Duration(250ms), Duration(-1ms)}) {
    sender.send_to(bytes("next"), endpoint("10.77.0.2:7"));
    std::tie(result, waited) = receive(MSG_PEEK, timeout);
    CHECK(result == 4);
    CHECK(waited >= 99ms);
    CHECK(waited <= 101ms);
    CHECK_FALSE(control.truncated);
    part = {};
    CHECK(receive(0, timeout) == std::pair(std::int64_t{4}, Duration(0ms)));
    CHECK(std::string(part.begin(), part.end()) == "next");
    CHECK(from == endpoint("10.77.0.1:9"));
    CHECK(receive(MSG_PEEK | MSG_DONTWAIT, timeout).first == -EAGAIN);
  }
  while (w.queue->next_event()) {  // the waits took nothing from who waits for events
  }
  sender.send_to(bytes("more"), endpoint("10.77.0.2:7"));
  w.expect(What::readable, udp);
}
