// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/thread_queue.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/queue_world.hpp"

#include <array>
#include <cerrno>
#include <map>
#include <unistd.h>

using namespace millrace;
using test::bytes;
using test::Conversation;
using test::endpoint;
using test::pattern;
using test::QueueWorld;
using test::readable;
using test::server;
using test::TwoEngines;
using Socket = ThreadQueue::Socket;
using What = ThreadQueue::What;

namespace {

using World = QueueWorld;

/// Echoes for every socket of a queue, as a thread would in its loop.
struct Echo {
  void step(ThreadQueue& queue) {
    while (const auto event = queue.next_event()) {
      if (event->what == What::accepted) continue;
      if (event->what == What::closed) {
        CHECK(event->error == 0);
        queue.close(event->socket);
        pending.erase(event->socket);
        continue;
      }
      serve(queue, event->socket);
    }
  }
  void serve(ThreadQueue& queue, Socket socket) {
    std::string& text = pending[socket];
    for (;;) {
      while (!text.empty()) {
        const std::int64_t n = queue.write(socket, bytes(text));
        if (n < 0) return;
        text.erase(0, static_cast<std::size_t>(n));
      }
      std::array<std::uint8_t, 8192> part;
      const std::int64_t n = queue.read(socket, part);
      if (n == 0) queue.shutdown_write(socket);
      if (n <= 0) return;
      text.assign(part.begin(), part.begin() + n);
    }
  }
  std::map<Socket, std::string> pending;
};

}  // namespace

TEST_CASE("1 MiB each way on every connection, through two lcores, over both versions") {
  World w({.lcores_a = 2, .lcores_b = 2});
  REQUIRE(w.queue->listen(endpoint("0.0.0.0:80")));
  REQUIRE(w.queue->listen(endpoint("[::]:80")));
  const std::string text = pattern(1 << 20);
  std::vector<std::unique_ptr<Conversation>> clients;
  for (std::uint16_t i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Conversation>());
    Stream& stream = **TwoEngines::sockets(*w.hosts.a, i % 2).connect(i < 2 ? server : endpoint("[fd00:77::2]:80"));
    clients.back()->join(stream);
    stream.on_writable([&text, sent = std::size_t{0}](Stream& s) mutable {
      while (sent < text.size()) {
        const std::int64_t n = s.write(bytes(std::string_view(text).substr(sent)));
        if (n < 0) return;
        sent += static_cast<std::size_t>(n);
      }
      s.shutdown_write();
    });
    CHECK(stream.write(bytes("x")) == -EAGAIN);  // on_writable follows
  }
  Echo echo;
  REQUIRE(w.hosts.run_until([&] {
    echo.step(*w.queue);
    return std::all_of(clients.begin(), clients.end(), [](auto& client) { return client->closed == 0; });
  }));
  for (auto& client : clients) CHECK((client->received == text));
  w.hosts.check_pools();
}

TEST_CASE("connect: connected, bytes, the end of both sides, closed") {
  World w({.lcores_b = 2});
  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(*w.hosts.a, endpoint("0.0.0.0:80"), accepted);
  for (int i = 0; i < 3; ++i) {  // both lcores get one
    const Socket socket = *w.queue->connect(endpoint("10.77.0.1:80"));
    CHECK(w.queue->write(socket, bytes("early ")) == 6);
    w.expect(What::connected, socket);
    CHECK(w.queue->write(socket, bytes("and late")) == 8);
    CHECK(w.queue->shutdown_write(socket) == 0);
    CHECK(w.queue->write(socket, bytes("too late")) == -EPIPE);
    REQUIRE(w.hosts.run_until([&] { return accepted.back()->ended; }));
    CHECK(accepted.back()->received == "early and late");
    accepted.back()->stream->write(bytes("answer"));
    accepted.back()->stream->close();
    w.expect(What::readable, socket);
    CHECK(w.read(socket) == "answer");
    w.hosts.settle();
    ThreadQueue::Event e = w.event();
    if (e.what == What::readable) e = w.event();
    CHECK(e.what == What::closed);
    CHECK(e.error == 0);
    std::array<std::uint8_t, 8> part;
    CHECK(w.queue->read(socket, part) == 0);
    CHECK(w.queue->close(socket) == 0);
    CHECK(w.queue->close(socket) == -EBADF);
  }
  w.hosts.check_pools();
}

