// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/rx_poller.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/two_lcores.hpp"

#include <deque>

using namespace millrace;
using test::RawFrame;

namespace {

// A queue that hands out the frames it was given.
class Queue final : public port::RxQueue {
 public:
  std::uint16_t receive(Env& env, pkt::Burst& burst, std::uint16_t budget) override {
    std::uint16_t n = 0;
    for (; n < budget && !frames.empty(); ++n) {
      pkt::Packet packet = env.pool->allocate();
      std::copy(frames.front().begin(), frames.front().end(), packet.append(static_cast<std::uint16_t>(frames.front().size())));
      packet.meta().ifindex = 1;
      packet.meta().rx_time = env.now;
      frames.pop_front();
      burst.push(std::move(packet));
    }
    return n;
  }
  std::deque<std::vector<std::uint8_t>> frames;
};

struct Rig {
  test::TwoLcores lcores;
  Queue queue;
  runtime::RxPoller poller{{.queue = queue, .receive = lcores.a.receive, .arrival = {.mac = RawFrame{}.destination, .ifindex = 1, .napi_id = 7}}, gro::Config{}};
  poll::NapiList list;
  Env& env = lcores.a.lcore.env;
};

}  // namespace

TEST_CASE("X19: a poll takes up to its weight, completes below it, passes everything on, and wants the next at once") {
  Rig rig;
  for (int i = 0; i < 70; ++i) rig.queue.frames.push_back(RawFrame{}.bytes());
  rig.poller.enable();
  REQUIRE(rig.poller.schedule(rig.list));
  CHECK(rig.poller.poll(rig.env, 64) == 64);
  CHECK(rig.poller.is_scheduled());
  rig.poller.weight_used(rig.env);
  CHECK(rig.poller.poll(rig.env, 64) == 6);
  CHECK_FALSE(rig.poller.is_scheduled());
  CHECK(rig.poller.wants_poll());
  CHECK(rig.lcores.a.delivered() == 70);
}

TEST_CASE("G7: the destination address decides the packet type before anybody looks further") {
  const MacAddress broadcast{{255, 255, 255, 255, 255, 255}};
  for (const auto& [mac, expected] : {std::pair{RawFrame{}.destination, pkt::PacketType::host}, {broadcast, pkt::PacketType::broadcast},
                                      {MacAddress{{0x33, 0x33, 0, 0, 0, 1}}, pkt::PacketType::multicast},
                                      {MacAddress{{2, 9, 9, 9, 9, 9}}, pkt::PacketType::other_host}}) {
    Rig rig;
    rig.lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
    rig.queue.frames.push_back(RawFrame{.destination = mac}.bytes());
    rig.poller.poll(rig.env, 64);
    pkt::Mbuf* m = nullptr;
    REQUIRE(rig.lcores.rings.dequeue(0, 1, &m, 1) == 1);
    CHECK(m->meta.type == expected);
    CHECK(m->meta.napi_id == 7);
    CHECK(m->meta.ethertype == 0x0800);
    pkt::consume(pkt::Packet::adopt(m));
  }
}

TEST_CASE("a frame too short for its Ethernet header is dropped by name") {
  Rig rig;
  rig.queue.frames.push_back(std::vector<std::uint8_t>(13));
  rig.poller.poll(rig.env, 64);
  CHECK(rig.env.stats->drop[stats::DropReason::bad_frame] == 1);
}

TEST_CASE("X21: what another lcore owns or rps_cpus gives it is not summed by the receiving one, and verified before anybody sees it") {
  const RawFrame frame{.proto = 17, .payload = 1000};
  for (const bool by_rps : {false, true}) {
    Rig rig;
    rig.lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse(by_rps ? "2" : "1"));
    int owned = 0;
    const FlowKey key{.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = frame.destination_port,
                      .remote_port = frame.source_port, .stack = 0, .proto = 17};
    if (!by_rps) REQUIRE(rig.lcores.flows_b.insert(key, &owned));
    const auto ports = std::make_unique<gro::UdpPorts>();
    ports->add(frame.destination_port);
    rig.poller.configure_gro(rig.env, {.poll_hold = Duration::zero(), .udp_ports = ports.get()});
    for (int i = 0; i < 10; ++i) rig.queue.frames.push_back(frame.bytes());
    rig.queue.frames[4][500] ^= 1;
    rig.poller.poll(rig.env, 64);
    rig.poller.drain(rig.env);
    CHECK(rig.lcores.rings.waiting(1) == 1);
    auto& b = rig.lcores.b;
    b.backlog.poll(b.lcore.env, 64);
    CHECK(b.delivered() == 3);
    CHECK(rig.env.stats->gro[stats::Gro::checksum_computed] == 0);
    CHECK(rig.env.stats->gro[stats::Gro::checksum_deferred] == 10);
    CHECK(b.lcore.stats.gro[stats::Gro::checksum_computed] == 10);
    CHECK(b.lcore.stats.gro[stats::Gro::checksum_bad] == 1);
  }
}

TEST_CASE("X21: what the receiving lcore owns is summed there") {
  const RawFrame frame{.proto = 17, .payload = 1000};
  Rig rig;
  rig.lcores.a.steer.set_rps(1, 0, *steer::RpsMap::parse("2"));
  int owned = 0;
  REQUIRE(rig.lcores.flows_a.insert({.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = frame.destination_port,
                                     .remote_port = frame.source_port, .stack = 0, .proto = 17}, &owned));
  const auto ports = std::make_unique<gro::UdpPorts>();
  ports->add(frame.destination_port);
  rig.poller.configure_gro(rig.env, {.udp_ports = ports.get()});
  for (int i = 0; i < 10; ++i) rig.queue.frames.push_back(frame.bytes());
  rig.poller.poll(rig.env, 64);
  rig.poller.drain(rig.env);
  CHECK(rig.lcores.a.delivered() == 1);
  CHECK(rig.env.stats->gro[stats::Gro::checksum_computed] == 10);
  CHECK(rig.env.stats->gro[stats::Gro::checksum_deferred] == 0);
}
