// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/engine/port_control.hpp>

#include <millrace/base/log.hpp>
#include <millrace/base/rng.hpp>
#include <millrace/steer/steer.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/engine/steering_world.hpp"

#include <cerrno>

using namespace millrace;
using test::SteeringWorld;

namespace {

constexpr IpAddress here = IpAddress::v4(10, 77, 0, 2);
constexpr IpAddress there = IpAddress::v4(10, 77, 0, 1);
constexpr std::uint16_t first_port = 2000;

/// Four lcores with an rx queue each, and a connected socket for every flow on each lcore. Flow f goes to port 2000 + f.
struct Readers {
  struct Arrived {
    std::uint16_t lcore;
    std::uint8_t number;
  };

  explicit Readers(std::uint16_t flows, std::uint32_t rps_flow_cnt, bool ntuple = true, std::int64_t max_restart = 10)
      : world(4, [&](Config& c) {
          c.sysctl.softirq_max_restart = max_restart;
          c.ports[0].rx_queues = 4;
          c.ports[0].rps_flow_cnt = rps_flow_cnt;
          c.ports[0].ntuple = ntuple;
          c.sysctl.rps_sock_flow_entries = 32768;
        }) {
    arrived.resize(flows);
    sent.resize(flows);
    for (auto& on_lcore : sockets) on_lcore.resize(flows);
    const auto bound = world.engine->on_each_lcore([&](Sockets& on) -> Result<void> {
      for (std::uint16_t flow = 0; flow < flows; ++flow) {
        UdpSocket& socket = **on.bind_udp({here, static_cast<std::uint16_t>(first_port + flow)});
        REQUIRE(socket.connect({there, 1000}) == 0);
        sockets[on.lcore()][flow] = &socket;
        socket.on_readable([this, flow, lcore = on.lcore()](UdpSocket& readable) {
          std::array<std::uint8_t, 64> bytes;
          Endpoint from;
          while (readable.receive_from(bytes, from) > 0) arrived[flow].push_back({lcore, bytes[0]});
        });
      }
      return {};
    });
    REQUIRE(bound);
    // Making the sockets was a call as well: as if they were read where RSS brings their flows.
    const wire::RssSpread spread(*world.port().rss());
    for (std::uint16_t flow = 0; flow < flows; ++flow) {
      rss_lcore.push_back(spread.choose(key(flow)).queue);
      read_on(rss_lcore[flow], flow);
    }
  }
  static FlowKey key(std::uint16_t flow) {
    return {.local = here, .remote = there, .local_port = static_cast<std::uint16_t>(first_port + flow), .remote_port = 1000, .stack = 0, .proto = 17, .bound = 0};
  }
  /// The first flow from `from` on that RSS brings to that lcore.
  [[nodiscard]] std::uint16_t flow_at(std::uint16_t lcore, std::uint16_t from = 0) const {
    for (std::uint16_t flow = from; flow < rss_lcore.size(); ++flow)
      if (rss_lcore[flow] == lcore) return flow;
    FAIL("no flow comes to lcore " << lcore);
    return 0;
  }
  /// The application calls the flow's socket on that lcore.
  void read_on(std::uint16_t lcore, std::uint16_t flow) {
    std::array<std::uint8_t, 64> bytes;
    Endpoint from;
    CHECK(sockets[lcore][flow]->receive_from(bytes, from) < 0);
  }
  void send(std::uint16_t flow) { world.inject(1000, sent[flow]++, static_cast<std::uint16_t>(first_port + flow)); }
  /// The lcore that received the last packet, there being no other traffic.
  std::uint16_t receiver_of(std::uint16_t flow) {
    const auto before = received();
    send(flow);
    world.run();
    const auto after = received();
    for (std::uint16_t lcore = 0; lcore < 4; ++lcore)
      if (after[lcore] != before[lcore]) return lcore;
    FAIL("nobody received it");
    return 0;
  }
  [[nodiscard]] std::vector<std::uint64_t> received() const { return world.engine->stats().find("port", "rx_packets")->by_lcore; }
  [[nodiscard]] std::uint64_t count(std::string_view name) const { return world.count("steer", name); }
  void wait(Duration time) {
    world.engine->set_clock(world.engine->now() + time);
    world.run();
  }
  void check_order() const {
    for (std::size_t flow = 0; flow < arrived.size(); ++flow)
      for (std::size_t i = 0; i < arrived[flow].size(); ++i)
        if (arrived[flow][i].number != static_cast<std::uint8_t>(i)) FAIL("flow " << flow << " overtook itself at its packet " << i);
  }

