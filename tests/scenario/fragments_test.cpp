// SPDX-License-Identifier: BSD-3-Clause
// Fragments through an engine of two lcores: they meet on one, the socket of the whole is on the other.
#include <millrace/wire/ipv4.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/steering_world.hpp"

using namespace millrace;
using test::RawFrame;

namespace {

using Bytes = std::vector<std::uint8_t>;

// A frame of RawFrame's cut into fragments of `size` bytes of payload.
std::vector<Bytes> cut(const RawFrame& whole, std::size_t size, std::uint16_t id) {
  const Bytes frame = whole.bytes();
  std::vector<Bytes> fragments;
  for (std::size_t at = 34; at < frame.size(); at += size) {
    const std::size_t end = std::min(at + size, frame.size());
    Bytes fragment(frame.begin(), frame.begin() + 34);
    wire::Ipv4Header header = wire::Ipv4View::parse(std::span(fragment).subspan(14))->header();
    header.id = id;
    header.total_length = static_cast<std::uint16_t>(20 + end - at);
    header.fragment_offset = static_cast<std::uint16_t>(at - 34);
    header.more_fragments = end < frame.size();
    wire::emit(header, fragment.data() + 14);
    fragment.insert(fragment.end(), frame.begin() + static_cast<std::ptrdiff_t>(at),
                    frame.begin() + static_cast<std::ptrdiff_t>(end));
    fragments.push_back(fragment);
  }
  return fragments;
}

}  // namespace

TEST_CASE("H7: whatever lcore fragments come to, the datagram is read on the one that has its socket") {
  for (const std::uint16_t owner : {0, 1}) {
    test::SteeringWorld world(2);
    REQUIRE(world.engine->on_each_lcore([&](Sockets& sockets) -> Result<void> {
      if (sockets.lcore() != owner) return {};
      Result<UdpSocket*> socket = sockets.bind_udp({IpAddress::v4(0, 0, 0, 0), 2000});
      if (!socket) return tl::unexpected(socket.error());
      (*socket)->on_readable([&world, owner](UdpSocket& readable) {
        std::array<std::uint8_t, 1024> bytes;
        Endpoint from;
        while (readable.receive_from(bytes, from) == 1000) world.arrived[from.port].push_back({owner, bytes[0]});
      });
      return {};
    }));
    for (std::uint16_t n = 0; n < 20; ++n)
      for (const Bytes& fragment : cut({.payload = 1000,
                                   .first_byte = static_cast<std::uint8_t>(n),
                                   .source_port = static_cast<std::uint16_t>(3000 + n),
                                   .destination = test::SteeringWorld::mac_of(0)},
                                       400, n))
        world.engine->inject("net0", fragment);
    world.run();
    CHECK(world.arrived.size() == 20);
    for (const auto& [port, arrived] : world.arrived) {
      REQUIRE(arrived.size() == 1);
      CHECK(arrived[0].lcore == owner);
      CHECK(arrived[0].number == static_cast<std::uint8_t>(port - 3000));
    }
    CHECK(world.count("ip", "InReceives") == 60);
    CHECK(world.count("ip", "ReasmReqds") == 60);
    CHECK(world.count("ip", "ReasmOKs") == 20);
    CHECK(world.count("ip", "InDelivers", owner) == 20);
    CHECK(world.count("softnet", "processed") == 60);
  }
}
