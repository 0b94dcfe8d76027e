// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/packet.hpp>
#include <millrace/stack/socket/udp_socket.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <array>
#include <cerrno>
#include <sys/socket.h>
#include <set>

using namespace millrace;
using test::bytes;
using test::endpoint;
using test::TwoEngines;

namespace {

const Endpoint server = endpoint("10.77.0.2:7");

void echo(UdpSocket& socket) {
  std::array<std::uint8_t, 2048> datagram;
  Endpoint from;
  for (std::int64_t n; (n = socket.receive_from(datagram, from)) >= 0;)
    socket.send_to({datagram.data(), static_cast<std::size_t>(n)}, from);
}

UdpSocket& bound(Engine& engine, const Endpoint& local, std::uint16_t lcore = 0) {
  auto socket = TwoEngines::sockets(engine, lcore).bind_udp(local);
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

/// A socket that keeps what it gets.
struct Client {
  Client(Engine& engine, const Endpoint& local, std::uint16_t lcore = 0) : socket(bound(engine, local, lcore)) {
    socket.on_readable([this](UdpSocket& s) {
      std::array<std::uint8_t, 2048> datagram;
      for (std::int64_t n; (n = s.receive_from(datagram, from)) >= 0;)
        received.emplace_back(datagram.begin(), datagram.begin() + n);
    });
    socket.on_error([this](UdpSocket&, int e) { error = e; });
  }
  UdpSocket& socket;
  std::vector<std::string> received;
  Endpoint from;
  int error = 0;
};

}  // namespace

TEST_CASE("datagrams are echoed over both versions, the empty one too") {
  TwoEngines world;
  bound(*world.b, endpoint("0.0.0.0:7")).on_readable(echo);
  bound(*world.b, endpoint("[::]:7")).on_readable(echo);
  for (const char* text : {"10.77.0.2:7", "[fd00:77::2]:7"}) {
    const Endpoint to = endpoint(text);
    Client client(*world.a, {to.address.is_v4() ? IpAddress::v4(0, 0, 0, 0) : IpAddress{}, 0});
    CHECK(client.socket.local().port != 0);
    CHECK(client.socket.send_to(bytes("one"), to) == 3);
    CHECK(client.socket.send_to({}, to) == 0);
    CHECK(client.socket.send_to(bytes("three"), to) == 5);
    world.run_for(1s);
    CHECK(client.received == std::vector<std::string>{"one", "", "three"});
    CHECK(client.from == to);
    client.socket.close();
  }
  world.check_pools();
}

TEST_CASE("what cannot be is refused") {
  TwoEngines world;
  Sockets& sockets = TwoEngines::sockets(*world.b);
  bound(*world.b, server);
  const auto error_of = [&](const char* local) {
    const auto refused = sockets.bind_udp(endpoint(local));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().message.find(local) != std::string::npos);
    return refused.error().code;
  };
  CHECK(error_of("10.77.0.2:7") == EADDRINUSE);
  CHECK(error_of("0.0.0.0:7") == EADDRINUSE);
  CHECK(error_of("10.77.0.3:7") == EADDRNOTAVAIL);
  UdpSocket& socket = bound(*world.b, endpoint("0.0.0.0:0"));
  CHECK(socket.send_to(bytes("x"), endpoint("192.0.2.1:7")) == -ENETUNREACH);
  CHECK(socket.send_to(std::vector<std::uint8_t>(65508), endpoint("10.77.0.1:7")) == -EMSGSIZE);
  CHECK(socket.connect(endpoint("192.0.2.1:7")) == -ENETUNREACH);
  int more = 0;
  while (sockets.bind_udp(endpoint("0.0.0.0:0"))) ++more;
  CHECK(more == 1022);
  CHECK(sockets.bind_udp(endpoint("0.0.0.0:0")).error().code == ENOBUFS);
  socket.close();
  CHECK(sockets.bind_udp(endpoint("0.0.0.0:0")).has_value());
}

TEST_CASE("a datagram longer than the reader's space is cut, its length told; receive_packet gives it whole") {
  TwoEngines world;
  UdpSocket& receiver = bound(*world.b, server);
  const std::string text = test::pattern(1400);
  Client client(*world.a, endpoint("10.77.0.1:9"));
  client.socket.send_to(bytes(text), server);
  client.socket.send_to(bytes(text), server);
  world.run_for(1s);
  std::array<std::uint8_t, 100> part;
  Endpoint from;
  CHECK(receiver.receive_from(part, from) == 1400);
  CHECK(std::string(part.begin(), part.end()) == text.substr(0, 100));
  CHECK(from == endpoint("10.77.0.1:9"));
  from = {};
  pkt::Packet packet = receiver.receive_packet(from);
  REQUIRE(packet);
  CHECK(packet.length() == 1400);
  CHECK(from == endpoint("10.77.0.1:9"));
  pkt::consume(std::move(packet));
  CHECK_FALSE(receiver.receive_packet(from));
  CHECK(receiver.receive_from(part, from) == -EAGAIN);
}

