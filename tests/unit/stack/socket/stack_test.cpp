// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/socket/stack.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/two_engines.hpp"

#include <millrace/steer/flow_table.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/protocol.hpp>

#include <cerrno>

using namespace millrace;
using test::endpoint;

namespace {

struct Wire final : neighbor::LinkOutput {
  void transmit(pkt::Packet frame) override {
    frames.push_back(test::bytes_of(frame));
    pkt::consume(std::move(frame));
  }
  std::vector<std::vector<std::uint8_t>> frames;
};

/// One lcore's stack with 10.77.0.2/24 on interface 1, its link in the test's hands.
struct World {
  explicit World(std::uint32_t flows_capacity = 64) : flows(flows_capacity, 1) {
    neighbor::Interface interface;
    interface.ifindex = 1;
    interface.name = "eth0";
    interface.mac = {{2, 0, 0, 0, 0, 2}};
    interface.addresses = {*IpPrefix::parse("10.77.0.2/24")};
    interface.output = &wire;
    auto added = stack.add_interface(std::move(interface));
    REQUIRE(added.has_value());
    CHECK((*added)->name == "eth0");
  }
  ~World() {
    stack.shut_down();
    CHECK(flows.size() == 0);
  }
  void receive(std::vector<std::uint8_t> frame, std::uint16_t ethertype, pkt::PacketType type = pkt::PacketType::host) {
    pkt::Packet packet = lcore.pool.packet(frame);
    packet.meta().ifindex = 1;
    packet.meta().ethertype = ethertype;
    packet.meta().type = type;
    packet.meta().l3_offset = wire::ethernet_header_bytes;
    stack.receive(std::move(packet));
    stack.flush();
  }
  [[nodiscard]] std::uint64_t drops(stats::DropReason reason) const { return lcore.stats.drop[reason]; }

  test::LcoreEnv lcore;
  Wire wire;
  steer::FlowTable flows;
  socket::Stack stack{lcore.env, flows, {.id = 3}};
};

const std::vector<std::uint8_t> arp_request = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,  1,  8, 6,
                                               0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,  0,  0, 1,
                                               10,   77,   0,    1,    0,    0,    0, 0, 0, 0, 10, 77, 0, 2};

}  // namespace

TEST_CASE("frames go by their ethertype; others' and unknown ones are dropped with their reasons") {
  World w;
  CHECK(w.stack.id() == 3);
  w.receive(arp_request, wire::ethertype::arp);
  REQUIRE(w.wire.frames.size() == 1);
  CHECK(w.wire.frames[0][21] == 2);  // a reply
  w.receive(std::vector<std::uint8_t>(60), 0x88cc);
  CHECK(w.drops(stats::DropReason::unknown_ethertype) == 1);
  w.receive(arp_request, wire::ethertype::arp, pkt::PacketType::other_host);
  CHECK(w.drops(stats::DropReason::other_host) == 1);
  w.receive(std::vector<std::uint8_t>(60), wire::ethertype::ipv4);
  CHECK(w.drops(stats::DropReason::ip_bad_header) == 1);
  w.receive(std::vector<std::uint8_t>(60), wire::ethertype::ipv6);
  CHECK(w.drops(stats::DropReason::ip_bad_header) == 2);
}

TEST_CASE("F22: what is bound stands in the flow table while it is, and a full table refuses") {
  World w(2);
  socket::Sockets& sockets = w.stack.sockets();
  REQUIRE(sockets.listen(endpoint("0.0.0.0:80"), 1, [](socket::Stream&) {}));
  CHECK(w.flows.contains(steer::bound_key(endpoint("0.0.0.0:80"), wire::ip_proto::tcp, 3)));
  auto socket = sockets.bind_udp(endpoint("10.77.0.2:7"));
  REQUIRE(socket.has_value());
  CHECK(w.flows.contains(steer::bound_key(endpoint("10.77.0.2:7"), wire::ip_proto::udp, 3)));

  CHECK(sockets.listen(endpoint("0.0.0.0:81"), 1, [](socket::Stream&) {}).error().code == ENOBUFS);
  CHECK(sockets.bind_udp(endpoint("10.77.0.2:8")).error().code == ENOBUFS);
  CHECK(sockets.connect(endpoint("10.77.0.1:80")).error().code == ENOBUFS);

  // Connected, it owns a flow, also when there was no room for two entries at once.
  REQUIRE((*socket)->connect(endpoint("10.77.0.1:9")) == 0);
  const FlowKey flow{IpAddress::v4(10, 77, 0, 2), IpAddress::v4(10, 77, 0, 1), 7, 9, 3, wire::ip_proto::udp};
  CHECK(w.flows.contains(flow));
  CHECK_FALSE(w.flows.contains(steer::bound_key(endpoint("10.77.0.2:7"), wire::ip_proto::udp, 3)));
  CHECK(w.flows.size() == 2);
  (*socket)->close();
  CHECK(w.flows.size() == 1);
  REQUIRE(sockets.listen(endpoint("0.0.0.0:81"), 1, [](socket::Stream&) {}));
  sockets.stop_listening(endpoint("0.0.0.0:80"));
  sockets.stop_listening(endpoint("0.0.0.0:81"));
  CHECK(w.flows.size() == 0);
  CHECK(sockets.bind_udp(endpoint("10.77.0.2:8")).has_value());
}

TEST_CASE("shut_down ends everything, with packets waiting everywhere") {
  World w;
  socket::Sockets& sockets = w.stack.sockets();
  int told = 0;
  const auto held = std::make_shared<int>();
  auto stream = sockets.connect(endpoint("10.77.0.1:80"));
  REQUIRE(stream.has_value());
  (*stream)->on_closed([&told, held](socket::Stream&, int) { ++told; });
  (*sockets.bind_udp(endpoint("10.77.0.2:7")))->send_to(test::bytes("waits for ARP"), endpoint("10.77.0.1:7"));
  REQUIRE(sockets.listen(endpoint("0.0.0.0:80"), 1, [held](socket::Stream&) {}));
  sockets.after(1s, [held] {});
  w.stack.flush();
  CHECK(held.use_count() == 4);
  w.stack.shut_down();
  CHECK(told == 0);
  CHECK(held.use_count() == 1);
}

TEST_CASE("G2: a frame of a VLAN is not for the untagged interface; one that carries only a priority is") {
  for (const auto& [tci, answered] : {std::pair{std::uint8_t{5}, false}, {std::uint8_t{0}, true}}) {
    World w;
    std::vector<std::uint8_t> tagged = arp_request;
    const std::array<std::uint8_t, 4> tag{0x81, 0x00, 0xa0, tci};
    tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
    pkt::Packet packet = w.lcore.pool.packet(tagged);
    packet.meta().ifindex = 1;
    packet.meta().ethertype = wire::ethertype::arp;
    packet.meta().type = pkt::PacketType::broadcast;
    packet.meta().l3_offset = wire::ethernet_header_bytes + wire::vlan_tag_bytes;
    w.stack.receive(std::move(packet));
    CHECK(w.drops(stats::DropReason::unknown_vlan) == (answered ? 0 : 1));
    CHECK(w.wire.frames.size() == (answered ? 1 : 0));
  }
}