TEST_CASE("a refused connect and one without a route are told as closed") {
  World w;
  const Socket refused = *w.queue->connect(endpoint("10.77.0.1:81"));
  auto e = w.event();
  CHECK(e.what == What::closed);
  CHECK(e.socket == refused);
  CHECK(e.error == ECONNREFUSED);
  std::array<std::uint8_t, 8> part;
  CHECK(w.queue->read(refused, part) == -ECONNREFUSED);
  CHECK(w.queue->write(refused, part) == -ECONNREFUSED);
  const Socket lost = *w.queue->connect(endpoint("192.0.2.1:80"));
  e = w.event();
  CHECK(e.socket == lost);
  CHECK(e.error == ENETUNREACH);
  CHECK_FALSE(w.queue->next_event().has_value());
}

TEST_CASE("a reset is not taken for the end of the stream; what came before it can be read") {
  World w;
  const Socket socket = w.accepted();
  w.client.stream->write(bytes("half a sent"));
  w.hosts.run_for(1s);
  w.client.stream->abort();
  w.hosts.run_for(1s);
  w.expect(What::readable, socket);
  w.expect(What::closed, socket);
  CHECK(w.read(socket) == "half a sent");
  std::array<std::uint8_t, 8> part;
  CHECK(w.queue->read(socket, part) == -ECONNRESET);
  CHECK(w.queue->write(socket, part) == -ECONNRESET);
}

TEST_CASE("what a stream held when it ended comes through a full window, whole") {
  World w;
  const Socket socket = w.accepted();
  const std::string text = pattern(256 * 1024 + 40000);
  std::size_t sent = 0;
  const auto send = [&](Stream& s) {
    while (sent < text.size()) {
      const std::int64_t n = s.write(bytes(std::string_view(text).substr(sent)));
      if (n < 0) return;
      sent += static_cast<std::size_t>(n);
    }
    s.shutdown_write();
  };
  w.client.stream->on_writable(send);
  send(*w.client.stream);
  w.queue->shutdown_write(socket);
  w.hosts.run_for(5s);
  CHECK(sent == text.size());
  CHECK(w.client.closed == 0);  // both sides are closed; more than the window is still on b's lcore
  std::string got;
  for (int i = 0; i < 5; ++i) {
    while (const auto event = w.queue->next_event()) CHECK((event->what != What::closed || event->error == 0));
    got += w.read(socket);
    w.hosts.run_for(1s);
  }
  CHECK((got == text));
  std::array<std::uint8_t, 8> part;
  CHECK(w.queue->read(socket, part) == 0);
  w.queue->close(socket);
  w.hosts.check_pools();
}

TEST_CASE("a thread that does not read stops the peer; then it reads everything") {
  World w;
  const Socket socket = w.accepted();
  const std::string text = pattern(16 << 20);
  std::size_t sent = 0;
  const auto send = [&](Stream& s) {
    while (sent < text.size()) {
      const std::int64_t n = s.write(bytes(std::string_view(text).substr(sent)));
      if (n < 0) return;
      sent += static_cast<std::size_t>(n);
    }
    s.shutdown_write();
  };
  w.client.stream->on_writable(send);
  send(*w.client.stream);
  w.hosts.run_for(20s);
  while (w.queue->next_event()) {  // taken, but not acted upon
  }
  CHECK(sent < text.size());
  std::string got;
  REQUIRE(w.hosts.run_until(
      [&] {
        got += w.read(socket);
        while (w.queue->next_event()) {
        }
        return got.size() == text.size();
      },
      600s));
  CHECK((got == text));
  w.hosts.run_for(1s);
  std::array<std::uint8_t, 8> part;
  CHECK(w.queue->read(socket, part) == 0);
}

TEST_CASE("a peer that does not read stops the thread: EAGAIN, then writable") {
  World w;
  const Socket socket = w.accepted();
  w.client.stream->on_readable(nullptr);
  const std::string text = pattern(12 << 20);
  std::size_t sent = 0;
  const auto send = [&] {
    while (sent < text.size()) {
      const std::int64_t n = w.queue->write(socket, bytes(std::string_view(text).substr(sent)));
      if (n < 0) {
        CHECK(n == -EAGAIN);
        return;
      }
      sent += static_cast<std::size_t>(n);
    }
  };
  for (int i = 0; i < 200; ++i) {
    send();
    w.hosts.run_for(100ms);
    while (const auto event = w.queue->next_event()) CHECK(event->what == What::writable);
  }
  send();
  CHECK(sent < text.size());
  w.client.stream->on_readable([&](Stream&) { w.client.read_all(); });
  REQUIRE(w.hosts.run_until(
      [&] {
        while (const auto event = w.queue->next_event())
          if (event->what == What::writable) send();
        return w.client.received.size() == text.size();
      },
      600s));
  CHECK((w.client.received == text));
}

