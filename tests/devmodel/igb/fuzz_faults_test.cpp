// SPDX-License-Identifier: BSD-3-Clause
// An 82576 that attacks its driver: descriptors written back with anything in them.
#include "tests/devmodel/fault_trial.hpp"
#include "tests/devmodel/igb/registers.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

#include <millrace/base/rng.hpp>

using namespace millrace;
using namespace millrace::devmodel;

namespace {

/// Random bits flipped, few or many; mostly it stays done, else the queue ends there.
Fate any_descriptor(Rng& rng) {
  return {.kind = Fate::Kind::altered, .change = [&rng](std::span<std::uint8_t> descriptor) {
            const bool many = rng.next() % 4 == 0;
            for (std::uint8_t& byte : descriptor)
              if (many || rng.next() % 8 == 0) byte = static_cast<std::uint8_t>(rng.next());
            if (rng.next() % 4096 != 0) descriptor[8] |= igb::rxd::dd;
          }};
}

Fate any_status(Rng& rng) {
  return altered<std::uint32_t>([&rng](std::uint32_t& status) { status = static_cast<std::uint32_t>(rng.next()) | (rng.next() % 4096 != 0 ? igb::txd::dd : 0); });
}

/// Packets that were not sound, of so many descriptors.
unsigned attack(Trial& t, Rng& rng, unsigned descriptors) {
  unsigned unsound = 0;
  for (unsigned done = 0; done < descriptors; done += 32) {
    t.faults().arm({Event::rx_completion, any_descriptor(rng), 1, 32});
    t.faults().arm({Event::tx_completion, any_status(rng), 1, 32});
    unsound += t.in(32, 20 + rng.next() % 1400).unsound;
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
  run({.arm = [](Trial&) {}, .meanwhile = [&rng](Trial& t) { static_cast<void>(attack(t, rng, 20'000)); }, .resets = true});
}

TEST_CASE("fault: descriptors with anything in them: no packet reaches beyond its buffers") {
  Rng rng(test::seed());
  INFO("MILLRACE_SEED=" << test::seed());
  run({.arm = [](Trial&) {}, .meanwhile = [&rng](Trial& t) { CHECK(attack(t, rng, 1000) == 0); }, .resets = true});
}