  SteeringWorld world;
  std::array<std::vector<UdpSocket*>, 4> sockets;
  std::vector<std::vector<Arrived>> arrived;  ///< by flow
  std::vector<std::uint8_t> sent;
  std::vector<std::uint16_t> rss_lcore;  ///< by flow
};

}  // namespace

TEST_CASE("F9: the reader of a flow moves: its packets switch to the rx queue of the reader's lcore, and nobody hands them over") {
  Readers r(16, 256);
  const std::uint16_t flow = r.flow_at(0);
  CHECK(r.world.port().flow_rules().empty());
  r.read_on(2, flow);
  CHECK(r.receiver_of(flow) == 0);  // the one that moves the flow
  CHECK(r.arrived[flow].back().lcore == 2);
  CHECK(r.count("arfs_added") == 1);
  const std::uint64_t enqueued = r.count("enqueued");
  for (int i = 0; i < 10; ++i) CHECK(r.receiver_of(flow) == 2);
  CHECK(r.count("enqueued") == enqueued);
  const auto rules = r.world.port().flow_rules();
  REQUIRE(rules.size() == 1);
  CHECK(rules[0].queue == 2);
  CHECK(rules[0].flow == Readers::key(flow));

  r.read_on(3, flow);  // and on: the rule leads elsewhere
  CHECK(r.receiver_of(flow) == 2);
  CHECK(r.receiver_of(flow) == 3);
  CHECK(r.world.port().flow_rules().size() == 1);
  CHECK(r.world.port().flow_rules()[0].queue == 3);
  r.read_on(0, flow);  // home
  CHECK(r.receiver_of(flow) == 3);
  CHECK(r.receiver_of(flow) == 0);
  r.check_order();
}

TEST_CASE("F9: without ntuple RFS hands over in software, and the port gets no rule; switched live") {
  Readers r(16, 256, false);
  CHECK_FALSE(r.world.port().ntuple());
  const std::uint16_t flow = r.flow_at(0);
  r.read_on(2, flow);
  for (int i = 0; i < 3; ++i) CHECK(r.receiver_of(flow) == 0);
  CHECK(r.arrived[flow].back().lcore == 2);
  CHECK(r.world.port().flow_rules().empty());
  REQUIRE(r.world.port().set_ntuple(true));
  CHECK(r.world.port().ntuple());
  CHECK(r.receiver_of(flow) == 0);
  CHECK(r.receiver_of(flow) == 2);
  REQUIRE(r.world.port().set_ntuple(false));
  CHECK(r.world.port().flow_rules().empty());
  CHECK(r.receiver_of(flow) == 0);
  CHECK(r.arrived[flow].back().lcore == 2);
  CHECK(r.count("arfs_expired") == 0);
  r.check_order();
}

TEST_CASE("F9: a rule goes when its flow is idle: 10 * mask packets have gone by since its last one; a new packet has it back") {
  Readers r(32, 8);  // a mask of 7
  const std::uint16_t flow = r.flow_at(0);
  const std::uint16_t other = r.flow_at(2);
  r.read_on(2, other);
  r.read_on(2, flow);
  CHECK(r.receiver_of(flow) == 0);
  CHECK(r.receiver_of(flow) == 2);
  const auto others = [&](int packets) {
    for (int i = 0; i < packets; ++i) r.send(other);
    r.world.run();
  };
  others(69);
  r.wait(10s);
  CHECK(r.world.port().flow_rules().size() == 1);
  CHECK(r.receiver_of(flow) == 2);  // in use again
  others(69);
  r.wait(250ms);
  CHECK(r.world.port().flow_rules().size() == 1);
  others(1);
  CHECK(r.world.port().flow_rules().size() == 1);  // nobody has looked yet
  r.wait(250ms);
  CHECK(r.world.port().flow_rules().empty());
  CHECK(r.count("arfs_expired") == 1);
  r.wait(250ms);
  CHECK(r.world.engine->next_deadline() == never);  // no rule, no task
  CHECK(r.receiver_of(flow) == 0);
  CHECK(r.count("arfs_added") == 2);
  CHECK(r.receiver_of(flow) == 2);
  r.check_order();
}