TEST_CASE("many writers that find the pool or the ring empty are all told when there is room") {
  World w({.lcores_b = 2});
  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(*w.hosts.a, endpoint("0.0.0.0:80"), accepted);
  std::map<Socket, std::size_t> sent;
  for (int i = 0; i < 20; ++i) sent[*w.queue->connect(endpoint("10.77.0.1:80"))] = 0;
  constexpr std::size_t each = 40000;
  const std::string text(each, 'x');
  const auto send = [&](Socket socket) {
    std::size_t& at = sent[socket];
    while (at < each) {
      // In small pieces, which take a buffer and a place in the ring each.
      const std::int64_t n =
          w.queue->write(socket, bytes(std::string_view(text).substr(at, std::min<std::size_t>(100, each - at))));
      if (n < 0) return;
      at += static_cast<std::size_t>(n);
    }
    w.queue->shutdown_write(socket);
  };
  for (auto& [socket, at] : sent) send(socket);
  REQUIRE(w.hosts.run_until([&] {
    while (const auto event = w.queue->next_event())
      if (event->what == What::writable) send(event->socket);
    return std::all_of(accepted.begin(), accepted.end(), [](auto& c) { return c->ended; }) && accepted.size() == 20;
  }));
  for (auto& conversation : accepted) CHECK(conversation->received.size() == each);
}

TEST_CASE("close with unread data is a reset, wherever the data is; without it a FIN") {
  World w;
  const Socket socket = w.accepted();
  SECTION("in the thread") {
    w.client.stream->write(bytes("unread"));
    w.expect(What::readable, socket);
    w.queue->close(socket);
    REQUIRE(w.hosts.run_until([&] { return w.client.closed == ECONNRESET; }));
  }
  SECTION("partly read") {
    w.client.stream->write(bytes("unread"));
    w.expect(What::readable, socket);
    CHECK(w.read(socket, 3) == "unr");
    w.queue->close(socket);
    REQUIRE(w.hosts.run_until([&] { return w.client.closed == ECONNRESET; }));
  }
  SECTION("in the ring") {
    w.client.stream->write(bytes("unread"));
    w.hosts.run_for(1s);
    w.queue->close(socket);
    CHECK_FALSE(w.queue->next_event().has_value());  // its events went with it
    REQUIRE(w.hosts.run_until([&] { return w.client.closed == ECONNRESET; }));
  }
  SECTION("all read, and an answer that is still sent") {
    w.client.stream->write(bytes("all read"));
    w.expect(What::readable, socket);
    CHECK(w.read(socket) == "all read");
    CHECK(w.queue->write(socket, bytes("answer")) == 6);
    w.queue->close(socket);
    REQUIRE(w.hosts.run_until([&] { return w.client.ended; }));
    CHECK(w.client.received == "answer");
    w.client.stream->close();
  }
  SECTION("coming after the close, while the answer waits for room") {
    w.client.stream->on_readable(nullptr);
    const std::string text = pattern(256 * 1024);
    for (int i = 0; i < 100; ++i) {  // the peer's window, the send buffer, to_write
      w.queue->write(socket, bytes(text));
      w.hosts.run_for(100ms);
    }
    w.queue->close(socket);
    w.hosts.run_for(1s);
    CHECK(w.client.closed == -1);
    w.client.stream->write(bytes("nobody is there"));
    REQUIRE(w.hosts.run_until([&] { return w.client.closed == ECONNRESET; }));
  }
  w.hosts.check_pools();
}