TEST_CASE("L12: receive_packets gives all that wait, with their senders, and send_packet sends such a buffer back") {
  TwoEngines world;
  UdpSocket& receiver = bound(*world.b, server);
  Client client(*world.a, endpoint("10.77.0.1:9"));
  for (const char* text : {"one", "two", "three"}) client.socket.send_to(bytes(text), server);
  world.run_for(1s);
  pkt::PacketList datagrams;
  CHECK(receiver.receive_packets(datagrams) == 3);
  CHECK(receiver.receive_packets(datagrams) == 0);
  REQUIRE(datagrams.size() == 3);
  while (pkt::Packet datagram = datagrams.pop_front()) {
    const Endpoint from = UdpSocket::sender_of(datagram);
    CHECK(from == endpoint("10.77.0.1:9"));
    const auto length = static_cast<std::int64_t>(datagram.length());
    CHECK(receiver.send_packet(std::move(datagram), from) == length);
  }
  world.run_for(1s);
  CHECK(client.received == std::vector<std::string>{"one", "two", "three"});
  client.socket.send_to(bytes(std::string("four")), server);
  world.run_for(1s);
  REQUIRE(receiver.receive_packets(datagrams) == 1);
  receiver.close();
  CHECK(receiver.receive_packets(datagrams) == 0);
  CHECK(receiver.send_packet(datagrams.pop_front(), endpoint("10.77.0.1:9")) == -EBADF);
}

TEST_CASE("L12: send_packets answers those of one sender at once; what fails is gone, what stands behind it stays") {
  TwoEngines world;
  UdpSocket& receiver = bound(*world.b, server);
  Client first(*world.a, endpoint("10.77.0.1:9")), second(*world.a, endpoint("10.77.0.1:10"));
  first.socket.send_to(bytes(std::string("one")), server);
  first.socket.send_to(bytes(std::string("two")), server);
  second.socket.send_to(bytes(std::string("three")), server);
  first.socket.send_to(bytes(std::string("four")), server);
  world.run_for(1s);
  pkt::PacketList datagrams;
  REQUIRE(receiver.receive_packets(datagrams) == 4);
  for (const auto& [sender, count] : {std::pair{":9", 2u}, {":10", 1u}, {":9", 1u}}) {
    Endpoint from;
    pkt::PacketList answers = UdpSocket::take_of_one_sender(datagrams, from);
    CHECK(from == endpoint("10.77.0.1" + std::string(sender)));
    REQUIRE(answers.size() == count);
    CHECK(receiver.send_packets(answers, from) == count);
    CHECK(answers.empty());
  }
  CHECK(datagrams.empty());
  world.run_for(1s);
  CHECK(first.received == std::vector<std::string>{"one", "two", "four"});
  CHECK(second.received == std::vector<std::string>{"three"});

  for (int i = 0; i < 3; ++i) first.socket.send_to(bytes(std::string("again")), server);
  world.run_for(1s);
  REQUIRE(receiver.receive_packets(datagrams) == 3);
  CHECK(receiver.send_packets(datagrams, endpoint("192.0.2.1:9")) == -ENETUNREACH);
  CHECK(datagrams.size() == 2);
  receiver.close();
  CHECK(receiver.send_packets(datagrams, endpoint("10.77.0.1:9")) == -EBADF);
  CHECK(datagrams.size() == 2);
  pkt::consume(datagrams);
}

TEST_CASE("callbacks may close and replace; a closed socket says EBADF") {
  TwoEngines world;
  Client client(*world.a, endpoint("10.77.0.1:9"));
  UdpSocket& receiver = bound(*world.b, server);
  std::string seen;
  receiver.on_readable([&](UdpSocket& socket) {
    seen += "first ";
    socket.on_readable([&](UdpSocket& s) {
      seen += "second";
      s.close();
      Endpoint from;
      std::array<std::uint8_t, 8> part{};
      CHECK(s.receive_from(part, from) == -EBADF);
      CHECK(s.send_to(part, server) == -EBADF);
      CHECK(s.connect(server) == -EBADF);
      CHECK(s.local() == Endpoint{});
      CHECK_FALSE(s.receive_packet(from));
      s.close();
    });
  });
  for (int i = 0; i < 3; ++i) {
    client.socket.send_to(bytes("x"), server);
    world.run_for(100ms);
  }
  CHECK(seen == "first second");
  CHECK(world.b->stats().total("drop", "socket_closed") == 2);
  CHECK(world.b->stats().total("drop", "udp_no_port") == 1);
  world.check_pools();
}

