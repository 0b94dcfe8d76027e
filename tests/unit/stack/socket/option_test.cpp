// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/socket/option.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/two_engines.hpp"

#include <millrace/engine/port_control.hpp>

#include <array>
#include <cerrno>
#include <climits>
#include <set>

using namespace millrace;
using socket::Control;
using socket::Option;
using socket::SocketKind;
using test::bytes;
using test::Conversation;
using test::endpoint;
using test::TwoEngines;

namespace {

const Endpoint server = endpoint("10.77.0.2:7");
constexpr Option none{255};

UdpSocket& bound(Engine& engine, const Endpoint& local, std::uint16_t lcore = 0) {
  auto socket = TwoEngines::sockets(engine, lcore).bind_udp(local);
  if (!socket) FAIL(socket.error().message);
  return **socket;
}

template <class Socket>
std::int64_t get(const Socket& socket, Option option) {
  std::int64_t value = INT64_MIN;
  REQUIRE(socket.get_option(option, value) == 0);
  return value;
}

/// A connection from a to b, and b's end of it.
struct Connected {
  explicit Connected(TwoEngines& world) {
    accept_into(*world.b, endpoint("10.77.0.2:80"), accepted);
    client.join(**TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80")));
    REQUIRE(world.run_until([&] { return client.connected && !accepted.empty(); }));
    accepted[0]->stream->on_readable({});  // the tests read
  }
  Stream& stream() { return *accepted[0]->stream; }
  Conversation client;
  std::vector<std::unique_ptr<Conversation>> accepted;
};

}  // namespace

TEST_CASE("options: what a kind of socket has not, what can only be read, what is no option") {
  CHECK(check_set(Option::no_delay, SocketKind::stream, 1) == 0);
  CHECK(check_set(Option::no_delay, SocketKind::udp, 1) == -ENOPROTOOPT);
  CHECK(check_get(Option::broadcast, SocketKind::stream) == -ENOPROTOOPT);
  CHECK(check_get(Option::broadcast, SocketKind::udp) == 0);
  CHECK(check_set(Option::incoming_cpu, SocketKind::udp, 1) == -EOPNOTSUPP);
  CHECK(check_set(Option::incoming_napi_id, SocketKind::stream, 1) == -EOPNOTSUPP);
  CHECK(check_set(Option::timestamp, SocketKind::udp, std::int64_t{INT_MAX} + 1) == -EINVAL);
  CHECK(check_set(none, SocketKind::udp, 1) == -ENOPROTOOPT);
  CHECK(check_get(none, SocketKind::stream) == -ENOPROTOOPT);
  CHECK(name(Option::timestampns) == std::string("SO_TIMESTAMPNS"));
  CHECK(name(none) == std::string("?"));
}

TEST_CASE("options: sockets take what they have, keep it, and refuse the rest; a closed one knows none") {
  TwoEngines world;
  UdpSocket& udp = bound(*world.b, server);
  for (const Option option : {Option::broadcast, Option::timestamp, Option::timestampns}) {
    CHECK(get(udp, option) == 0);
    CHECK(udp.set_option(option, 7) == 0);  // as in Linux: whatever is not 0 is on
    CHECK(get(udp, option) == 1);
    CHECK(udp.set_option(option, 0) == 0);
    CHECK(get(udp, option) == 0);
  }
  CHECK(udp.set_option(Option::no_delay, 1) == -ENOPROTOOPT);
  CHECK(udp.set_option(none, 1) == -ENOPROTOOPT);
  const Endpoint everybody = endpoint("10.77.0.255:9");
  CHECK(udp.send_to(bytes("x"), everybody) == -EACCES);
  CHECK(udp.set_option(Option::broadcast, 1) == 0);
  CHECK(udp.send_to(bytes("x"), everybody) == 1);

  Connected tcp(world);
  CHECK(get(tcp.stream(), Option::no_delay) == 0);
  CHECK(tcp.stream().set_option(Option::no_delay, 1) == 0);
  CHECK(get(tcp.stream(), Option::no_delay) == 1);
  CHECK(tcp.stream().set_option(Option::timestamp, 1) == 0);
  CHECK(get(tcp.stream(), Option::timestamp) == 1);
  CHECK(tcp.stream().set_option(Option::broadcast, 1) == -ENOPROTOOPT);
  CHECK(tcp.stream().set_option(Option::incoming_cpu, 1) == -EOPNOTSUPP);

  std::int64_t value = 0;
  udp.close();
  CHECK(udp.set_option(Option::broadcast, 1) == -EBADF);
  CHECK(udp.get_option(Option::broadcast, value) == -EBADF);
}

TEST_CASE("L6: SO_INCOMING_CPU is the lcore that the flow's packets came to") {
  TwoEngines world({.lcores_b = 2});
  UdpSocket& on_0 = bound(*world.b, endpoint("10.77.0.2:7"), 0);
  UdpSocket& on_1 = bound(*world.b, endpoint("10.77.0.2:8"), 1);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  CHECK(get(on_1, Option::incoming_cpu) == -1);
  CHECK(get(on_1, Option::incoming_napi_id) == 0);
  sender.send_to(bytes("x"), endpoint("10.77.0.2:7"));
  sender.send_to(bytes("x"), endpoint("10.77.0.2:8"));
  world.run_for(1s);
  CHECK(get(on_0, Option::incoming_cpu) == 0);
  CHECK(get(on_1, Option::incoming_cpu) == 1);

  std::vector<std::unique_ptr<Conversation>> accepted;
  accept_into(*world.b, endpoint("10.77.0.2:80"), accepted);
  std::vector<std::unique_ptr<Conversation>> clients;
  for (int i = 0; i < 16; ++i) {
    clients.push_back(std::make_unique<Conversation>());
    clients.back()->join(**TwoEngines::sockets(*world.a).connect(endpoint("10.77.0.2:80")));
  }
  REQUIRE(world.run_until([&] { return accepted.size() == 16; }));
  std::set<std::int64_t> lcores;
  for (auto& conversation : accepted) {
    CHECK(get(*conversation->stream, Option::incoming_cpu) == conversation->stream->sockets().lcore());
    lcores.insert(get(*conversation->stream, Option::incoming_cpu));
  }
  CHECK(lcores == std::set<std::int64_t>{0, 1});
}

TEST_CASE("D15, L6: SO_INCOMING_NAPI_ID is the id of the last packet's queue") {
  TwoEngines world({.adjust_b = [](Config& config) { config.ports[0].rx_queues = 2; }});
  UdpSocket& receiver = bound(*world.b, server);
  const auto napi_id_of = [&](std::uint16_t port) {
    UdpSocket& sender = bound(*world.a, {IpAddress::v4(10, 77, 0, 1), port});
    sender.send_to(bytes("x"), server);
    world.run_for(1s);
    sender.close();
    return get(receiver, Option::incoming_napi_id);
  };
  std::set<std::int64_t> ids;
  for (std::uint16_t port = 1; port <= 32; ++port) {
    const std::int64_t id = napi_id_of(port);
    CHECK(id != 0);
    ids.insert(id);
    if (port % 8 == 0) CHECK(napi_id_of(port) == id);  // the same flow, the same queue
  }
  CHECK(ids.size() == 2);

  Connected tcp(world);
  CHECK(ids.contains(get(tcp.stream(), Option::incoming_napi_id)));
}

TEST_CASE("L7, X6: netdev_tstamp_prequeue 0 moves the stamp behind the RPS queue: 5 ms later on a worker 5 ms late") {
  const auto stamp_after = [](std::int64_t prequeue) {
    TwoEngines world({.lcores_b = 2, .adjust_b = [&](Config& c) { c.sysctl.netdev_tstamp_prequeue = prequeue; }});
    UdpSocket& receiver = bound(*world.b, server, 1);  // the queue is on lcore 0
    UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
    sender.send_to(bytes("neighbours"), server);
    world.run_for(1s);
    CHECK(receiver.set_option(Option::timestampns, 1) == 0);
    std::array<std::uint8_t, 16> datagram;
    Endpoint from;
    Control control;
    CHECK(receiver.receive_from(datagram, from, control) == 10);

    sender.send_to(bytes("x"), server);
    world.a->run_once();
    world.b->run_once(0);
    const Instant received = world.b->now();
    CHECK(receiver.receive_from(datagram, from, control) == -EAGAIN);
    CHECK_FALSE(control.timestamp.has_value());
    world.b->set_clock(received + 5ms);
    world.b->run_once(1);
    REQUIRE(receiver.receive_from(datagram, from, control) == 1);
    REQUIRE(control.timestamp.has_value());
    return *control.timestamp - received;
  };
  CHECK(stamp_after(1) == 0ms);
  CHECK(stamp_after(0) == 5ms);
}

TEST_CASE("L7: each datagram has its stamp, in microseconds or nanoseconds; without the option none") {
  TwoEngines world({.there = {.delay = 1234567ns}});
  UdpSocket& receiver = bound(*world.b, server);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  sender.send_to(bytes("neighbours"), server);
  world.run_for(1s);
  std::vector<Instant> sent;
  for (int i = 0; i < 4; ++i) {
    sent.push_back(world.now());
    sender.send_to(bytes("x"), server);
    world.run_for(10ms);
  }
  std::array<std::uint8_t, 16> datagram;
  Endpoint from;
  Control control;
  CHECK(receiver.receive_from(datagram, from, control) == 10);
  CHECK_FALSE(control.timestamp.has_value());
  receiver.set_option(Option::timestampns, 1);
  CHECK(receiver.receive_from(datagram, from, control) == 1);
  CHECK(control.timestamp == sent[0] + 1234567ns);
  receiver.set_option(Option::timestamp, 1);
  CHECK(get(receiver, Option::timestampns) == 0);
  CHECK(receiver.receive_from(datagram, from, control) == 1);
  REQUIRE(control.timestamp.has_value());
  CHECK(control.timestamp->time_since_epoch() % 1us == 0ns);
  const Duration cut = sent[1] + 1234567ns - *control.timestamp;
  CHECK((cut >= 0ns && cut < 1us));
  receiver.set_option(Option::timestampns, 1);
  receiver.set_option(Option::timestamp, 0);  // ends both
  CHECK(receiver.receive_from(datagram, from, control) == 1);
  CHECK_FALSE(control.timestamp.has_value());
}

TEST_CASE("L7: SO_TIMESTAMPING takes the bits of receiving, and tells what was asked for") {
  TwoEngines world({.adjust_b = [](Config& c) { c.ports[0].rx_timestamp = true; }});
  UdpSocket& receiver = bound(*world.b, server);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  CHECK(get(receiver, Option::timestamping) == 0);
  for (const std::int64_t bad : {1, 2, 32, 93, 128, 92 + 256}) CHECK(receiver.set_option(Option::timestamping, bad) == -EINVAL);
  CHECK(receiver.set_option(Option::timestamping, -1) == -EINVAL);
  for (const std::int64_t flags : {0, 8, 16, 64, 4 + 8 + 16 + 64}) {
    CAPTURE(flags);
    CHECK(receiver.set_option(Option::timestamping, flags) == 0);
    CHECK(get(receiver, Option::timestamping) == flags);
    sender.send_to(bytes("x"), server);
    world.run_for(1s);
    std::array<std::uint8_t, 16> datagram;
    Endpoint from;
    Control control;
    REQUIRE(receiver.receive_from(datagram, from, control) == 1);
    CHECK(control.software.has_value() == ((flags & 16) != 0));
    CHECK(control.raw_hardware.has_value() == ((flags & 64) != 0));
    CHECK_FALSE(control.timestamp.has_value());
  }
}

TEST_CASE("L7: the device's stamp is the moment of arrival, however late the poll and the worker; a port without has none") {
  struct Times {
    Duration software;
    std::optional<Duration> hardware;
  };
  // Sent at 0, on the cable for 3 ms, polled 2 ms after its arrival, delivered by the worker 5 ms after that.
  const auto times = [](bool stamps, std::int64_t prequeue) -> Times {
    TwoEngines world({.lcores_b = 2, .there = {.delay = 3ms}, .adjust_b = [&](Config& c) {
                        c.ports[0].rx_timestamp = stamps;
                        c.sysctl.netdev_tstamp_prequeue = prequeue;
                      }});
    CHECK(world.b->port("p0")->so_timestamping() == (stamps ? 92 : 24));
    UdpSocket& receiver = bound(*world.b, server, 1);  // the queue is on lcore 0
    UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
    sender.send_to(bytes("neighbours"), server);
    world.run_for(1s);
    std::array<std::uint8_t, 16> datagram;
    Endpoint from;
    Control control;
    CHECK(receiver.receive_from(datagram, from, control) == 10);
    CHECK(receiver.set_option(Option::timestamping, socket::timestamping::all) == 0);
    const Instant sent = world.now();
    sender.send_to(bytes("x"), server);
    world.a->run_once();
    world.b->set_clock(sent + 5ms);
    world.b->run_once(0);
    world.b->set_clock(sent + 10ms);
    world.b->run_once(1);
    REQUIRE(receiver.receive_from(datagram, from, control) == 1);
    REQUIRE(control.software.has_value());
    Times found{*control.software - sent, std::nullopt};
    if (control.raw_hardware) found.hardware = Instant(Duration(*control.raw_hardware)) - sent;
    return found;
  };
  CHECK(times(true, 1).software == 5ms);
  CHECK(times(true, 1).hardware == Duration(3ms));
  CHECK(times(true, 0).software == 10ms);
  CHECK(times(true, 0).hardware == Duration(3ms));
  CHECK(times(false, 1).software == 5ms);
  CHECK_FALSE(times(false, 1).hardware.has_value());
}

TEST_CASE("L7: SO_TIMESTAMPING of a stream is the last packet's") {
  TwoEngines world({.there = {.delay = 3ms}, .adjust_b = [](Config& c) { c.ports[0].rx_timestamp = true; }});
  Connected tcp(world);
  tcp.stream().set_option(Option::timestamping, 16 + 64);
  Instant sent{};
  for (const char* text : {"first", "second"}) {
    sent = world.now();
    tcp.client.stream->write(bytes(text));
    world.run_for(50ms);
  }
  std::array<std::uint8_t, 16> part;
  Control control;
  CHECK(tcp.stream().read(part, control) == 11);  // put together in one buffer on their way
  CHECK(control.software == sent + 3ms);
  CHECK(control.raw_hardware == static_cast<std::uint64_t>((sent + 3ms).time_since_epoch().count()));
  CHECK(tcp.stream().read(part, control) == -EAGAIN);
  CHECK_FALSE(control.raw_hardware.has_value());
}

TEST_CASE("L7: a stream tells when the last packet came that it read from") {
  TwoEngines world({.there = {.delay = 3ms}});
  Connected tcp(world);
  tcp.stream().set_option(Option::timestampns, 1);
  std::vector<Instant> sent;
  for (const char* text : {"first", "second"}) {
    sent.push_back(world.now());
    tcp.client.stream->write(bytes(text));
    world.run_for(50ms);
  }
  std::array<std::uint8_t, 16> part;
  Control control;
  CHECK(tcp.stream().read(part, control) == 11);  // put together in one buffer on their way
  CHECK(control.timestamp == sent[1] + 3ms);
  CHECK(tcp.stream().read(part, control) == -EAGAIN);
  CHECK_FALSE(control.timestamp.has_value());
  const std::string large = test::pattern(2000);
  const Instant third = world.now();
  tcp.client.stream->write(bytes(large));
  world.run_for(50ms);
  CHECK(tcp.stream().read(part, control) == 16);
  CHECK(control.timestamp == third + 3ms);
}

TEST_CASE("L1: a socket without a callback wakes nobody") {
  TwoEngines world;
  UdpSocket& receiver = bound(*world.b, server);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  const auto count = [&](const char* name) { return world.b->stats().total("socket", name); };
  sender.send_to(bytes("x"), server);
  world.run_for(1s);
  CHECK(count("data_ready") == 1);
  CHECK(count("data_ready_unheard") == 1);
  int told = 0;
  receiver.on_readable([&](UdpSocket&) { ++told; });
  sender.send_to(bytes("x"), server);
  world.run_for(1s);
  CHECK(told == 1);
  CHECK(count("data_ready") == 2);
  CHECK(count("data_ready_unheard") == 1);
  CHECK(count("wakeups") == 0);
  receiver.close();  // J11: what is queued and what still comes calls nobody
  sender.send_to(bytes("x"), server);
  world.run_for(1s);
  CHECK(told == 1);
  CHECK(count("data_ready") == 2);
}

TEST_CASE("L5: with SO_BUSY_POLL a receive call takes what lies on the wire, without a pass of the loop") {
  TwoEngines world;
  UdpSocket& receiver = bound(*world.b, server);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  sender.send_to(bytes("neighbours"), server);
  Connected tcp(world);
  std::array<std::uint8_t, 16> into;
  Endpoint from;
  CHECK(receiver.receive_from(into, from) == 10);

  CHECK(get(receiver, Option::busy_poll) == 0);
  CHECK(get(receiver, Option::busy_poll_budget) == 8);
  CHECK(receiver.set_option(Option::busy_poll, -1) == -EINVAL);
  CHECK(receiver.set_option(Option::busy_poll_budget, 65536) == -EINVAL);
  sender.send_to(bytes("x"), server);
  world.a->run_once();
  CHECK(receiver.receive_from(into, from) == -EAGAIN);
  CHECK(receiver.set_option(Option::busy_poll, 50) == 0);
  CHECK(receiver.receive_from(into, from) == 1);
  CHECK(receiver.receive_from(into, from) == -EAGAIN);

  tcp.client.stream->write(bytes("text"));
  world.a->run_once();
  CHECK(tcp.stream().read(into) == -EAGAIN);
  CHECK(tcp.stream().set_option(Option::busy_poll, 50) == 0);
  CHECK(tcp.stream().read(into) == 4);
  const Stats stats = world.b->stats();
  CHECK(stats.total("tcp_ext", "BusyPollRxPackets") == 2);
  CHECK(stats.total("socket", "busy_polls") > 2);
}

TEST_CASE("L5: net.core.busy_read is the SO_BUSY_POLL of new sockets") {
  TwoEngines world({.adjust_b = [](Config& config) { config.sysctl.busy_read = 70; }});
  CHECK(get(bound(*world.b, server), Option::busy_poll) == 70);
  Connected tcp(world);
  CHECK(get(tcp.stream(), Option::busy_poll) == 70);
}

TEST_CASE("L5, X10: a receive call never polls a queue that another lcore owns now") {
  TwoEngines world({.lcores_b = 2});
  UdpSocket& receiver = bound(*world.b, server, 1);  // the queue is lcore 0's
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  sender.send_to(bytes("neighbours"), server);
  world.run_for(1s);
  std::array<std::uint8_t, 16> into;
  Endpoint from;
  CHECK(receiver.receive_from(into, from) == 10);
  receiver.set_option(Option::busy_poll, 50);
  sender.send_to(bytes("x"), server);
  world.a->run_once();
  CHECK(receiver.receive_from(into, from) == -EAGAIN);
  CHECK(world.b->stats().total("socket", "busy_polls") == 0);
  CHECK(world.b->stats().total("socket", "busy_poll_refused") == 1);
}

TEST_CASE("L5: a socket that a callback closes during its own busy poll ends the call") {
  TwoEngines world;
  UdpSocket& receiver = bound(*world.b, server);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  sender.send_to(bytes("neighbours"), server);
  world.run_for(1s);
  std::array<std::uint8_t, 16> into;
  Endpoint from;
  CHECK(receiver.receive_from(into, from) == 10);
  receiver.set_option(Option::busy_poll, 50);
  receiver.on_readable([](UdpSocket& socket) { socket.close(); });
  sender.send_to(bytes("x"), server);
  world.a->run_once();
  CHECK(receiver.receive_from(into, from) == -EBADF);
  world.run_for(1s);
}

TEST_CASE("J10: SO_RCVBUF and SO_SNDBUF: doubled within rmem_max and wmem_max, never below 2304 and 4608; FORCE knows no limit") {
  struct Side {
    Option set, force;
    const char* max;
    std::int64_t floor;
  };
  for (const Side& side : {Side{Option::rcvbuf, Option::rcvbufforce, "net.core.rmem_max", 2304},
                           Side{Option::sndbuf, Option::sndbufforce, "net.core.wmem_max", 4608}}) {
    TwoEngines world;
    Connected tcp(world);
    UdpSocket& udp = bound(*world.b, server);
    CHECK(get(udp, side.set) == 212992);
    const auto check = [&](auto& socket) {
      CHECK(socket.set_option(side.set, 1 << 20) == 0);
      CHECK(get(socket, side.set) == 2097152);
      REQUIRE(world.b->set_sysctl(side.max, "212992"));
      CHECK(get(socket, side.set) == 2097152);  // what was granted stays
      CHECK(socket.set_option(side.set, 1 << 20) == 0);
      CHECK(get(socket, side.set) == 425984);
      for (const std::int64_t least : {0, 1, 1000}) {
        CHECK(socket.set_option(side.set, least) == 0);
        CHECK(get(socket, side.set) == side.floor);
      }
      CHECK(socket.set_option(side.set, -1) == 0);
      CHECK(get(socket, side.set) == 425984);
      CHECK(socket.set_option(side.set, std::int64_t{INT_MAX} + 1) == -EINVAL);
      CHECK(socket.set_option(side.force, 1 << 20) == -EPERM);
      CHECK(get(socket, side.set) == 425984);
      REQUIRE(world.b->set_sysctl("socket.cap_net_admin", "1"));
      CHECK(socket.set_option(side.force, 1 << 20) == 0);
      CHECK(get(socket, side.set) == 2097152);
      CHECK(socket.set_option(side.force, INT_MAX) == 0);
      CHECK(get(socket, side.set) == INT_MAX - 1);
      CHECK(socket.set_option(side.force, -1) == 0);
      CHECK(get(socket, side.set) == side.floor);
      std::int64_t value = 0;
      CHECK(socket.get_option(side.force, value) == -ENOPROTOOPT);
      REQUIRE(world.b->set_sysctl("socket.cap_net_admin", "0"));
      REQUIRE(world.b->set_sysctl(side.max, "4194304"));
    };
    check(udp);
    check(tcp.stream());
  }
}

TEST_CASE("J10: rmem_default and wmem_default are those of sockets made from now on") {
  TwoEngines world;
  UdpSocket& before = bound(*world.b, server);
  REQUIRE(world.b->set_sysctl("net.core.rmem_default", "4000"));
  REQUIRE(world.b->set_sysctl("net.core.wmem_default", "5000"));
  UdpSocket& after = bound(*world.b, endpoint("10.77.0.2:8"));
  CHECK(get(before, Option::rcvbuf) == 212992);
  CHECK(get(before, Option::sndbuf) == 212992);
  CHECK(get(after, Option::rcvbuf) == 4000);
  CHECK(get(after, Option::sndbuf) == 5000);
  CHECK(world.b->set_sysctl("net.core.wmem_max", "4607").error().message == "net.core.wmem_max: 4607: must be 4608..2147483647");
}

TEST_CASE("J10: SO_RCVBUF is what a UDP socket holds unread, and what a stream's window follows in place of the reader") {
  TwoEngines world;
  UdpSocket& udp = bound(*world.b, server);
  CHECK(udp.set_option(Option::rcvbuf, 1) == 0);
  UdpSocket& sender = bound(*world.a, endpoint("10.77.0.1:9"));
  for (int i = 0; i < 3; ++i) {
    sender.send_to(bytes("x"), server);
    world.run_for(1s);
  }
  CHECK(world.b->stats().total("udp", "RcvbufErrors") == 2);
  for (const bool is_set : {false, true}) {
    TwoEngines hosts;
    Connected tcp(hosts);
    if (is_set) CHECK(tcp.stream().set_option(Option::rcvbuf, 1 << 20) == 0);
    const std::string much = test::pattern(200'000);
    for (int i = 0; i < 100; ++i) {
      tcp.client.stream->write(bytes(much));
      hosts.run_for(50ms);
    }
    CHECK(tcp.stream().readable() > (is_set ? 500'000 : 30'000));
    CHECK(tcp.stream().readable() < (is_set ? 1'060'000 : 70'000));  // the window, rounded up as its field counts
  }
}

TEST_CASE("J10: SO_SNDBUF is what a stream keeps unacknowledged, and no more is taken until there is room") {
  TwoEngines world;
  Connected tcp(world);
  Stream& stream = *tcp.client.stream;
  const std::string much = test::pattern(1'000'000);
  CHECK(stream.set_option(Option::sndbuf, 1) == 0);
  const std::int64_t little = stream.write(bytes(much));
  CHECK(little > 0);
  CHECK(little <= 4608);
  CHECK(stream.write(bytes(much)) == -EAGAIN);
  CHECK(tcp.client.writable == 0);
  CHECK(stream.set_option(Option::sndbuf, 1 << 20) == 0);
  world.settle();
  CHECK(tcp.client.writable == 1);
  CHECK(stream.write(bytes(much)) == 1'000'000);
}
