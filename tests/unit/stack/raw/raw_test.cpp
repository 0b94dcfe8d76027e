// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/raw/raw.hpp>

#include "tests/support/scripted_host.hpp"
#include "tests/unit/stack/raw/raw_world.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("L8: ping by a raw socket: it sees the reply with its IP header, of IPv6 from the ICMP header on") {
  TwoEngines world;
  for (const bool v6 : {false, true}) {
    RawSocket& socket = opened(TwoEngines::sockets(*world.a).open_raw(v6 ? 58 : 1, v6));
    int heard = 0;
    socket.on_readable([&](RawSocket&) { ++heard; });
    CHECK(socket.set_hop_limit(9) == 0);
    const auto request = echo_request(v6, 0x1234, 7);
    CHECK(socket.send_to(request, v6 ? b6 : b4) == static_cast<std::int64_t>(request.size()));
    world.run_for(5ms);
    Got got = read(socket);
    while (got.length > 0 && v6 && got.bytes[0] != 129) got = read(socket);  // neighbour discovery is ICMPv6, too
    REQUIRE(got.length == static_cast<std::int64_t>(request.size() + (v6 ? 0 : 20)));
    CHECK(heard >= 1);
    const auto icmp = std::span(got.bytes).subspan(v6 ? 0 : 20);
    if (!v6) CHECK((got.bytes[0] == 0x45 && got.bytes[9] == 1));
    CHECK(icmp[0] == (v6 ? 129 : 0));
    CHECK(load_be16(&icmp[4]) == 0x1234);
    CHECK(std::equal(icmp.begin() + 6, icmp.end(), request.begin() + 6));
    CHECK(got.control.from == (v6 ? b6 : b4));
    CHECK(got.control.destination == (v6 ? a6 : a4));
    CHECK(got.control.hop_limit == 64);
    CHECK(got.control.ifindex == *world.a->ifindex("p0"));
    CHECK(read(socket).length == -EAGAIN);
    socket.close();
  }
  CHECK(world.a->stats().total("icmp", "OutEchos") == 1);
  CHECK(world.a->stats().total("icmp6", "OutEchos") == 1);
}

TEST_CASE("L8: each raw socket of the protocol gets a copy, by its addresses; a protocol that only they know is no unknown one") {
  TwoEngines world;
  RawSocket& sender = opened(TwoEngines::sockets(*world.a).open_raw(253));
  Sockets& there = TwoEngines::sockets(*world.b);
  const auto send = [&] {
    CHECK(sender.send_to(test::bytes("payload"), b4) == 7);
    world.run_for(5ms);
  };
  send();
  CHECK(world.b->stats().total("ip", "InUnknownProtos") == 1);
  RawSocket& all = opened(there.open_raw(253));
  RawSocket& second = opened(there.open_raw(253));
  RawSocket& other_proto = opened(there.open_raw(254));
  RawSocket& other_peer = opened(there.open_raw(253));
  RawSocket& other_address = opened(there.open_raw(253));
  CHECK(other_peer.connect(IpAddress::v4(10, 77, 0, 99)) == 0);
  CHECK(second.bind(b4) == 0);
  CHECK(other_address.bind(IpAddress::v4(127, 0, 0, 1)) == 0);
  CHECK(second.bind(a4) == -EADDRNOTAVAIL);
  CHECK(second.bind(b6) == -EAFNOSUPPORT);
  CHECK(second.connect(b6) == -EAFNOSUPPORT);
  send();
  CHECK(world.b->stats().total("ip", "InUnknownProtos") == 1);
  for (RawSocket* socket : {&all, &second}) {
    const Got got = read(*socket);
    CHECK(got.length == 27);
    CHECK(std::string(got.bytes.end() - 7, got.bytes.end()) == "payload");
  }
  for (RawSocket* socket : {&other_proto, &other_peer, &other_address, &all}) CHECK(read(*socket).length == -EAGAIN);
  CHECK(world.b->proc_net_protocols().find("RAW ") != std::string::npos);
  all.close();
  CHECK(read(all).length == -EBADF);
  CHECK(all.send_to(test::bytes("x"), a4) == -EBADF);
}

