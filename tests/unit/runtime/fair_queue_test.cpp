// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/fair_queue.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/raw_frame.hpp"

#include <map>

using namespace millrace;
using runtime::FairQueue;

namespace {

struct Rig {
  test::LcoreEnv lcore;
  FairQueue queue{lcore.env};

  [[nodiscard]] pkt::Packet frame(std::uint16_t flow, std::size_t payload, std::uint8_t number = 0, bool v6 = false) {
    const test::RawFrame raw{.v6 = v6, .payload = payload, .first_byte = number, .source_port = flow};
    pkt::Packet packet = lcore.pool.packet(raw.bytes());
    packet.meta().l3_offset = 14;
    packet.meta().l4_offset = static_cast<std::uint16_t>(raw.l4_offset());
    return packet;
  }
  void push(std::uint16_t flow, std::size_t payload, std::uint8_t number = 0) { queue.push(frame(flow, payload, number)); }
  /// The flow and number of the next frame.
  std::pair<int, int> next() {
    pkt::Packet packet = queue.pop();
    if (!packet) return {-1, -1};
    const std::pair<int, int> is{packet.data()[34] << 8 | packet.data()[35], packet.length() > 42 ? packet.data()[42] : 0};
    pkt::consume(std::move(packet));
    return is;
  }
};

}  // namespace

TEST_CASE("I5: flows take turns by bytes, and each keeps its order") {
  Rig rig;
  for (std::uint8_t i = 0; i < 100; ++i) {
    rig.push(1, 1400, i);
    rig.push(2, 658, i);  // half the bytes a frame
  }
  CHECK(rig.queue.size() == 200);
  std::map<int, int> bytes, last{{1, -1}, {2, -1}};
  for (int i = 0; i < 120; ++i) {
    const auto [flow, number] = rig.next();
    CHECK(number == last[flow] + 1);
    last[flow] = number;
    bytes[flow] += flow == 1 ? 1442 : 700;
    CHECK(std::abs(bytes[1] - bytes[2]) <= 2 * FairQueue::quantum);
  }
}

TEST_CASE("I5: a flow that begins comes before those that have been sending, once") {
  Rig rig;
  for (std::uint8_t i = 0; i < 50; ++i) rig.push(1, 1400, i);
  for (int i = 0; i < 5; ++i) CHECK(rig.next().first == 1);
  rig.push(7, 56);
  CHECK(rig.next().first == 7);
  // One that comes again at once is an old flow by then, and waits for its turn.
  rig.push(7, 1400);
  rig.push(7, 1400);
  rig.push(7, 1400);
  std::map<int, int> of;
  for (int i = 0; i < 6; ++i) ++of[rig.next().first];
  CHECK(of[1] >= 2);
  CHECK(of[7] >= 2);
}

TEST_CASE("I5: who makes room takes from the flow that has the most bytes, its oldest frame") {
  Rig rig;
  for (std::uint8_t i = 0; i < 10; ++i) rig.push(1, 1400, i);
  for (std::uint8_t i = 0; i < 12; ++i) rig.push(2, 60, i);
  for (int i = 0; i < 5; ++i) {
    pkt::Packet victim = rig.queue.pop_of_largest();
    CHECK(victim.data()[35] == 1);
    CHECK(victim.data()[42] == i);
    pkt::consume(std::move(victim));
  }
  CHECK(rig.queue.size() == 17);
  CHECK(rig.queue.bytes() == 5 * 1442 + 12 * 102);
}

TEST_CASE("I5: the bytes of a flow are told by its addresses and ports, of both versions; what is no IP is a flow, too") {
  Rig rig;
  const auto key = [](bool v6, std::uint16_t port) {
    return FlowKey{v6 ? *IpAddress::parse("fd00:77::1") : IpAddress::v4(10, 77, 0, 1), v6 ? *IpAddress::parse("fd00:77::2") : IpAddress::v4(10, 77, 0, 2), port, 2000, 0, 17, 0};
  };
  rig.queue.push(rig.frame(1, 100));
  rig.queue.push(rig.frame(1, 100, 0, true));
  rig.queue.push(rig.frame(1, 100, 0, true));
  rig.queue.push(rig.lcore.pool.packet(std::vector<std::uint8_t>(60)));
  CHECK(rig.queue.bytes_of(key(false, 1)) == 142);
  CHECK(rig.queue.bytes_of(key(true, 1)) == 2 * 162);
  CHECK(rig.queue.bytes_of(key(false, 2)) == 0);
  CHECK(rig.queue.size() == 4);
  int frames = 0;
  while (rig.queue.size() != 0) {
    pkt::Packet packet = rig.queue.pop();
    REQUIRE(packet);
    ++frames;
    pkt::consume(std::move(packet));
  }
  CHECK(frames == 4);
  CHECK_FALSE(rig.queue.pop());
}
