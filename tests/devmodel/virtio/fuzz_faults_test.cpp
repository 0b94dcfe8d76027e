// SPDX-License-Identifier: BSD-3-Clause
// A virtio device that attacks its driver: anything in lengths, headers and data, in any order and at any time. Not in ids, with no
// sums to be finished, and no lengths of 64 KiB: there the driver believes everything (faults_test.cpp).
#include "tests/devmodel/fault_trial.hpp"
#include "tests/devmodel/virtio/queue.hpp"
#include "tests/devmodel/virtio/registers.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

#include <millrace/base/rng.hpp>

using namespace millrace;
using namespace millrace::devmodel;
using Used = virtio::Queue::Used;

namespace {

Fate any_length(Rng& rng) {
  return altered<Used>([&rng](Used& used) { used.written = static_cast<std::uint16_t>(rng.next() >> rng.next() % 64); });
}

Fate any_bytes(Rng& rng) {
  return {.kind = Fate::Kind::altered, .change = [&rng](std::span<std::uint8_t> packet) {
            for (std::uint8_t& byte : packet)
              if (rng.next() % 4 == 0) byte = static_cast<std::uint8_t>(rng.next());
            packet[virtio::net_hdr::flags] &= static_cast<std::uint8_t>(~virtio::net_hdr::needs_csum);
          }};
}

Fate any_completion(Rng& rng) {
  switch (rng.next() % 16) {
    case 0: return late(1 + rng.next() % 40);
    case 1: return rng.next() % 64 == 0 ? lost() : late(1);
    default: return any_length(rng);
  }
}

/// Packets that were not sound, of so many completions.
unsigned attack(Trial& t, Rng& rng, unsigned completions) {
  unsigned unsound = 0;
  for (unsigned done = 0; done < completions; done += 32) {
    for (unsigned i = 1; i <= 32; ++i) {
      t.faults().arm({Event::rx_completion, any_completion(rng), i});
      t.faults().arm({Event::tx_completion, any_completion(rng), i});
    }
    t.faults().arm({Event::data, any_bytes(rng), 1, 24});
    unsound += t.in(32, 20 + rng.next() % 1400).unsound;
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
  run({.arm = [](Trial&) {}, .meanwhile = [&rng](Trial& t) { static_cast<void>(attack(t, rng, 20'000)); }, .resets = true});
}

TEST_CASE("fault: completions with anything in lengths, headers and data: no packet reaches beyond its buffers") {
  Rng rng(test::seed());
  INFO("MILLRACE_SEED=" << test::seed());
  run({.arm = [](Trial&) {}, .meanwhile = [&rng](Trial& t) { CHECK(attack(t, rng, 1000) == 0); }, .resets = true});
}
