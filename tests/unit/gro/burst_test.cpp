// SPDX-License-Identifier: BSD-3-Clause
// A burst through every variant does what the packets of it do one by one.
#include <millrace/base/rng.hpp>
#include <millrace/gro/gro.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/gro/traffic.hpp"
#include "tests/unit/gro/two_ways.hpp"

#include <cstdlib>

using namespace millrace;
using namespace millrace::test;

namespace {

std::uint64_t base_seed() {
  const char* text = std::getenv("MILLRACE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 1;
}

// Frames of any kind, as bytes.
class Source {
 public:
  explicit Source(Rng& rng) : traffic_([&rng](std::uint32_t bound) { return rng.below(bound); }) {}
  Bytes next() {
    pkt::Packet packet = traffic_.next(*pool_);
    Bytes bytes = bytes_of(packet);
    pkt::consume(std::move(packet));
    return bytes;
  }

 private:
  TestPool pool_;
  Traffic traffic_;
};

}  // namespace

TEST_CASE("E4 E8 E9 bursts of any traffic: every variant does what receive() does with each packet") {
  for (const gro::Variant variant : supported_variants()) {
    const std::uint64_t seed = base_seed() + static_cast<std::uint64_t>(variant);
    INFO(gro::name(variant) << " MILLRACE_SEED=" << seed);
    Rng rng(seed);
    Source source(rng);
    gro::Config config;
    if (rng.chance(0.5)) config.table = gro::Table::linux8x8;
    if (rng.chance(0.5)) config.max_size = 1000;
    TwoWays both(variant, config);
    for (int poll = 0; poll < 120; ++poll) {
      std::vector<Bytes> frames(1 + rng.below(64));
      for (Bytes& f : frames) f = source.next();
      both.rx_flags = rng.chance(0.5) ? pkt::flag::rx_ip_good : 0;
      both.give(frames, rng.chance(0.5));
      both.advance(Duration{rng.below(15'000)});
      both.end(static_cast<int>(rng.below(3)));
      REQUIRE(both.difference() == "");
      both.forget();
    }
    CHECK(both.in_bursts.count(stats::Gro::merged) > 500);
  }
}

TEST_CASE("G7: a frame too short for Ethernet is dropped with its reason") {
  TwoWays both(gro::best_variant());
  both.give({Bytes(13), nth(0).bytes()});
  CHECK(both.in_bursts.stats.drop[stats::DropReason::bad_frame] == 1);
  CHECK(both.in_bursts.sizes() == Sizes{100});
}

TEST_CASE("E2: with GRO off ten packets of a burst come up as ten, dissected") {
  gro::Config off;
  off.enabled = false;
  TwoWays both(gro::best_variant(), off);
  std::vector<Bytes> frames(10);
  for (int i = 0; i < 10; ++i) frames[static_cast<std::size_t>(i)] = nth(i).bytes();
  both.give(frames);
  both.end(0);
  CHECK(both.difference() == "");
  CHECK(both.in_bursts.out.size() == 10);
}
