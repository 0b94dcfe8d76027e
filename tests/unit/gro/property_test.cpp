// SPDX-License-Identifier: BSD-3-Clause
// E8, E13, X18 as one property: split(GRO(x)) == x per flow, whatever the traffic, the bursts and the moments.
#include <millrace/base/rng.hpp>
#include <millrace/gro/gro.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/lane.hpp"
#include "tests/unit/gro/order_check.hpp"
#include "tests/unit/gro/traffic.hpp"

#include <cstdlib>

using namespace millrace;
using namespace millrace::test;

namespace {

std::uint64_t base_seed() {
  const char* text = std::getenv("MILLRACE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 1;
}

struct Run {
  TestPool pool{4095};
  stats::LcoreStats stats;
  Env env;
  pkt::PacketList up;
  OrderCheck check;
  std::uint64_t given = 0;
  std::uint64_t taken = 0;

  Run() { env.stats = &stats; }

  void take() {
    while (pkt::Packet p = up.pop_front()) {
      const std::string fault = check.out(p);
      pkt::consume(std::move(p));
      ++taken;
      REQUIRE(fault == "");
    }
  }

  void poll(gro::Gro& gro, Traffic& traffic, Rng& rng) {
    env.now += Duration{rng.below(rng.chance(0.05) ? 2'000'000 : 15'000)};
    for (std::uint32_t left = 1 + rng.below(rng.chance(0.5) ? 4 : 64); left > 0; --left) {
      pkt::Packet packet = traffic.next(*pool);
      REQUIRE(packet);
      check.in(packet);
      ++given;
      gro.receive(env, std::move(packet), up);
      if (rng.chance(0.5)) take();
    }
    switch (rng.below(8)) {
      case 0: gro.flush_all(env, up); break;
      case 1: case 2: gro.flush_old(env, up); break;
      default: gro.complete(env, up); break;
    }
    take();
  }
};

void check_counters(const Run& run) {
  using enum stats::Gro;
  const auto& c = run.stats.gro;
  CHECK(c[packets] == run.given);
  CHECK(c[normal] + c[held] + c[merged] + c[merged_free] == run.given);
  CHECK(c[packets_out] == run.taken);
  CHECK(c[normal] + c[held] == run.taken);
  CHECK(c[closed_full] + c[closed_flow] + c[closed_evicted] + c[closed_old] + c[closed_idle] + c[closed_poll] == c[held]);
}

}  // namespace

TEST_CASE("E8 E13 X18 split(GRO(x)) == x per flow, bit by bit, for 20,000 frames of any kind") {
  for (std::uint64_t round = 0; round < 4; ++round) {
    const std::uint64_t seed = base_seed() + round;
    INFO("MILLRACE_SEED=" << seed);
    Rng rng(seed);
    Run run;
    run.env.secret = {rng.next(), rng.next()};
    gro::Config config;
    config.table = round % 2 == 0 ? gro::Table::sets64x4 : gro::Table::linux8x8;
    config.poll_hold = round < 2 ? 10us : 0us;
    config.max_size = round == 3 ? 1000 : 65536;
    gro::Gro gro(config);
    Traffic traffic([&rng](std::uint32_t bound) { return rng.below(bound); });
    while (run.given < 5000) run.poll(gro, traffic, rng);
    gro.flush_all(run.env, run.up);
    run.take();
    CHECK(run.check.all_out());
    CHECK_FALSE(gro.holds());
    check_counters(run);
    // The traffic must be such that there is something to get wrong.
    CHECK(run.check.merged_packets > 300);
    CHECK(run.stats.gro[stats::Gro::closed_flow] > 300);
    CHECK(run.stats.gro[stats::Gro::merged_free] > 0);
  }
}

TEST_CASE("X18 the check itself sees a swap, a changed byte and a lost packet") {
  Lane lane;
  const auto packet_of = [&lane](const Frame& f) {
    pkt::Packet packet = lane.pool.packet(f.bytes());
    dissect_into_meta(packet);
    return packet;
  };
  std::vector<pkt::Packet> packets;
  OrderCheck check;
  for (int i = 0; i < 2; ++i) {
    packets.push_back(packet_of(nth(i)));
    check.in(packets.back());
  }
  packets.push_back(packet_of(nth(2, [](Frame& f) { f.fragment_field = 0x2000; })));
  check.in(packets.back());
  CHECK(check.out(packets[1]) != "");
  CHECK(check.out(packets[2]) != "");
  CHECK_FALSE(check.all_out());
  packets[0].data()[60] ^= 1;
  CHECK(check.out(packets[0]) != "");
  packets[0].data()[60] ^= 1;
  CHECK(check.out(packets[0]) == "");
  CHECK(check.out(packets[1]) == "");
  CHECK(check.out(packets[2]) == "");
  CHECK(check.all_out());
  for (pkt::Packet& p : packets) pkt::consume(std::move(p));
}
