// SPDX-License-Identifier: BSD-3-Clause
// A virtio device that attacks its driver: anything in lengths, headers and data, in any order and at any time; attack.hpp says what
// is left out. tests/fuzz/virtio_fuzz.cpp has the same by a fuzzer's choice.
#include "tests/devmodel/fault_trial.hpp"
#include "tests/devmodel/virtio/attack.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

#include <millrace/base/rng.hpp>

using namespace millrace;
using namespace millrace::devmodel;
using virtio::Trust;

namespace {

/// Packets that were not sound, of so many completions.
unsigned attack(Trial& t, const Choices& choices, unsigned completions) {
  unsigned unsound = 0;
  for (unsigned done = 0; done < completions; done += 32) {
    for (unsigned i = 1; i <= 32; ++i) {
      t.faults().arm({Event::rx_completion, any_completion(choices, Trust::frames), i});
      t.faults().arm({Event::tx_completion, any_completion(choices, Trust::frames), i});
      if (i <= 24) t.faults().arm({Event::data, any_packet(choices, Trust::frames), i});
    }
    unsound += t.in(32, 20 + choices.below(1400)).unsound;
    static_cast<void>(t.out(32));
    t.faults().release_late();
    t.faults().clear();
    unsound += t.poll().unsound;
    if (t.in(1).whole == 0 || t.out(1).whole == 0) REQUIRE(t.port->reset());
  }
  return unsound;
}

}  // namespace

TEST_CASE("fault: 20,000 completions with anything in lengths, headers and data: the port goes on, or does after a reset") {
  Rng rng(test::seed());
  INFO("MILLRACE_SEED=" << test::seed());
  const Choices choices([&rng](std::uint32_t bound) { return rng.below(bound); });
  run({.arm = [](Trial&) {}, .meanwhile = [&](Trial& t) { static_cast<void>(attack(t, choices, 20'000)); }, .resets = true});
}

TEST_CASE("fault: completions with anything in lengths, headers and data: no packet reaches beyond its buffers") {
  Rng rng(test::seed());
  INFO("MILLRACE_SEED=" << test::seed());
  const Choices choices([&rng](std::uint32_t bound) { return rng.below(bound); });
  run({.arm = [](Trial&) {}, .meanwhile = [&](Trial& t) { CHECK(attack(t, choices, 1000) == 0); }, .resets = true});
}