TEST_CASE("F9: a full table: the device refuses, which is counted and said once; those flows go on in software, in order") {
  constexpr std::uint16_t flows = 200;
  Readers r(flows, 32768);
  std::vector<std::string> said;
  set_log_sink([&](LogLevel, std::string_view message) { said.emplace_back(message); });
  for (std::uint16_t flow = 0; flow < flows; ++flow) r.send(flow);
  r.world.run();
  int moved = 0;
  for (std::uint16_t flow = 0; flow < flows; ++flow) {
    if (r.rss_lcore[flow] == 2) continue;
    r.read_on(2, flow);
    ++moved;
  }
  REQUIRE(moved > 128);
  for (int i = 0; i < 3; ++i) {
    for (std::uint16_t flow = 0; flow < flows; ++flow) r.send(flow);
    r.world.run();
  }
  set_log_sink({});
  CHECK(r.world.port().flow_rules().size() == 128);
  CHECK(r.count("arfs_added") == 128);
  CHECK(r.count("arfs_refused") == static_cast<std::uint64_t>(moved) - 128);
  REQUIRE(said.size() == 1);
  CHECK(said[0] == "port 'net0': ntuple: the device's 128 flow rules are all in use");
  for (const auto& seen : r.arrived) {
    REQUIRE(seen.size() == 4);
    for (std::size_t i = 1; i < seen.size(); ++i) CHECK(seen[i].lcore == 2);
  }
  r.check_order();
}

TEST_CASE("F9: a queue with another flow's rule in the entry refuses a second one") {
  Readers r(64, 1);  // one entry each
  const std::uint16_t flow = r.flow_at(0);
  r.read_on(2, flow);
  CHECK(r.receiver_of(flow) == 0);
  CHECK(r.count("arfs_added") == 1);  // at once idle: 10 * 0
  r.wait(250ms);
  CHECK(r.world.port().flow_rules().empty());

  Readers two(64, 2);
  steer::DevFlows table(2);
  const auto entry = [&](std::uint16_t f) { return &table.at(steer::flow_hash(Readers::key(f), wire::Toeplitz())) - &table.at(0); };
  std::uint16_t next = 0;
  for (const std::ptrdiff_t wanted : {0, 1, 1}) {
    do next = two.flow_at(0, static_cast<std::uint16_t>(next + 1));
    while (entry(next) != wanted);
    two.read_on(2, next);
    two.send(next);
    two.world.run();
  }
  CHECK(two.count("arfs_added") == 2);
  CHECK(two.count("arfs_refused") == 1);
  CHECK(two.world.port().flow_rules().size() == 2);
}

TEST_CASE("F9: a port without flow rules says so, at start and live; one queue is refused by the configuration") {
  Config config;
  config.clock = config::ClockSource::manual;
  config.eal.pool_packets = 1023;
  config.lcores.resize(2);
  config.ports.push_back({.name = "v0", .driver = config::PortDriver::vdev, .device = "net_null9,no-rx=1", .rx_queues = 2, .tx_queues = 2, .ntuple = true});
  const auto refused = Engine::create(config);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == EOPNOTSUPP);
  CHECK(refused.error().message.find("port 'v0': ntuple: the device refuses the flow rule: ") == 0);
  CHECK(refused.error().message.find("; leave ntuple off, and RFS hands packets over between lcores") != std::string::npos);
  config.ports[0].ntuple = false;
  auto engine = Engine::create(config);
  REQUIRE(engine);
  const auto live = (*engine)->port("v0")->set_ntuple(true);
  REQUIRE_FALSE(live);
  CHECK(live.error().code == EOPNOTSUPP);
  CHECK(live.error().message.find("ntuple: the device refuses the flow rule: ") == 0);
  CHECK_FALSE((*engine)->port("v0")->ntuple());
  CHECK((*engine)->port("v0")->set_ntuple(false));

  SteeringWorld one(2);
  CHECK(one.port().set_ntuple(true).error().message.find("ports[0].ntuple: true: brings flows to other rx queues, and there is one") != std::string::npos);
}

