// SPDX-License-Identifier: BSD-3-Clause
// The device as an attacker: whatever it writes, at random, ends in a fault of its port alone, and a reset ends that. attack.hpp says
// what is left out; tests/fuzz/ena_fuzz.cpp has the same by a fuzzer's choice.
#include "tests/devmodel/ena/attack.hpp"
#include "tests/devmodel/ena/fault_bench.hpp"

#include <millrace/base/rng.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

using namespace millrace;
using devmodel::Choices;
using devmodel::Subject;
using namespace millrace::devmodel::ena;

namespace {

Choices choices_of(Rng& rng) {
  return Choices([&rng](std::uint32_t bound) { return rng.below(bound); });
}

void exchange_something(Bench& bench, Rng& rng) {
  for (int i = 0; i < 60; ++i) {
    static_cast<void>(bench.device.receive(bench.inward(rng.next() % 4000).bytes()));
    if (pkt::Packet got = bench.take()) pkt::consume(std::move(got));
    static_cast<void>(bench.is_taken(rng.next() % 4000));
    if (rng.next() % 20 == 0) bench.device.keep_alive();
    if (rng.next() % 20 == 0) bench.device.release_late();
  }
  static_cast<void>(bench.port->device_stats());
}

}  // namespace

TEST_CASE("fault: completions, events and counters at random end in faults of the port alone, and a reset ends those") {
  INFO("MILLRACE_SEED=" << test::seed());
  Rng rng(test::seed());
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Bench bench(*subject);
    unsigned told = 0;
    for (int round = 0; round < 120; ++round) {
      INFO("round " << round);
      for (std::uint64_t n = rng.next() % 4; n > 0; --n) bench.device.arm(any_fault(choices_of(rng)));
      exchange_something(bench, rng);
      const bool has_fault = bench.check(1).has_value();
      if (has_fault) ++told;
      bench.device.repair();
      if (has_fault || rng.next() % 8 == 0) bench.reset();
    }
    CHECK(told > 3);
    bench.reset();
    bench.exchange(300);
  }
}

TEST_CASE("fault: a device that says at random what it is can be opened or not, and no more") {
  INFO("MILLRACE_SEED=" << test::seed());
  Rng rng(test::seed() + 1);
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Bench bench(*subject);
    bench.forgives_violations = true;  // it is told to do what it cannot
    for (int round = 0; round < 120; ++round) {
      INFO("round " << round);
      // All that ena_com_get_dev_attr_feat() asks for, but the limits of queues: net_ena does not survive a queue that cannot be set up.
      constexpr std::uint64_t features[] = {0, 2, 3, 4, 5};
      bench.device.arm({.step = Step::admin_answer, .key = static_cast<std::uint64_t>(Opcode::get_feature), .after = features[rng.next() % 5], .change = any_bytes(choices_of(rng), 8)});
      const bool is_up = bench.port->reset().has_value();
      if (is_up) exchange_something(bench, rng);
      bench.device.repair();
      if (!is_up) give_back_driver_memory();
    }
    bench.reset();
    bench.exchange(300);
  }
}