TEST_CASE("L4, L8: a raw socket's filter sees what the socket reads, and its queue is bounded; both are counted as drops") {
  TwoEngines world;
  RawSocket& sender = opened(TwoEngines::sockets(*world.a).open_raw(253));
  RawSocket& receiver = opened(TwoEngines::sockets(*world.b).open_raw(253));
  const std::array<bpf::Instruction, 4> if_y{{{.code = 0x30, .k = 20}, {.code = 0x15, .jt = 0, .jf = 1, .k = 'y'}, {.code = 0x06, .k = 23}, {.code = 0x06, .k = 0}}};
  REQUIRE(receiver.attach_filter(if_y));
  CHECK(receiver.attach_filter({}).error().code == EINVAL);
  for (const char* text : {"no", "yes, this one"}) sender.send_to(test::bytes(text), b4);
  world.run_for(5ms);
  CHECK(read(receiver).length == 23);
  CHECK(read(receiver).length == -EAGAIN);
  CHECK(receiver.drops() == 1);
  CHECK(world.b->stats().total("drop", stats::info(stats::DropReason::socket_filter).name) == 1);
  CHECK(receiver.set_rcvbuf(1) == 0);  // 2304: one packet, and the one that exceeds it
  for (int i = 0; i < 10; ++i) sender.send_to(test::bytes("yes"), b4);
  world.run_for(5ms);
  int kept = 0;
  while (read(receiver).length > 0) ++kept;
  CHECK(receiver.drops() == static_cast<std::uint64_t>(1 + 10 - kept));
  CHECK((kept > 0 && kept < 5));
  CHECK(world.b->stats().total("drop", stats::info(stats::DropReason::raw_rcvbuf_full).name) == static_cast<std::uint64_t>(10 - kept));
}

TEST_CASE("L10: a ping socket's identifier is the stack's, and the replies come to the lcore that asked, whichever receives them") {
  TwoEngines world({.lcores_a = 4});
  std::vector<RawSocket*> sockets;
  for (std::uint16_t lcore = 0; lcore < 4; ++lcore)
    for (const bool v6 : {false, true}) {
      RawSocket& socket = opened(TwoEngines::sockets(*world.a, lcore).open_ping(v6));
      CHECK(socket.ident() != 0);
      sockets.push_back(&socket);
      const auto request = echo_request(v6, 0x4242, lcore);  // an identifier that does not count
      CHECK(socket.send_to(request, v6 ? b6 : b4) == static_cast<std::int64_t>(request.size()));
    }
  world.run_for(5ms);
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    const Got got = read(*sockets[i]);
    REQUIRE(got.length == 40);
    CHECK(got.bytes[0] == (i % 2 != 0 ? 129 : 0));
    CHECK(load_be16(&got.bytes[4]) == sockets[i]->ident());
    CHECK(load_be16(&got.bytes[6]) == i / 2);
    CHECK(read(*sockets[i]).length == -EAGAIN);
  }
  CHECK(world.a->stats().total("drop", stats::info(stats::DropReason::icmp_unhandled).name) == 0);
  sockets[0]->close();
  CHECK(sockets[0]->ident() == 0);
}

TEST_CASE("L10: what ICMP says of an echo request is the socket's next error") {
  TwoEngines world({.adjust_a = [](Config& config) { config.stacks[0].routes.push_back({.to = *IpPrefix::parse("10.99.0.0/16"), .via = b4}); },
                    .adjust_b = [](Config& config) {
                      config.stacks[0].interfaces[0].addresses.push_back(*IpPrefix::parse("10.99.0.1/16"));
                    }});
  RawSocket& socket = opened(TwoEngines::sockets(*world.a).open_ping());
  int heard = 0;
  socket.on_readable([&](RawSocket&) { ++heard; });
  // A made-up error, as a router on the way would send it: port unreachable about our request.
  RawSocket& forger = opened(TwoEngines::sockets(*world.b).open_raw(1));
  std::vector<std::uint8_t> error(8 + 20 + 8, 0);
  error[0] = 3;
  error[1] = 1;
  std::uint8_t* const quoted = &error[8];
  quoted[0] = 0x45;
  store_be16(quoted + 2, 28);
  quoted[8] = 64;
  quoted[9] = 1;
  std::copy_n(a4.v4_bytes(), 4, quoted + 12);
  std::copy_n(b4.v4_bytes(), 4, quoted + 16);
  store_be16(quoted + 10, static_cast<std::uint16_t>(~naive_sum({quoted, 20})));
  quoted[20] = 8;
  store_be16(quoted + 24, socket.ident());
  store_be16(&error[2], static_cast<std::uint16_t>(~naive_sum(error)));
  CHECK(forger.send_to(error, a4) == static_cast<std::int64_t>(error.size()));
  world.run_for(5ms);
  CHECK(heard == 1);
  CHECK(read(socket).length == -EHOSTUNREACH);
  CHECK(read(socket).length == -EAGAIN);
}

