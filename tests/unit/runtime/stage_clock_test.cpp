// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/stage_clock.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/bare_lcore.hpp"
#include "tests/unit/runtime/fake_queue.hpp"

using namespace millrace;
using runtime::Stage;
using stats::Softnet;

namespace {

/// One lcore with one queue, each question to which takes 10 us; each change of the stage takes 1 us, which is the time of
/// the stage that ends.
struct Rig {
  Rig() {
    bare.lcore.env().pool = &*pool;
    queue.has_interrupt = false;
    queue.on_receive = [this] { clock.advance(10us); };
    bare.lcore.adopt(std::make_unique<runtime::RxPoller>(
        runtime::RxPoller::Wiring{.queue = queue,
                                  .receive = *bare.lcore.parts.receive,
                                  .arrival = {.mac = test::RawFrame{}.destination, .ifindex = 1, .napi_id = 0x10001},
                                  .mode = runtime::RxMode::poll},
        gro::Config{}));
    bare.lcore.run_once();
    idle_before = bare.count(Softnet::time_idle_ns);
    clock.charge_stage(1us);
  }
  ~Rig() { bare.lcore.shut_down(); }
  [[nodiscard]] std::vector<std::uint64_t> stages() const {
    return {bare.count(Softnet::time_rx_ns), bare.count(Softnet::time_gro_ns), bare.count(Softnet::time_steer_ns), bare.count(Softnet::time_proto_ns)};
  }

  test::TestPool pool;
  runtime::ManualClock clock;
  test::FakeQueue queue;
  test::BareLcore bare{clock};
  std::uint64_t idle_before = 0;
};

using Split = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("C14: 40 packets are two bursts: each stage has its time, and together they are the stack's") {
  Rig rig;
  rig.queue.arrive(40);
  rig.bare.lcore.run_once();
  // Asked twice: 10 us each and the change to GRO; GRO twice; steering and delivery once a poll.
  CHECK(rig.stages() == Split{22'000, 2'000, 1'000, 1'000});
  CHECK(rig.bare.count(Softnet::time_softirq_ns) == 26'000);  // 1 us to begin is in it, 1 us to end is not yet
  CHECK(rig.bare.count(Softnet::time_app_ns) == 0);
}

TEST_CASE("C14: what comes by the backlog is the protocols' time; no GRO, no steering") {
  Rig rig;
  const std::array<std::uint8_t, 60> frame{};
  rig.bare.lcore.softirq().bh_disable();
  rig.bare.lcore.netif_rx(rig.pool.packet(frame));
  rig.bare.lcore.softirq().bh_leave();  // its run waits for the next pass
  rig.bare.lcore.run_once();
  CHECK(rig.bare.lcore.stats().steer[stats::Steer::backlog_head] == 1);
  CHECK(rig.stages() == Split{12'000, 0, 0, 1'000});  // its own queue was asked too, and had nothing
}

TEST_CASE("C14: passes that find nothing are idle: none of their time is a stage's, and the clock is read twice") {
  Rig rig;
  for (int pass = 0; pass < 5; ++pass) rig.bare.lcore.run_once();
  CHECK(rig.stages() == Split{0, 0, 0, 0});
  CHECK(rig.bare.count(Softnet::time_softirq_ns) == 0);
  rig.clock.charge_stage(0ns);
  rig.queue.on_receive = [] {};
  rig.bare.lcore.run_once();
  CHECK(rig.bare.count(Softnet::time_idle_ns) - rig.idle_before == 5 * 12'000);
}

TEST_CASE("C14: outside a pass nothing is measured, and what was not booked is forgotten") {
  runtime::ManualClock clock;
  stats::LcoreStats stats;
  runtime::StageClock stages;
  stages.enter(Stage::gro);
  clock.advance(1ms);
  stages.start(clock);
  clock.advance(3us);
  stages.enter(Stage::rx);  // it is: the clock is not read
  stages.enter(Stage::proto);
  clock.advance(4us);
  stages.stop();
  stages.enter(Stage::rx);
  clock.advance(1ms);
  stages.book(clock, stats);
  CHECK(stats.softnet[Softnet::time_rx_ns] == 3'000);
  CHECK(stats.softnet[Softnet::time_gro_ns] == 0);
  CHECK(stats.softnet[Softnet::time_proto_ns] == 4'000);
  stages.book(clock, stats);
  CHECK(stats.softnet[Softnet::time_proto_ns] == 4'000);
  stages.start(clock);
  clock.advance(1ms);
  stages.stop();
  stages.discard();
  stages.book(clock, stats);
  CHECK(stats.softnet[Softnet::time_rx_ns] == 3'000);
}
