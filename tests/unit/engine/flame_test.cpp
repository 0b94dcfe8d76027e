// SPDX-License-Identifier: BSD-3-Clause
// Where the time of traffic over lo went, under a clock that the application moves on.
#include <millrace/engine/flame.hpp>

#include "tests/unit/engine/steering_world.hpp"

#include <cerrno>
#include <cstdlib>
#include <numeric>

using namespace millrace;
using test::SteeringWorld;

namespace {

constexpr std::size_t datagrams = 500;
constexpr std::uint64_t us = 1000;

/// An lcore sends itself datagrams over lo: sending one takes 1 us of the application's time, reading one 3 us of the
/// stack's, and between bursts of 50 nothing happens for 100 us.
struct World : SteeringWorld {
  World() : SteeringWorld(1) {
    const auto bound = engine->bind_udp({IpAddress::v4(127, 0, 0, 1), port_number}, [this](UdpSocket& socket) {
      socket.on_readable([this](UdpSocket& readable) {
        std::array<std::uint8_t, 64> bytes;
        Endpoint from;
        while (readable.receive_from(bytes, from) > 0) {
          engine->set_clock(engine->now() + 3us);
          ++received;
        }
      });
    });
    if (!bound) FAIL(bound.error().message);
    run();
    before = engine->stats();
    for (std::size_t burst = 0; burst < datagrams / 50; ++burst) {
      engine->post(0, [this](Sockets& sockets) { send(sockets); });
      run(5);
      engine->set_clock(engine->now() + 100us);
      run(1);
    }
    after = engine->stats();
  }
  void send(Sockets& sockets) {
    Result<UdpSocket*> socket = sockets.bind_udp({IpAddress::v4(127, 0, 0, 1), 0});
    if (!socket) FAIL(socket.error().message);
    const std::array<std::uint8_t, 8> bytes{};
    for (int i = 0; i < 50; ++i) {
      engine->set_clock(engine->now() + 1us);
      (*socket)->send_to(bytes, {IpAddress::v4(127, 0, 0, 1), port_number});
    }
    (*socket)->close();
  }
  std::size_t received = 0;
  Stats before, after;
};

std::uint64_t ns_of(const std::vector<TimeStack>& stacks, std::string_view frames) {
  std::uint64_t sum = 0;
  for (const TimeStack& stack : stacks)
    if (stack.frames == frames) sum += stack.ns;
  return sum;
}

std::uint32_t sum_of(const std::vector<StageShare>& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0u, [](std::uint32_t sum, const StageShare& share) { return sum + share.hundredths; });
}

std::size_t occurrences(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

}  // namespace

TEST_CASE("M5: the stages of traffic over lo are told apart, and their shares are 100 percent") {
  World w;
  REQUIRE(w.received == datagrams);
  const std::vector<TimeStack> stacks = time_stacks(w.before, w.after);
  CHECK(ns_of(stacks, "lcore0;application") == datagrams * 1 * us);
  CHECK(ns_of(stacks, "lcore0;softirq;net_rx;proto") == datagrams * 3 * us);
  CHECK(ns_of(stacks, "lcore0;idle") == datagrams / 50 * 100 * us);
  CHECK(ns_of(stacks, "lcore0;softirq;other") == 0);
  const std::vector<StageShare> shares = stage_shares(stacks);
  CHECK(sum_of(shares) == 10'000);
  for (const StageShare& share : shares) {
    CAPTURE(share.stage);
    // 500, 1500 and 1000 of 3000 us: 16.67, 50 and 33.33 percent.
    const std::uint32_t expected = share.stage == "application" ? 1667 : share.stage == "proto" ? 5000 : share.stage == "idle" ? 3333 : 0;
    CHECK(share.hundredths == expected);
  }
}

TEST_CASE("M5: the shares are 100 percent however the time is divided") {
  for (std::uint64_t n = 1; n < 200; ++n) {
    const std::vector<TimeStack> stacks{{"lcore0;application", n}, {"lcore0;softirq;net_rx;rx", n * n % 97}, {"lcore0;softirq;net_rx;gro", 7},
                                        {"lcore0;softirq;net_rx;proto", n * 31 % 64}, {"lcore1;idle", 3}, {"lcore0;idle", n % 5}};
    CHECK(sum_of(stage_shares(stacks)) == 10'000);
  }
  CHECK(stage_shares({}).empty());
  CHECK(stage_shares({{"lcore0;idle", 0}}).empty());
}

TEST_CASE("M5: folded stacks are a line each, of frames and nanoseconds") {
  CHECK(folded_text({{"lcore0;application", 5}, {"lcore0;softirq;net_rx;rx", 12}}) == "lcore0;application 5\nlcore0;softirq;net_rx;rx 12\n");
  World w;
  const std::vector<TimeStack> stacks = time_stacks(w.before, w.after);
  std::uint64_t sum = 0;
  for (const TimeStack& stack : stacks) sum += stack.ns;
  std::uint64_t told = 0;
  const std::string text = folded_text(stacks);
  for (std::size_t at = text.find(' '); at != std::string::npos; at = text.find(' ', at + 1)) told += std::strtoull(&text[at + 1], nullptr, 10);
  CHECK(told == sum);
  CHECK(sum == 3000 * us);
}

TEST_CASE("M5: the flame graph has a box for each frame, as wide as its share, and no letter that XML forbids") {
  const std::string svg = flame_svg({{"lcore0;a<b>&\"c\"", 750}, {"lcore0;idle", 250}}, "iperf & \x01 <lo>");
  CHECK(occurrences(svg, "<g>") == 4);  // all, lcore0, and the two
  CHECK(occurrences(svg, "</g>") == 4);
  CHECK(occurrences(svg, "<text ") == occurrences(svg, "</text>"));
  CHECK(svg.find("iperf &amp; ? &lt;lo&gt;") != std::string::npos);
  CHECK(svg.find("<title>a&lt;b&gt;&amp;&quot;c&quot;: 0.000001 s, 75.00%</title>") != std::string::npos);
  // 1180 of 1200 are the whole's.
  CHECK(occurrences(svg, "width=\"1180.00\"") == 2);
  CHECK(occurrences(svg, "x=\"10.00\" y=\"36.00\" width=\"885.00\"") == 1);
  CHECK(occurrences(svg, "x=\"895.00\" y=\"36.00\" width=\"295.00\"") == 1);
  CHECK(svg.substr(svg.size() - 7) == "</svg>\n");
  CHECK(flame_svg({}, "nothing").find("<g>") == std::string::npos);
}
