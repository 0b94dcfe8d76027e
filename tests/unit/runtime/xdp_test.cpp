// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/xdp.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <algorithm>
#include <cerrno>

using namespace millrace;
using stats::DropReason;
using test::SteeringWorld;

namespace {

/// Frames that a port was given to send.
std::size_t sent_by(SteeringWorld& w, std::string_view port) {
  std::size_t n = 0;
  while (!w.engine->take(port).empty()) ++n;
  return n;
}

}  // namespace

TEST_CASE("G11: an early hook passes, drops, sends back and redirects frames before GRO, and each is counted") {
  SteeringWorld w(2, {}, 2);
  w.listen();
  const std::uint16_t net1 = *w.engine->ifindex("net1");
  const std::uint16_t lo = *w.engine->ifindex("lo");
  std::size_t seen = 0;
  REQUIRE(w.port().set_xdp([&](std::uint16_t, pkt::Packet& frame) {
    ++seen;
    switch (frame.data()[42]) {  // the datagram's first byte
      case 1: return XdpAction::drop;
      case 2: {  // a mirror
        auto bytes = frame.data();
        std::swap_ranges(bytes.begin(), bytes.begin() + 6, bytes.begin() + 6);
        return XdpAction::tx;
      }
      case 3: frame.meta().ifindex = net1; return XdpAction::redirect;
      case 4: frame.meta().ifindex = lo; return XdpAction::redirect;
      default: return XdpAction::pass;
    }
  }));
  for (const std::uint8_t number : {0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4}) w.inject(1000, number);
  w.run();
  CHECK(seen == 15);
  CHECK(w.arrived[1000].size() == 5);
  const std::vector<std::uint8_t> back = w.engine->take("net0");
  REQUIRE(back.size() > 42);
  CHECK(std::equal(back.begin() + 6, back.begin() + 12, SteeringWorld::mac_of(0).bytes.begin()));
  CHECK(back[42] == 2);
  CHECK(sent_by(w, "net0") == 2);
  CHECK(sent_by(w, "net1") == 2);
  for (const auto& [name, count] : {std::pair{"pass", 5u}, {"drop", 4u}, {"tx", 3u}, {"redirect", 2u}, {"redirect_err", 1u}}) {
    INFO(name);
    CHECK(w.count("xdp", name) == count);
  }
  CHECK(w.count("drop", stats::info(DropReason::xdp_drop).name) == 4);
  CHECK(w.count("drop", stats::info(DropReason::xdp_no_port).name) == 1);
}

TEST_CASE("G11: one hook a port; it stays while queues move and the port goes down, and is gone when it is removed") {
  SteeringWorld w(2);
  w.listen();
  int seen = 0;
  const XdpHook hook = [&](std::uint16_t, pkt::Packet&) {
    ++seen;
    return XdpAction::drop;
  };
  CHECK(w.port().set_xdp(nullptr).error().code == EINVAL);
  REQUIRE(w.port().set_xdp(hook));
  CHECK(w.port().set_xdp(hook).error().code == EBUSY);
  const auto send = [&] {
    w.inject(1000);
    w.run();
  };
  send();
  REQUIRE(w.port().set_smp_affinity(0, 0b10));
  send();
  w.port().set_up(false);
  w.port().set_up(true);
  send();
  CHECK(seen == 3);
  CHECK(w.arrived.empty());
  w.port().remove_xdp();
  send();
  CHECK(seen == 3);
  CHECK(w.arrived[1000].size() == 1);
}

TEST_CASE("G11: a frame that the hook has given another head goes on with it") {
  SteeringWorld w(1);
  w.listen();
  REQUIRE(w.port().set_xdp([&](std::uint16_t, pkt::Packet& frame) {
    frame.trim_front(8);  // a tunnel's header
    return XdpAction::pass;
  }));
  std::vector<std::uint8_t> frame = test::RawFrame{.payload = 8, .first_byte = 7, .source_port = 1000, .destination_port = 2000, .destination = SteeringWorld::mac_of(0)}.bytes();
  frame.insert(frame.begin(), 8, 0xee);
  w.engine->inject("net0", frame);
  w.run();
  REQUIRE(w.arrived[1000].size() == 1);
  CHECK(w.arrived[1000][0].number == 7);
}
