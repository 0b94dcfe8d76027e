// SPDX-License-Identifier: BSD-3-Clause
// E16 through two whole hosts: UDP_SEGMENT sends a train of datagrams with one call, UDP_GRO receives it with one.
#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <array>
#include <cerrno>

using namespace millrace;
using namespace millrace::test;
using socket::Option;

namespace {

const Endpoint server = endpoint("10.77.0.2:7");

UdpSocket& bound(Engine& engine, const Endpoint& local) {
  auto socket = TwoEngines::sockets(engine).bind_udp(local);
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

struct Train {
  explicit Train(const std::function<void(Config&)>& adjust_a = {}) : hosts({.adjust_a = adjust_a}) {
    sender.send_to(bytes("x"), server);  // the neighbours get to know each other
    receive_all();
    received.clear();
  }
  struct Received {
    std::string text;
    std::uint16_t segment_size;
    bool operator==(const Received&) const = default;
  };
  void receive_all() {
    hosts.settle();
    hosts.run_for(std::chrono::milliseconds(2));
    std::array<std::uint8_t, 65536> buffer;
    Endpoint from;
    socket::Control control;
    for (std::int64_t n; (n = receiver.receive_from(buffer, from, control)) >= 0;)
      received.push_back({{buffer.begin(), buffer.begin() + n}, control.segment_size});
  }

  TwoEngines hosts;
  UdpSocket& sender = bound(*hosts.a, endpoint("10.77.0.1:5000"));
  UdpSocket& receiver = bound(*hosts.b, server);
  std::vector<Received> received;
};

}  // namespace

TEST_CASE("E16: UDP_GRO: 10 equal datagrams = 1 recv with their segment size; without the option 10 of them") {
  for (const bool gro : {true, false}) {
    Train train;
    if (gro) REQUIRE(train.receiver.set_option(Option::udp_gro, 1) == 0);
    REQUIRE(train.sender.set_option(Option::udp_segment, 1000) == 0);
    const std::string text = pattern(10'000);
    CHECK(train.sender.send_to(bytes(text), server) == 10'000);
    train.receive_all();
    if (gro) {
      CHECK(train.received == std::vector<Train::Received>{{text, 1000}});
    } else {
      REQUIRE(train.received.size() == 10);
      for (std::size_t i = 0; i < 10; ++i) CHECK(train.received[i] == Train::Received{text.substr(i * 1000, 1000), 0});
    }
    CHECK(train.hosts.a->stats().total("gso", "packets") == 1);
    CHECK(train.hosts.a->stats().total("gso", "software") == 1);
    CHECK(train.hosts.a->stats().total("gso", "segments") == 10);
    CHECK(train.hosts.a->stats().total("udp", "OutDatagrams") == 2);  // sends, as in Linux
    CHECK(train.hosts.b->stats().total("gro", "merged") == (gro ? 9 : 0));
  }
}

TEST_CASE("E16: a socket without UDP_GRO that shares its port with one that has it gets single datagrams") {
  Train train;
  UdpSocket& other = bound(*train.hosts.b, endpoint("10.77.0.2:8"));
  REQUIRE(other.set_option(Option::udp_gro, 1) == 0);
  REQUIRE(train.receiver.set_option(Option::udp_gro, 1) == 0);
  REQUIRE(train.sender.set_option(Option::udp_segment, 100) == 0);
  // It withdraws while its train is on the way and may already be held.
  CHECK(train.sender.send_to(bytes(pattern(1000)), server) == 1000);
  REQUIRE(train.receiver.set_option(Option::udp_gro, 0) == 0);
  train.receive_all();
  REQUIRE(train.received.size() == 10);
  for (const auto& one : train.received) CHECK(one.segment_size == 0);
}

TEST_CASE("E16: a short last datagram ends the train; UDP_SEGMENT as long as the data or longer is one datagram") {
  Train train;
  REQUIRE(train.receiver.set_option(Option::udp_gro, 1) == 0);
  REQUIRE(train.sender.set_option(Option::udp_segment, 1000) == 0);
  const std::string text = pattern(2500);
  CHECK(train.sender.send_to(bytes(text), server) == 2500);
  CHECK(train.sender.send_to(bytes(text).first(1000), server) == 1000);
  train.receive_all();
  CHECK(train.received == std::vector<Train::Received>{{text, 1000}, {text.substr(0, 1000), 0}});
}

TEST_CASE("E16: UDP_SEGMENT refuses as Linux: more than 128 datagrams EINVAL, datagrams beyond the MTU EMSGSIZE") {
  Train train;
  const std::string text = pattern(12'801);
  REQUIRE(train.sender.set_option(Option::udp_segment, 100) == 0);
  CHECK(train.sender.send_to(bytes(text), server) == -EINVAL);
  CHECK(train.sender.send_to(bytes(text).first(12'800), server) == 12'800);
  train.receive_all();
  train.received.clear();  // as many as SO_RCVBUF holds
  REQUIRE(train.sender.set_option(Option::udp_segment, 1473) == 0);  // 1472 fit into 1500
  CHECK(train.sender.send_to(bytes(text), server) == -EMSGSIZE);
  CHECK(train.sender.send_to(bytes(text).first(1472), server) == 1472);
  REQUIRE(train.sender.set_option(Option::udp_segment, 1472) == 0);
  CHECK(train.sender.send_to(bytes(text), server) == 12'801);
  REQUIRE(train.sender.set_option(Option::udp_segment, 0) == 0);
  REQUIRE(train.sender.set_option(Option::mtu_discover, 2) == 0);
  CHECK(train.sender.send_to(bytes(text).first(2000), server) == -EMSGSIZE);
  CHECK(train.sender.set_option(Option::udp_segment, 65536) == -EINVAL);
  CHECK(train.sender.set_option(Option::udp_segment, -1) == -EINVAL);
  std::int64_t value = -1;
  CHECK(train.sender.get_option(Option::udp_segment, value) == 0);
  CHECK(value == 0);
  train.receive_all();
  CHECK(train.received.size() == 1 + 9);
}
