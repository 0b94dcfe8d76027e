// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/packet_handler.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <cerrno>

using namespace millrace;
using test::SteeringWorld;

TEST_CASE("G3, G8, G9: handlers of the application's stand in /proc/net/ptype with ip, arp and ipv6, and get frames beside the stack") {
  SteeringWorld w(2, {}, 2);
  w.listen();
  int taps = 0;
  int mine = 0;
  const auto count_into = [](int& counter) {
    return [&counter](std::uint16_t, pkt::Packet frame) {
      ++counter;
      pkt::consume(std::move(frame));
    };
  };
  CHECK(w.engine->proc_net_ptype() == "Type Device      Function\n86dd          ipv6_rcv\n0806          arp_rcv\n0800          ip_rcv\n");
  const auto tap = w.engine->add_packet_handler({.type = PacketHandler::all, .name = "my_tap", .func = count_into(taps)});
  const auto other = w.engine->add_packet_handler({.type = 0x0800, .port = "net0", .name = "my_ip", .func = count_into(mine)});
  REQUIRE((tap && other));
  CHECK(w.engine->proc_net_ptype() ==
        "Type Device      Function\nALL           my_tap\n0800 net0     my_ip\n86dd          ipv6_rcv\n0806          arp_rcv\n0800          ip_rcv\n");
  for (std::uint16_t i = 0; i < 10; ++i) w.inject(static_cast<std::uint16_t>(1000 + i));
  w.run();
  CHECK(w.arrived.size() == 10);
  CHECK((taps == 10 && mine == 10));
  w.engine->remove_packet_handler(*tap);
  w.engine->remove_packet_handler(0);  // no handler of the application's: nothing
  w.inject(1000);
  w.run();
  CHECK((taps == 10 && mine == 11));
  CHECK(w.arrived.at(1000).size() == 2);
}

TEST_CASE("G3: what a handler lacks is said") {
  SteeringWorld w(1);
  const auto error = [&](PacketHandler handler) {
    const auto added = w.engine->add_packet_handler(std::move(handler));
    return added ? std::string("none") : std::to_string(added.error().code) + " " + added.error().message;
  };
  const auto nothing = [](std::uint16_t, pkt::Packet frame) { pkt::consume(std::move(frame)); };
  CHECK(error({.type = 0x0800, .name = "a"}) == std::to_string(EINVAL) + " packet handler 'a': it has no function; set func");
  CHECK(error({.type = 5, .name = "a", .func = nothing}).find("0x0600 or more") != std::string::npos);
  CHECK(error({.type = 0x0800, .port = "eth9", .name = "a", .func = nothing}) ==
        std::to_string(ENODEV) + " packet handler 'a': no interface is named 'eth9'");
  CHECK(w.engine->ifindex("net0") == 1);
  CHECK(w.engine->ifindex("lo") == 2);
}

TEST_CASE("G6: a port's rx_handler takes frames, sends them to another port's stack, or lets them pass; a second one is refused") {
  SteeringWorld w(1, {}, 2);
  w.listen();
  RxVerdict verdict = RxVerdict::pass;
  std::uint16_t taken = 0;
  const auto handler = [&](std::uint16_t, pkt::Packet& frame) {
    if (verdict == RxVerdict::consumed) {
      ++taken;
      pkt::consume(std::move(frame));
    }
    if (verdict == RxVerdict::another) frame.meta().ifindex = w.engine->ifindex("net1").value();
    return verdict;
  };
  PortControl port = w.port();
  REQUIRE(port.set_rx_handler(handler));
  const auto second = port.set_rx_handler(handler);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == EBUSY);
  const auto received = [&] {
    const std::size_t before = w.arrived[1000].size();
    w.inject(1000);
    w.run();
    return w.arrived[1000].size() - before;
  };
  CHECK(received() == 1);
  verdict = RxVerdict::consumed;
  CHECK(received() == 0);
  CHECK(taken == 1);
  verdict = RxVerdict::another;
  CHECK(received() == 1);  // one stack is on both
  verdict = RxVerdict::exact;
  CHECK(received() == 0);
  CHECK(w.count("drop", "unknown_ethertype") == 1);
  port.remove_rx_handler();
  CHECK(received() == 1);
  CHECK(port.set_rx_handler(handler));
}
