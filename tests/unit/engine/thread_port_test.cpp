// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/thread_port.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/two_engines.hpp"

#include <millrace/stack/socket/stack.hpp>
#include <millrace/steer/flow_table.hpp>

#include <cerrno>
#include <optional>
#include <set>

using namespace millrace;
using test::endpoint;
using Kind = ThreadMessage::Kind;

namespace {

struct Wire final : neighbor::LinkOutput {
  void transmit(pkt::Packet frame) override {
    ++frames;
    pkt::consume(std::move(frame));
  }
  int frames = 0;
};

/// A port over the stack of one lcore whose link leads nowhere; the test is the thread at the rings' other ends.
struct World {
  World() {
    neighbor::Interface interface;
    interface.ifindex = 1;
    interface.addresses = {*IpPrefix::parse("10.77.0.2/24")};
    interface.output = &wire;
    const auto added = stack.add_interface(std::move(interface));
    REQUIRE(added.has_value());
  }
  ~World() {
    port.close_all();
    stack.shut_down();
  }
  bool run() {
    const bool worked = port.run();
    stack.flush();
    return worked;
  }
  std::optional<ThreadMessage> told() {
    ThreadMessage message;
    if (port.to_thread.dequeue(&message, 1) == 0) return std::nullopt;
    return message;
  }
  pkt::Mbuf* data(std::string_view text) { return lcore.pool.packet(test::bytes(text)).release(); }

  test::LcoreEnv lcore;
  Wire wire;
  steer::FlowTable flows{64, 1};
  socket::Stack stack{lcore.env, flows, {}};
  runtime::Waker lcore_waker, thread_waker;
  ThreadPort port{lcore.env, stack.sockets(), lcore_waker, thread_waker};
};

}  // namespace

TEST_CASE("without messages and news there is nothing to do") {
  World w;
  CHECK_FALSE(w.run());
  CHECK_FALSE(w.port.has_work());
  w.port.to_lcore.enqueue({.kind = Kind::connect, .socket = 1, .endpoint = endpoint("10.77.0.1:80")});
  CHECK(w.port.has_work());
  CHECK(w.run());
  CHECK_FALSE(w.port.has_work());
  CHECK_FALSE(w.run());
  CHECK_FALSE(w.told().has_value());  // the SYN has not been answered
}

TEST_CASE("a connect that cannot be is told as closed, with its errno") {
  World w;
  w.port.to_lcore.enqueue({.kind = Kind::connect, .socket = 1, .endpoint = endpoint("192.0.2.1:80")});
  w.thread_waker.announce();
  w.run();
  const auto message = w.told();
  REQUIRE(message.has_value());
  CHECK(message->kind == Kind::closed);
  CHECK(message->socket == 1);
  CHECK(message->value == ENETUNREACH);
  CHECK(w.thread_waker.sleep(1s));  // it was woken
  // What is still written to it gives its window and its buffer back.
  w.port.to_lcore.enqueue({.kind = Kind::data, .socket = 1, .packet = w.data("late")});
  w.run();
  const auto credit = w.told();
  REQUIRE(credit.has_value());
  CHECK(credit->kind == Kind::credit);
  CHECK(credit->value == 4);
  CHECK(w.lcore.stats.drop[stats::DropReason::tcp_aborted] == 1);
}

TEST_CASE("messages for a socket that is gone end with a reason, and the thread hears that there is room") {
  World w;
  w.port.to_lcore.enqueue({.kind = Kind::data, .socket = 5, .packet = w.data("lost")});
  w.port.to_lcore.enqueue({.kind = Kind::credit, .socket = 5, .value = 10});
  w.port.to_lcore.enqueue({.kind = Kind::close, .socket = 5});
  w.run();
  CHECK(w.lcore.stats.drop[stats::DropReason::tcp_aborted] == 1);
  const auto message = w.told();
  REQUIRE(message.has_value());
  CHECK(message->kind == Kind::credit);
  CHECK(message->socket == ThreadPort::no_socket);
  CHECK_FALSE(w.told().has_value());
}

TEST_CASE("a full ring to the thread loses nothing: what did not fit follows") {
  World w;
  constexpr std::uint32_t sockets = ThreadPort::ring_size + 100;
  for (std::uint32_t sent = 0; sent < sockets;) {
    while (sent < sockets &&
           w.port.to_lcore.enqueue({.kind = Kind::connect, .socket = sent, .endpoint = endpoint("192.0.2.1:80")}))
      ++sent;
    w.run();
  }
  while (w.port.has_work()) w.run();
  std::set<std::uint32_t> closed;
  for (int pass = 0; pass < 3; ++pass) {
    while (const auto message = w.told()) CHECK(closed.insert(message->socket).second);
    w.run();
  }
  CHECK(closed.size() == sockets);
}

TEST_CASE("announce_room is answered after the messages before it are taken") {
  World w;
  w.port.announce_room();
  CHECK(w.run());
  const auto message = w.told();
  REQUIRE(message.has_value());
  CHECK(message->socket == ThreadPort::no_socket);
  CHECK_FALSE(w.run());
}

TEST_CASE("a datagram goes out and its window comes back; unread messages end with the port") {
  World w;
  REQUIRE(w.port.bind_udp(3, endpoint("10.77.0.2:7")));
  CHECK(w.port.bind_udp(4, endpoint("10.77.0.2:7")).error().code == EADDRINUSE);
  w.port.to_lcore.enqueue(
      {.kind = Kind::datagram, .socket = 3, .packet = w.data("datagram"), .endpoint = endpoint("10.77.0.1:7")});
  w.run();
  CHECK(w.wire.frames == 1);  // ARP for it
  const auto credit = w.told();
  REQUIRE(credit.has_value());
  CHECK(credit->value == 8);
  w.port.to_lcore.enqueue(
      {.kind = Kind::datagram, .socket = 3, .packet = w.data("never taken"), .endpoint = endpoint("10.77.0.1:7")});
  w.port.to_lcore.enqueue({.kind = Kind::data, .socket = 9, .packet = w.data("never taken")});
  w.port.close(3);
  CHECK(w.port.bind_udp(4, endpoint("10.77.0.2:7")).has_value());
}

TEST_CASE("listening stops where it began, and at the end") {
  World w;
  REQUIRE(w.port.listen(endpoint("0.0.0.0:80"), 1));
  REQUIRE(w.port.listen(endpoint("0.0.0.0:81"), 1));
  CHECK(w.port.listen(endpoint("0.0.0.0:80"), 1).error().code == EADDRINUSE);
  w.port.stop_listening(endpoint("0.0.0.0:99"));
  w.port.stop_listening(endpoint("0.0.0.0:80"));
  CHECK(w.flows.size() == 1);
  w.port.close_all();
  CHECK(w.flows.size() == 0);
}