TEST_CASE("L8: a raw socket sees what is for this host, whichever lcore receives it, and once") {
  TwoEngines world({.lcores_b = 3});
  RawSocket& seer = opened(TwoEngines::sockets(*world.b, 1).open_raw(17));
  RawSocket& twin = opened(TwoEngines::sockets(*world.b, 2).open_raw(17));
  RawSocket& deaf = opened(TwoEngines::sockets(*world.b, 0).open_raw(17, true));
  world.settle();
  constexpr int datagrams = 60;
  for (int i = 0; i < datagrams; ++i) {
    auto socket = TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:0"));
    REQUIRE(socket);
    REQUIRE((*socket)->send_to(test::bytes("?"), endpoint("10.77.0.2:9")) == 1);
    (*socket)->close();
    world.settle();
  }
  const Stats stats = world.b->stats();
  for (const std::uint64_t of_lcore : stats.find("udp", "NoPorts")->by_lcore) CHECK(of_lcore > 5);
  for (RawSocket* socket : {&seer, &twin}) {
    int seen = 0;
    for (Got got = read(*socket); got.length == 29; got = read(*socket)) {
      CHECK(got.control.from == a4);
      CHECK(got.control.destination == b4);
      CHECK(got.control.ifindex == *world.b->ifindex("p0"));
      ++seen;
    }
    CHECK(seen == datagrams);
  }
  CHECK(read(deaf).length == -EAGAIN);

  // To a group every lcore has its own already.
  auto socket = TwoEngines::sockets(*world.a).bind_udp(endpoint("10.77.0.1:0"));
  REQUIRE((*socket)->send_to(test::bytes("?"), endpoint("224.0.0.1:9")) == 1);
  world.settle();
  CHECK(read(seer).length == 29);
  CHECK(read(seer).length == -EAGAIN);

  seer.close();
  twin.close();
  world.settle();
  REQUIRE((*socket)->send_to(test::bytes("?"), endpoint("10.77.0.2:9")) == 1);
  world.settle();
}

TEST_CASE("L8: what another lcore receives for a protocol that only raw sockets know is no unknown one") {
  TwoEngines world({.lcores_b = 2});
  RawSocket& sender = opened(TwoEngines::sockets(*world.a).open_raw(253));
  for (std::uint16_t lcore = 0; lcore < 2; ++lcore) {  // one of them receives it
    RawSocket& seer = opened(TwoEngines::sockets(*world.b, lcore).open_raw(253));
    world.settle();
    for (int i = 0; i < 50; ++i) {
      CHECK(sender.send_to(test::bytes("payload"), b4) == 7);
      world.run_for(2ms);
    }
    CHECK(world.b->stats().total("ip", "InUnknownProtos") == 0);
    for (int i = 0; i < 50; ++i) CHECK(read(seer).length == 27);
    CHECK(read(seer).length == -EAGAIN);
    seer.close();
    world.settle();
  }
}

namespace {

/// Takes `room` packets, and gives the others back.
struct Narrow final : raw::Relay {
  explicit Narrow(Env& of) : env(of) {}
  void tell_others(const raw::Protocols& protocols) override { told = protocols; }
  pkt::Packet hand_over(std::uint16_t lcore, raw::Handed handed) override {
    CHECK(lcore == 7);
    CHECK(handed.header_bytes == 20);
    CHECK(handed.delivery.source == peer4);
    if (room == 0) return std::move(handed.packet);
    --room;
    consume(env, std::move(handed.packet), stats::Ledger::used);
    return {};
  }
  Env& env;
  raw::Protocols told;
  int room = 0;
};

}  // namespace

TEST_CASE("L8: copies for which the way to another lcore has no room are dropped and counted; who wants nothing gets none") {
  ScriptedHost host;
  host.knows_peer();
  Narrow relay(host.env);
  raw::Raw raw(host.env, host.ip);
  raw.set_relay(&relay);
  host.ip.set_raw(&raw);
  raw::Protocols wanted;
  wanted.set(253);
  raw.others_want(7, wanted);
  relay.room = 2;
  for (int i = 0; i < 5; ++i) host.receives(ip_frame(253, counting(8)));
  CHECK(relay.room == 0);
  CHECK(host.drops(stats::DropReason::raw_rcvbuf_full) == 3);
  CHECK(host[stats::Ip::InUnknownProtos] == 0);
  host.receives(ip_frame(254, counting(8)));
  CHECK(host[stats::Ip::InUnknownProtos] == 1);
  raw::Socket* socket = raw.open(true, 58, nullptr);
  REQUIRE(socket != nullptr);
  CHECK(relay.told.count() == 1);
  CHECK(relay.told.test(256 + 58));
  raw.close(*socket);
  CHECK(relay.told.none());
  raw.others_want(7, {});
  host.receives(ip_frame(253, counting(8)));
  CHECK(host[stats::Ip::InUnknownProtos] == 2);
  CHECK(host.drops(stats::DropReason::raw_rcvbuf_full) == 3);
  host.ip.set_raw(nullptr);
}
