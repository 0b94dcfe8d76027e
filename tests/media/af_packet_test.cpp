// SPDX-License-Identifier: BSD-3-Clause
// What net_af_packet does that the suite does not ask. Part of the program that runs it on AF_PACKET.
#include "tests/conformance/opened.hpp"
#include "tests/media/kernel.hpp"

using namespace millrace;
using namespace millrace::media;

TEST_CASE("af_packet: every queue that the device was made with is used, for the kernel spreads over all of them") {
  static_cast<void>(conformance::subjects());  // which enters the network namespace
  test::make_veth("fan", "fans");
  test::KernelInterface near("fan"), far("fans");
  near.set_up(true);
  far.set_up(true);
  {
    test::Host host(2047);
    const auto port = ethdev::open({.name = "net_af_packet7", .args = "iface=fan,qpairs=2", .rx_queues = 1, .pools = {&*host.pool}});
    REQUIRE(port);
    REQUIRE((*port)->info().rx_queues == 2);
    test::PacketSocket sender(far);
    constexpr std::size_t flows = 64;
    for (std::size_t n = 0; n < flows; ++n) sender.send(test::RawFrame{.proto = 17, .payload = 100, .destination_port = static_cast<std::uint16_t>(1000 + n), .destination = (*port)->info().mac}.bytes());
    std::size_t arrived = 0;
    for (; arrived < flows; ++arrived) {
      pkt::Packet got = host.receive(**port);
      if (!got) break;
      pkt::consume(std::move(got));
    }
    CHECK(arrived == flows);
    CHECK((*port)->rx_queue(0).counted.packets.value() != 0);
    CHECK((*port)->rx_queue(1).counted.packets.value() != 0);
  }
  near.remove();
}