TEST_CASE("UDP: every lcore's datagrams come to one socket, which answers from it; the longest, too") {
  World w({.lcores_b = 4});
  const Socket socket = *w.queue->bind_udp(endpoint("0.0.0.0:7"));
  CHECK(w.queue->bind_udp(endpoint("0.0.0.0:7")).error().code == EADDRINUSE);
  std::vector<std::string> answers(32);
  for (std::uint16_t i = 0; i < 32; ++i) {
    UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:" + std::to_string(1000 + i)));
    sender.on_readable([&answers, i](UdpSocket& s) {
      std::array<std::uint8_t, 2048> datagram;
      Endpoint from;
      for (std::int64_t n; (n = s.receive_from(datagram, from)) >= 0;)
        answers[i].append(datagram.begin(), datagram.begin() + n);
    });
    sender.send_to(bytes(pattern(i == 0 ? 0 : i == 1 ? 1472 : 100, i)), endpoint("10.77.0.2:7"));
  }
  std::size_t got = 0;
  std::array<std::uint8_t, 2048> datagram;
  Endpoint from;
  REQUIRE(w.hosts.run_until([&] {
    while (const auto event = w.queue->next_event()) CHECK(event->what == What::readable);
    for (std::int64_t n; (n = w.queue->receive_from(socket, datagram, from)) >= 0; ++got)
      CHECK(w.queue->send_to(socket, {datagram.data(), static_cast<std::size_t>(n)}, from) == n);
    return got == 32;
  }));
  w.hosts.run_for(1s);
  for (std::uint16_t i = 1; i < 32; ++i) CHECK((answers[i] == pattern(i == 1 ? 1472 : 100, i)));
  CHECK(w.queue->receive_from(socket, datagram, from) == -EAGAIN);
  CHECK(w.queue->send_to(socket, std::vector<std::uint8_t>(ThreadQueue::max_datagram + 1), from) == -EMSGSIZE);
  CHECK(w.queue->read(socket, datagram) == -EOPNOTSUPP);
  CHECK(w.queue->write(socket, datagram) == -EOPNOTSUPP);
  CHECK(w.queue->shutdown_write(socket) == -EOPNOTSUPP);
  CHECK(w.queue->close(socket) == 0);
  CHECK(w.queue->receive_from(socket, datagram, from) == -EBADF);
  w.hosts.settle();
  CHECK(w.queue->bind_udp(endpoint("0.0.0.0:7")).has_value());
}

TEST_CASE("UDP: a thread that does not read loses datagrams in the socket's buffer, and goes on after") {
  World w;
  const Socket socket = *w.queue->bind_udp(endpoint("0.0.0.0:7"));
  UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:8"));
  const std::string text = pattern(1000);
  for (int i = 0; i < 1000; ++i) {
    sender.send_to(bytes(text), endpoint("10.77.0.2:7"));
    if (i % 50 == 0) w.hosts.run_for(1ms);
  }
  w.hosts.run_for(1ms);
  std::array<std::uint8_t, 2048> datagram;
  Endpoint from;
  int got = 0;
  for (int i = 0; i < 10; ++i) {
    while (w.queue->next_event()) {
    }
    for (; w.queue->receive_from(socket, datagram, from) == 1000; ++got) {
    }
    w.hosts.run_for(1ms);
  }
  const auto dropped = w.hosts.b->stats().total("drop", "udp_rcvbuf_full");
  CHECK(dropped > 0);
  CHECK(static_cast<std::uint64_t>(got) + dropped == 1000);
  CHECK(got > 262);  // a window of 256 KiB, and the receive buffer behind it
  sender.send_to(bytes("again"), endpoint("10.77.0.2:7"));
  w.expect(What::readable, socket);
  CHECK(w.queue->receive_from(socket, datagram, from) == 5);
}

TEST_CASE("the calls of TCP sockets are not those of UDP, and nobody's socket is EBADF") {
  World w;
  const Socket socket = w.accepted();
  std::array<std::uint8_t, 8> part{};
  Endpoint from;
  CHECK(w.queue->receive_from(socket, part, from) == -EOPNOTSUPP);
  CHECK(w.queue->send_to(socket, part, server) == -EOPNOTSUPP);
  CHECK(w.queue->read(77, part) == -EBADF);
  CHECK(w.queue->write(77, part) == -EBADF);
  CHECK(w.queue->receive_from(77, part, from) == -EBADF);
  CHECK(w.queue->send_to(77, part, server) == -EBADF);
  CHECK(w.queue->shutdown_write(77) == -EBADF);
  CHECK(w.queue->close(77) == -EBADF);
  CHECK(w.queue->read(socket, {}) == 0);
  CHECK(w.queue->write(socket, {}) == 0);
}

TEST_CASE("the eventfd is readable only after next_event() has said that there is none") {
  World w;
  const Socket socket = w.accepted();
  w.client.stream->write(bytes("one"));
  w.hosts.run_for(1s);
  CHECK_FALSE(readable(*w.queue));  // it has not been asked since the last event
  w.expect(What::readable, socket);
  CHECK_FALSE(w.queue->next_event().has_value());
  CHECK_FALSE(readable(*w.queue));
  w.client.stream->write(bytes("two"));
  w.hosts.run_for(1s);
  CHECK(readable(*w.queue));
  w.queue->wait(1h);  // returns at once
  w.expect(What::readable, socket);
  CHECK_FALSE(readable(*w.queue));
  CHECK(w.read(socket) == "onetwo");
  w.queue->wait(1h);  // not asked again: there may be more, so no waiting
}

