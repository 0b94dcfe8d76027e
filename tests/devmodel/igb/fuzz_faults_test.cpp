// SPDX-License-Identifier: BSD-3-Clause
// An 82576 that attacks its driver: descriptors written back with anything in them. tests/fuzz/igb_fuzz.cpp has the same by a
// fuzzer's choice.
#include "tests/devmodel/fault_trial.hpp"
#include "tests/devmodel/igb/attack.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

#include <millrace/base/rng.hpp>

using namespace millrace;
using namespace millrace::devmodel;

namespace {

/// Packets that were not sound, of so many descriptors.
unsigned attack(Trial& t, const Choices& choices, unsigned descriptors) {
  unsigned unsound = 0;
  for (unsigned done = 0; done < descriptors; done += 32) {
    for (unsigned i = 1; i <= 32; ++i) {
      t.faults().arm({Event::rx_completion, igb::any_write_back(choices), i});
      t.faults().arm({Event::tx_completion, igb::any_status(choices), i});
    }
    unsound += t.in(32, 20 + choices.below(1400)).unsound;
    static_cast<void>(t.out(32));
    t.faults().clear();
    static_cast<void>(t.in(1));
    if (t.in(1).whole == 0 || t.out(1).whole == 0) REQUIRE(t.port->reset());
  }
  return unsound;
}

}  // namespace

TEST_CASE("fault: 20,000 descriptors with anything in them: the port goes on, or does after a reset") {
  Rng rng(test::seed());
  INFO("MILLRACE_SEED=" << test::seed());
  const Choices choices([&rng](std::uint32_t bound) { return rng.below(bound); });
  run({.arm = [](Trial&) {}, .meanwhile = [&](Trial& t) { static_cast<void>(attack(t, choices, 20'000)); }, .resets = true});
}

TEST_CASE("fault: descriptors with anything in them: no packet reaches beyond its buffers") {
  Rng rng(test::seed());
  INFO("MILLRACE_SEED=" << test::seed());
  const Choices choices([&rng](std::uint32_t bound) { return rng.below(bound); });
  run({.arm = [](Trial&) {}, .meanwhile = [&](Trial& t) { CHECK(attack(t, choices, 1000) == 0); }, .resets = true});
}