TEST_CASE("F9: what moves a queue takes its rules away: smp_affinity, rps_flow_cnt, RSS, the port going down") {
  Readers r(16, 256);
  const std::uint16_t flow = r.flow_at(0);
  const auto rule = [&] {
    r.read_on(2, flow);
    r.send(flow);
    r.world.run();
    return r.world.port().flow_rules().size();
  };
  REQUIRE(rule() == 1);
  REQUIRE(r.world.port().set_smp_affinity(3, config::LcoreMask(1)));  // another queue
  CHECK(r.world.port().flow_rules().size() == 1);
  REQUIRE(r.world.port().set_smp_affinity(2, config::LcoreMask(2)));
  CHECK(r.world.port().flow_rules().empty());
  CHECK(rule() == 0);  // lcore 2 polls no queue of the port any more
  CHECK(r.arrived[flow].back().lcore == 2);
  REQUIRE(r.world.port().set_smp_affinity(2, config::LcoreMask(4)));
  r.read_on(1, flow);
  r.send(flow);
  r.world.run();
  REQUIRE(rule() == 1);
  REQUIRE(r.world.port().set_rps_flow_cnt(2, 0));
  CHECK(r.world.port().flow_rules().empty());
  REQUIRE(r.world.port().set_rps_flow_cnt(2, 256));
  r.read_on(1, flow);
  r.send(flow);
  r.world.run();
  REQUIRE(rule() == 1);
  REQUIRE(r.world.port().set_rss({.equal = 2}));
  CHECK(r.world.port().flow_rules().empty());
  REQUIRE(rule() == 1);
  r.world.port().set_up(false);
  CHECK(r.world.port().flow_rules().empty());
  r.world.port().set_up(true);
  CHECK(rule() == 1);
  r.check_order();
}

TEST_CASE("F9, X18: what waits in the old queue when a rule comes goes up before what comes by the new one") {
  Readers r(16, 256, true, 1);  // one poll a pass: 64 frames
  const std::uint16_t flow = r.flow_at(0);
  r.read_on(2, flow);
  for (int i = 0; i < 100; ++i) r.send(flow);
  r.world.engine->run_once(0);
  CHECK(r.count("arfs_added") == 1);
  for (int i = 0; i < 10; ++i) r.send(flow);
  r.world.engine->run_once(2);
  r.world.run();
  CHECK(r.arrived[flow].size() == 110);
  CHECK(r.received()[2] == 10);
  r.check_order();
}

TEST_CASE("F9, X18: readers move at random while frames wait in every queue, and rules come, change and go: no flow overtakes itself") {
  constexpr std::uint16_t flows = 24;
  Readers r(flows, 8);
  Rng rng(5);
  std::size_t sent = 0;
  for (int round = 0; round < 3000; ++round) {
    // Few flows at a time, so that the others become idle.
    for (int i = 0; i < 3; ++i) {
      const auto flow = static_cast<std::uint16_t>((static_cast<std::uint32_t>(round) / 40 * 3 + rng.below(6)) % flows);
      if (rng.below(4) == 0) r.read_on(static_cast<std::uint16_t>(rng.below(4)), flow);
      for (std::uint32_t n = 1 + rng.below(3); n > 0; --n, ++sent) r.send(flow);
    }
    for (std::uint32_t n = rng.below(4); n > 0; --n) r.world.engine->run_once(static_cast<std::uint16_t>(rng.below(4)));
    if (rng.below(20) == 0) r.world.engine->set_clock(r.world.engine->now() + 250ms);
    if (round % 30 == 29) r.world.run();  // sockets and rings are bounded
  }
  r.world.run();
  std::size_t arrived = 0;
  for (const auto& seen : r.arrived) arrived += seen.size();
  CHECK(arrived == sent);
  r.check_order();
  CHECK(r.count("arfs_added") > 200);
  CHECK(r.count("arfs_expired") > 50);
  CHECK(r.world.count("drop", "backlog_full") == 0);
}