TEST_CASE("several arrivals before a look are one event") {
  World w;
  const Socket socket = w.accepted();
  for (int i = 0; i < 5; ++i) {
    w.client.stream->write(bytes("x"));
    w.hosts.run_for(1s);
  }
  w.expect(What::readable, socket);
  CHECK_FALSE(w.queue->next_event().has_value());
  CHECK(w.read(socket) == "xxxxx");
}

TEST_CASE("a queue may end with sockets of every kind and bytes everywhere") {
  World w({.lcores_a = 2, .lcores_b = 2});
  const Socket socket = w.accepted();
  (void)w.queue->bind_udp(endpoint("0.0.0.0:7"));
  (void)w.queue->connect(endpoint("10.77.0.1:80"));
  (void)w.queue->connect(endpoint("10.77.0.99:80"));
  UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp(endpoint("10.77.0.1:8"));
  w.client.stream->write(bytes(pattern(100000)));
  w.queue->write(socket, bytes(pattern(100000)));
  SECTION("at once") {}
  SECTION("after a pass") {
    sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
    w.hosts.b->run_once();
    w.hosts.a->run_once();
    w.hosts.b->run_once();
  }
  SECTION("after everything") {
    sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
    w.hosts.run_for(1s);
    w.queue->write(socket, bytes(pattern(400000)));
    (void)w.queue->next_event();
  }
  w.queue.reset();
  w.hosts.run_for(1s);
  CHECK((w.client.closed == ECONNRESET || w.client.ended));
  if (w.client.stream != nullptr) w.client.stream->close();
  w.hosts.check_pools();
}

TEST_CASE("more closes than the ring holds: none is lost") {
  World w;
  REQUIRE(w.queue->listen(server));
  std::vector<Socket> sockets;
  int ended = 0;
  for (int i = 0; i < 1500; ++i) {
    Stream& stream = **TwoEngines::sockets(*w.hosts.a).connect(server);
    stream.on_readable([&](Stream& s) {
      ++ended;
      s.close();
    });
    if (i % 100 == 99) w.hosts.run_for(10ms);
  }
  REQUIRE(w.hosts.run_until([&] {
    while (const auto event = w.queue->next_event()) sockets.push_back(event->socket);
    return sockets.size() == 1500;
  }));
  for (const Socket socket : sockets) CHECK(w.queue->close(socket) == 0);
  REQUIRE(w.hosts.run_until([&] {
    (void)w.queue->next_event();
    return ended == 1500;
  }));
  w.hosts.check_pools();
}

TEST_CASE("L1: news for a thread that is awake cost no eventfd write, for one that waits exactly one") {
  World w({.lcores_b = 2});
  const Socket socket = *w.queue->bind_udp(endpoint("10.77.0.2:7"));
  const auto count = [&](const char* name) { return w.hosts.b->stats().total("socket", name); };
  const auto send = [&](std::uint16_t port) {
    UdpSocket& sender = **TwoEngines::sockets(*w.hosts.a).bind_udp({IpAddress::v4(10, 77, 0, 1), port});
    sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
    w.hosts.run_for(1s);
  };
  for (std::uint16_t port = 1; port <= 10; ++port) send(port);  // next_event() has not said "none": nobody waits
  CHECK(count("data_ready") == 10);
  CHECK(count("wakeups") == 0);
  CHECK(count("wakeups_skipped") == 10);
  CHECK_FALSE(readable(*w.queue));
  while (w.queue->next_event()) {
  }
  for (std::uint16_t port = 11; port <= 30; ++port) send(port);  // over both lcores
  CHECK(count("data_ready") == 30);
  CHECK(count("wakeups") == 1);
  std::uint64_t written = 0;
  REQUIRE(::read(w.queue->fd(), &written, sizeof written) == sizeof written);
  CHECK(written == 1);
  while (w.queue->next_event()) {
  }
  w.queue->close(socket);  // J11
  for (std::uint16_t port = 31; port <= 35; ++port) send(port);
  CHECK(count("data_ready") == 30);
  CHECK_FALSE(readable(*w.queue));
}