TEST_CASE("a connected socket hears its peer alone, and of ICMP errors") {
  TwoEngines world;
  Client peer(*world.a, endpoint("10.77.0.1:9"));
  Client other(*world.a, endpoint("10.77.0.1:10"));
  Client connected(*world.b, endpoint("0.0.0.0:7"));
  CHECK(connected.socket.connect(endpoint("10.77.0.1:0")) == -EINVAL);
  REQUIRE(connected.socket.connect(endpoint("10.77.0.1:9")) == 0);
  REQUIRE(connected.socket.connect(endpoint("10.77.0.1:9")) == 0);
  CHECK(connected.socket.local() == server);
  peer.socket.send_to(bytes("peer"), server);
  other.socket.send_to(bytes("other"), server);
  world.run_for(1s);
  CHECK(connected.received == std::vector<std::string>{"peer"});
  peer.socket.close();
  connected.socket.send_to(bytes("anyone?"), endpoint("10.77.0.1:9"));
  world.run_for(1s);
  CHECK(connected.error == ECONNREFUSED);
}

TEST_CASE("bound on every lcore, each serves the flows that arrive there") {
  TwoEngines world({.lcores_b = 4});
  REQUIRE(world.b->bind_udp(endpoint("0.0.0.0:7"), [](UdpSocket& socket) { socket.on_readable(echo); }));
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint16_t i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<Client>(*world.a, endpoint("10.77.0.1:" + std::to_string(1000 + i))));
    clients.back()->socket.send_to(bytes("x"), server);
  }
  world.run_for(1s);
  for (auto& client : clients) CHECK(client->received.size() == 1);
  const Stats stats = world.b->stats();
  for (std::uint64_t datagrams : stats.find("udp", "InDatagrams")->by_lcore) CHECK(datagrams > 4);
  CHECK(stats.total("steer", "bound") == 0);
}

TEST_CASE("F22: bound on one lcore alone, it gets every datagram that RPS sends elsewhere") {
  for (std::uint16_t home = 0; home < 4; ++home) {
    TwoEngines world({.lcores_b = 4});
    INFO("bound on lcore " << home);
    bound(*world.b, server, home).on_readable(echo);
    bound(*world.b, endpoint("[::]:7"), home).on_readable(echo);
    std::vector<std::unique_ptr<Client>> clients;
    for (std::uint16_t i = 0; i < 32; ++i) {
      const bool v4 = i % 2 == 0;
      clients.push_back(std::make_unique<Client>(
          *world.a, endpoint((v4 ? "10.77.0.1:" : "[fd00:77::1]:") + std::to_string(1000 + i))));
      clients.back()->socket.send_to(bytes("x"), v4 ? server : endpoint("[fd00:77::2]:7"));
    }
    world.run_for(1s);
    for (auto& client : clients) CHECK(client->received.size() == 1);
    CHECK((world.b->stats().total("steer", "bound") > 0) == (home != 0));  // lcore 0 receives
    CHECK(world.b->stats().total("drop", "udp_no_port") == 0);
  }
}

TEST_CASE("F22: a client's socket of one lcore gets its answers, connected or not, and no two share a port") {
  TwoEngines world({.lcores_a = 4});
  bound(*world.b, server).on_readable(echo);
  std::vector<std::unique_ptr<Client>> clients;
  std::set<std::uint16_t> ports;
  for (std::uint16_t i = 0; i < 64; ++i) {
    clients.push_back(std::make_unique<Client>(*world.a, endpoint("0.0.0.0:0"), i % 4));
    Client& client = *clients.back();
    if (i >= 32) REQUIRE(client.socket.connect(server) == 0);
    ports.insert(client.socket.local().port);
    client.socket.send_to(bytes(std::to_string(i)), server);
  }
  CHECK(ports.size() == 64);
  world.run_for(1s);
  for (std::size_t i = 0; i < 64; ++i) CHECK(clients[i]->received == std::vector{std::to_string(i)});
  // The connected ones own their flow, the others are found by what they are bound to.
  CHECK(world.a->stats().total("steer", "owner") > 0);
  CHECK(world.a->stats().total("steer", "bound") > 0);
  for (auto& client : clients) client->socket.close();
  UdpSocket& late = bound(*world.b, endpoint("10.77.0.2:8"));
  for (const std::uint16_t port : ports) late.send_to(bytes("x"), {IpAddress::v4(10, 77, 0, 1), port});
  world.run_for(1s);
  CHECK(world.a->stats().total("drop", "udp_no_port") == 64);
}

TEST_CASE("F22: an ICMP error reaches the lcore of the connected socket that it concerns") {
  TwoEngines world({.lcores_a = 4});
  std::vector<std::unique_ptr<Client>> clients;
  for (std::uint16_t i = 0; i < 4; ++i) {
    clients.push_back(std::make_unique<Client>(*world.a, endpoint("0.0.0.0:0"), i));
    REQUIRE(clients.back()->socket.connect(server) == 0);
    clients.back()->socket.send_to(bytes("x"), server);
    world.run_for(2s);  // ICMP errors to one host are rate limited
  }
  for (auto& client : clients) CHECK(client->error == ECONNREFUSED);
}

