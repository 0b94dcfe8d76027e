// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/top.hpp>

#include "tests/unit/engine/steering_world.hpp"

#include <numeric>

using namespace millrace;
using test::SteeringWorld;

namespace {

constexpr std::size_t rx_lcores = 8;
constexpr std::size_t all_lcores = 16;
constexpr std::uint16_t flows = 256;

/// 16 lcores, of which the first 8 poll a queue each; a datagram costs whoever delivers it 1 us.
struct World : SteeringWorld {
  World()
      : SteeringWorld(all_lcores, [](Config& config) {
          config.eal.pool_packets = 1023;
          config.ports[0].rx_queues = rx_lcores;
          for (std::uint16_t lcore = 0; lcore < rx_lcores; ++lcore) config.ports[0].rx_lcores.push_back(lcore);
        }) {
    const auto bound = engine->bind_udp({IpAddress::v4(0, 0, 0, 0), port_number}, [this](UdpSocket& socket) {
      socket.on_readable([this](UdpSocket& readable) {
        std::array<std::uint8_t, 64> bytes;
        Endpoint from;
        while (readable.receive_from(bytes, from) > 0) engine->set_clock(engine->now() + 1us);
      });
    });
    if (!bound) FAIL(bound.error().message);
  }
  /// Where the time went while each flow brought a datagram.
  std::vector<LcoreTime> traffic() {
    run();
    before = engine->stats();
    for (std::uint16_t flow = 0; flow < flows; ++flow) inject(static_cast<std::uint16_t>(1000 + flow));
    run(20);
    after = engine->stats();
    return lcore_times(before, after);
  }
  [[nodiscard]] std::uint64_t spent(std::string_view name, std::size_t first, std::size_t end) const {
    std::uint64_t sum = 0;
    for (std::size_t lcore = first; lcore < end; ++lcore)
      sum += after.find("softnet", name)->by_lcore[lcore] - before.find("softnet", name)->by_lcore[lcore];
    return sum;
  }
  Stats before, after;
};

}  // namespace

TEST_CASE("C14: 8 rx lcores are busy and 8 others idle; with rps_cpus the load is on the workers") {
  World w;
  std::vector<LcoreTime> times = w.traffic();
  REQUIRE(times.size() == all_lcores);
  for (std::size_t lcore = 0; lcore < all_lcores; ++lcore) {
    CAPTURE(lcore);
    CHECK((times[lcore].si > 0) == (lcore < rx_lcores));
    CHECK(times[lcore].us == 0);
    CHECK(times[lcore].us + times[lcore].si + times[lcore].id == Approx(100));
    CHECK(times[lcore].proto == times[lcore].si);
  }
  CHECK(w.spent("time_proto_ns", 0, rx_lcores) == flows * 1'000u);

  for (std::uint16_t queue = 0; queue < rx_lcores; ++queue) REQUIRE(w.port().set_rps_cpus(queue, config::LcoreMask(0xff00)));
  times = w.traffic();
  for (std::size_t lcore = 0; lcore < all_lcores; ++lcore) {
    CAPTURE(lcore);
    CHECK((times[lcore].proto > 0) == (lcore >= rx_lcores));
  }
  CHECK(w.spent("time_proto_ns", rx_lcores, all_lcores) == flows * 1'000u);
  CHECK(w.spent("time_softirq_ns", rx_lcores, all_lcores) == flows * 1'000u);
}

TEST_CASE("C14: calls of the application are us, and what they bring about at their end is si") {
  SteeringWorld w(1);
  const Stats before = w.engine->stats();
  w.engine->post(0, [&](Sockets&) { w.engine->set_clock(w.engine->now() + 30us); });
  w.run(1);
  w.engine->set_clock(w.engine->now() + 70us);
  w.run(1);
  const std::vector<LcoreTime> times = lcore_times(before, w.engine->stats());
  REQUIRE(times.size() == 1);
  CHECK(times[0].us == Approx(30));
  CHECK(times[0].si == 0);
  CHECK(times[0].id == Approx(70));
}

TEST_CASE("C14: top has a line for each lcore; an lcore for which no time went by has zeros") {
  const auto snapshot = [](std::uint64_t scale) {
    Stats stats;
    for (const auto& [name, ns] : {std::pair{"time_app_ns", 100u}, {"time_softirq_ns", 850u}, {"time_rx_ns", 50u}, {"time_gro_ns", 125u},
                                   {"time_steer_ns", 25u}, {"time_proto_ns", 600u}, {"time_idle_ns", 50u}})
      stats.counters.push_back({"softnet", name, "", {ns * scale, 7}});
    return stats;
  };
  CHECK(top(snapshot(3), snapshot(1003)) ==
        "lcore     us     si     id   of si:   rx    gro  steer  proto\n"
        "    0   10.0   85.0    5.0          5.0   12.5    2.5   60.0\n"
        "    1    0.0    0.0    0.0          0.0    0.0    0.0    0.0\n");
  CHECK(top(Stats{}, Stats{}) == "lcore     us     si     id   of si:   rx    gro  steer  proto\n");
}
