// SPDX-License-Identifier: BSD-3-Clause
// The device as an attacker: whatever it writes, at random, ends in a fault of its port alone, and a reset ends that.
#include "tests/devmodel/ena/fault_bench.hpp"
#include "tests/devmodel/ena/registers.hpp"

#include <millrace/base/rng.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

using namespace millrace;
using devmodel::Subject;
using namespace millrace::devmodel::ena;

namespace {

constexpr std::size_t length_at = 4, rx_req_id_at = 6;
constexpr std::uint16_t most = 1790;  // what a buffer holds behind the greatest offset

std::function<void(Bytes)> random_bytes(Rng& rng, std::size_t from = 0) {
  const std::uint64_t pattern = rng.next();
  const std::uint64_t where = rng.next();
  const bool one_bit = rng.next() % 2 == 0;
  return [=](Bytes bytes) {
    const std::size_t at = from + where % (bytes.size() - from);
    if (one_bit) bytes[at] ^= static_cast<std::uint8_t>(1U << pattern % 8);
    else
      for (std::size_t i = at; i < bytes.size() && i < at + 8; ++i) bytes[i] = static_cast<std::uint8_t>(pattern >> 8 * (i - at));
  };
}

// An id of the ring stays what it is: net_ena does not survive one whose buffer it has not ("ends the process"), nor a length of nothing
// in the middle of a frame, after which it gives an id twice.
std::function<void(Bytes)> random_completion(Rng& rng) {
  return [change = random_bytes(rng), length = static_cast<std::uint16_t>(1 + rng.next() % most)](Bytes entry) {
    const std::uint16_t id = le16(entry, rx_req_id_at);
    change(entry);
    if (le16(entry, rx_req_id_at) < 256) put_le16(entry, rx_req_id_at, id);
    if (le16(entry, length_at) == 0 || le16(entry, length_at) > most) put_le16(entry, length_at, length);
  };
}

Fault random_fault(Rng& rng) {
  Fault fault{.after = rng.next() % 30, .times = 1 + rng.next() % 3};
  switch (rng.next() % 6) {
    case 0: fault.step = Step::rx_completion, fault.change = random_completion(rng); break;
    case 1: fault.step = Step::tx_completion, fault.change = random_bytes(rng); break;
    case 2: fault.step = Step::event, fault.after %= 2, fault.change = random_bytes(rng); break;
    case 3: fault.step = Step::admin_answer, fault.after = 0, fault.key = static_cast<std::uint64_t>(Opcode::get_stats), fault.change = random_bytes(rng, 8); break;
    case 4: fault.step = rng.next() % 2 == 0 ? Step::rx_completion : Step::tx_completion, fault.fate = rng.next() % 2 == 0 ? Fate::late : Fate::lost; break;
    default: fault.step = Step::dma, fault.key = std::uint64_t{8} << rng.next() % 2; break;
  }
  return fault;
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
      for (std::uint64_t n = rng.next() % 4; n > 0; --n) bench.device.arm(random_fault(rng));
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
      bench.device.arm({.step = Step::admin_answer, .key = static_cast<std::uint64_t>(Opcode::get_feature), .after = features[rng.next() % 5], .change = random_bytes(rng, 8)});
      const bool is_up = bench.port->reset().has_value();
      if (is_up) exchange_something(bench, rng);
      bench.device.repair();
      if (!is_up) give_back_driver_memory();
    }
    bench.reset();
    bench.exchange(300);
  }
}