TEST_CASE("J9: MSG_PEEK and a cut datagram: the whole length is told, and that bytes are lost") {
  TwoEngines world;
  UdpSocket& socket = bound(*world.b, server);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  std::array<std::uint8_t, 4> part;
  Endpoint from;
  socket::Control control;
  CHECK(socket.receive_from(part, from, control, MSG_DONTWAIT) == -EAGAIN);
  CHECK(socket.receive_from(part, from, control, MSG_OOB) == -EINVAL);
  for (const char* text : {"longer", "four"}) {
    sender.send_to(bytes(text), server);
    world.settle();
  }
  world.run_for(1s);
  for (const int flags : {int{MSG_PEEK}, MSG_PEEK | MSG_TRUNC, int{MSG_TRUNC}}) {
    CHECK(socket.receive_from(part, from, control, flags) == 6);
    CHECK(control.truncated);
    CHECK(from == endpoint("10.77.0.1:9"));
    CHECK(std::string(part.begin(), part.end()) == "long");
  }
  CHECK(socket.receive_from(part, from, control, 0) == 4);
  CHECK_FALSE(control.truncated);
  CHECK(std::string(part.begin(), part.end()) == "four");
  CHECK(socket.receive_from(part, from, control, MSG_PEEK) == -EAGAIN);
}

TEST_CASE("J2: set_encap: what the function takes never reaches the socket, what it returns does; no longer after it is taken off") {
  TwoEngines world;
  Client server_side(*world.b, server);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  std::vector<std::string> taken;
  server_side.socket.set_encap([&](UdpSocket&, pkt::Packet payload, const Endpoint& from) {
    CHECK(from == endpoint("10.77.0.1:9"));
    const auto data = payload.data();
    if (data[0] == 'p') return payload;
    taken.emplace_back(data.begin(), data.end());
    pkt::consume(std::move(payload));
    return pkt::Packet{};
  });
  const auto sends = [&](const char* text) {
    sender.send_to(bytes(text), server);
    world.run_for(1s);
  };
  for (const char* text : {"tunnel", "pass", "tunnel 2"}) sends(text);
  CHECK(taken == std::vector<std::string>{"tunnel", "tunnel 2"});
  CHECK(server_side.received == std::vector<std::string>{"pass"});
  CHECK(world.b->stats().total("udp", "InDatagrams") == 3);
  server_side.socket.set_encap(nullptr);
  sends("tunnel 3");
  CHECK(server_side.received == std::vector<std::string>{"pass", "tunnel 3"});
}

TEST_CASE("L12: a packet read as it came is not copied on its way, however large; a copying read is counted as one") {
  TwoEngines world;
  UdpSocket& sender = **TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:8"));
  UdpSocket& receiver = **TwoEngines::sockets(*world.b).bind_udp(endpoint("10.77.0.2:7"));
  const std::vector<std::uint8_t> large(20000, 7);  // in fragments
  const auto count = [&](const char* name) { return world.b->stats().total("socket", name); };
  Endpoint from;
  sender.send_to(bytes("first"), endpoint("10.77.0.2:7"));  // asks for the neighbour's address
  world.run_for(10ms);
  pkt::consume(receiver.receive_packet(from));
  for (int i = 0; i < 3; ++i) sender.send_to(large, endpoint("10.77.0.2:7"));
  world.run_for(10ms);
  for (int i = 0; i < 2; ++i) {
    pkt::Packet packet = receiver.receive_packet(from);
    REQUIRE(packet);
    CHECK(packet.segments() > 10);  // the very buffers of the fragments
    pkt::consume(std::move(packet));
  }
  CHECK(count("uncopied_bytes") == 40005);
  CHECK(count("copied_bytes") == 0);
  std::array<std::uint8_t, 100> into;
  CHECK(receiver.receive_from(into, from) == 20000);
  CHECK(count("copied_bytes") == 100);

  std::vector<std::unique_ptr<test::Conversation>> accepted;
  test::accept_into(*world.b, endpoint("10.77.0.2:80"), accepted);
  test::Conversation client;
  client.join(**TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80")));
  REQUIRE(world.run_until([&] { return client.connected && !accepted.empty(); }));
  accepted[0]->stream->on_readable({});
  client.stream->write(large);
  world.run_for(1s);
  std::size_t got = 0;
  while (pkt::Packet packet = accepted[0]->stream->read_packet()) {
    got += packet.length();
    pkt::consume(std::move(packet));
  }
  CHECK(got == 20000);
  CHECK(count("uncopied_bytes") == 60005);
  CHECK(count("copied_bytes") == 100);
}
