// SPDX-License-Identifier: BSD-3-Clause
// X20, D3, B3: the steps of lib/runtime/sleep_protocol.hpp and lib/poll/napi_state.hpp in every interleaving under
// TSO, and the same with each fence, each second look and MISSED taken away, which must be found out.
#include <millrace/poll/napi_state.hpp>
#include <millrace/runtime/sleep_protocol.hpp>

#include "tests/model/interleavings.hpp"
#include "tests/support/catch.hpp"

using namespace millrace;
using test::Interleavings;
using Cpu = Interleavings::Cpu;

namespace {

// Words of the shared memory.
constexpr std::size_t ring = 0;    // packets published so far
constexpr std::size_t asleep = 1;  // the sleeper's announcement
constexpr std::size_t event = 2;   // an eventfd
constexpr std::size_t armed = 3;   // the device's interrupt enable
constexpr std::size_t state = 4;   // a NAPI's bits
constexpr std::size_t ring_b = 5;  // a second producer's
constexpr std::size_t raised = 6;  // remote softirqs

/// What may be left out.
struct Without {
  bool sleeper_fence = false;
  bool producer_fence = false;
  bool second_look = false;
  bool device_fence = false;
  bool arm_fence = false;
  bool missed = false;
};

struct Flag {
  Cpu& cpu;
  bool fences;
  void store(bool value) { cpu.store(asleep, value ? 1 : 0); }
  bool load() { return cpu.load(asleep) != 0; }
  void fence() {
    if (fences) cpu.fence();
  }
};

/// An lcore that takes `total` packets off its rings and sleeps in between, with the product's steps. With a device
/// its first ring is a port's, armed before the sleep.
struct Sleeper {
  Cpu& cpu;
  const Without& without;
  bool has_device = false;
  std::uint32_t taken = 0;
  Flag flag{cpu, !without.sleeper_fence};

  bool take() {
    const std::uint32_t published = cpu.load(ring) + cpu.load(ring_b);
    const bool found = published > taken;
    taken = published;
    return found;
  }
  void announce() { runtime::announce_sleep(flag); }
  void retract() { flag.store(false); }
  void arm() {
    if (!has_device) return;
    cpu.store(armed, 1);
    if (!without.arm_fence) cpu.fence();
  }
  void disarm() {
    if (has_device) cpu.store(armed, 0);
  }
  bool has_work() { return !without.second_look && take(); }
  void run(std::uint32_t total) {
    while (taken < total) {
      if (take()) continue;
      if (!runtime::prepare_to_sleep(*this)) continue;
      cpu.wait(event);
      disarm();
      retract();
    }
  }
};

Interleavings::Program sleeper(std::uint32_t total, const Without& without, bool has_device = false) {
  return [=](Cpu& cpu) { Sleeper{cpu, without, has_device}.run(total); };
}

Interleavings::Program producer(std::size_t to, std::uint32_t count, const Without& without) {
  return [=](Cpu& cpu) {
    Flag flag{cpu, !without.producer_fence};
    for (std::uint32_t n = 1; n <= count; ++n) {
      cpu.store(to, n);
      if (runtime::must_wake(flag)) cpu.signal(event);
    }
  };
}

/// A device: writes a packet, then looks whether an interrupt is wanted.
Interleavings::Program device(std::uint32_t count, const Without& without) {
  return [=](Cpu& cpu) {
    for (std::uint32_t n = 1; n <= count; ++n) {
      cpu.store(ring, n);
      if (!without.device_fence) cpu.fence();
      if (cpu.load(armed) != 0) cpu.signal(event);
    }
  };
}

Interleavings::Verdict sleep_and_wake(const Without& without) {
  return Interleavings({sleeper(2, without), producer(ring, 2, without)}).explore();
}

/// A queue in interrupt mode: polled until empty, unmasked with the product's steps.
struct InterruptQueue {
  Cpu& cpu;
  const Without& without;
  std::uint32_t taken = 0;
  void arm() {
    cpu.store(armed, 1);
    if (!without.arm_fence) cpu.fence();
  }
  void disarm() { cpu.store(armed, 0); }
  bool look() { return !without.second_look && cpu.load(ring) > taken; }
  void poll() { taken = cpu.load(ring); }
};

Interleavings::Verdict interrupts(const Without& without) {
  const auto lcore = [=](Cpu& cpu) {
    InterruptQueue queue{cpu, without};
    for (;;) {
      queue.poll();
      if (queue.taken == 2) return;
      if (runtime::unmask_and_look(queue)) continue;
      cpu.wait(event);
      queue.disarm();
    }
  };
  return Interleavings({lcore, device(2, without)}).explore();
}

/// Where NapiState keeps its bits: shared memory. Without MISSED the bit does not stick.
struct SharedWord {
  Cpu& cpu;
  bool drops_missed;
  [[nodiscard]] std::uint32_t load() const { return cpu.load(state); }
  [[nodiscard]] bool compare_exchange(std::uint32_t expected, std::uint32_t desired) const {
    return cpu.compare_exchange(state, expected, drops_missed ? desired & ~poll::napi_bit::missed : desired);
  }
};

Interleavings::Verdict schedule_and_complete(const Without& without) {
  const auto poller = [=](Cpu& cpu) {
    poll::NapiState<SharedWord> napi(SharedWord{cpu, without.missed});
    std::uint32_t taken = 0;
    while (taken < 3) {
      cpu.wait(event);  // linked on the poll list
      do taken = cpu.load(ring);
      while (!napi.complete());
    }
  };
  const auto scheduler = [=](Cpu& cpu) {
    poll::NapiState<SharedWord> napi(SharedWord{cpu, without.missed});
    for (std::uint32_t n = 1; n <= 3; ++n) {
      cpu.store(ring, n);
      if (napi.schedule_prep()) cpu.signal(event);
    }
  };
  return Interleavings({poller, scheduler}).explore();
}

void check_holds(const char* what, const Interleavings::Verdict& verdict) {
  CAPTURE(what, verdict.counterexample, verdict.states);
  CHECK(verdict.all_finish);
  CHECK(verdict.ends > 0);
}

void check_breaks(const char* what, const Interleavings::Verdict& verdict) {
  CAPTURE(what, verdict.states);
  CHECK_FALSE(verdict.all_finish);
  CHECK_FALSE(verdict.counterexample.empty());
}

}  // namespace

TEST_CASE("the explorer knows store buffering: without fences both threads read 0, with fences one reads 1") {
  for (const bool fences : {true, false}) {
    const auto side = [=](std::size_t mine, std::size_t other) {
      return [=](Cpu& cpu) {
        cpu.store(mine, 1);
        if (fences) cpu.fence();
        if (cpu.load(other) != 0) cpu.signal(event);
      };
    };
    // The third waits for one of them to have seen the other.
    const auto verdict =
        Interleavings({side(ring, ring_b), side(ring_b, ring), [](Cpu& cpu) { cpu.wait(event); }}).explore();
    CHECK(verdict.all_finish == fences);
  }
}

TEST_CASE("X20: no interleaving of sleeping and waking loses a wake-up") {
  check_holds("one producer", sleep_and_wake({}));
  check_holds("two producers",
              Interleavings({sleeper(2, {}), producer(ring, 1, {}), producer(ring_b, 1, {})}).explore());
  check_holds("a device and a producer", Interleavings({sleeper(2, {}, true), device(1, {}), producer(ring_b, 1, {})}).explore());
}

TEST_CASE("X20: without either fence, or without the second look, a wake-up is lost, and the explorer finds it") {
  check_breaks("sleeper's fence", sleep_and_wake({.sleeper_fence = true}));
  check_breaks("producer's fence", sleep_and_wake({.producer_fence = true}));
  check_breaks("second look", sleep_and_wake({.second_look = true}));
}

TEST_CASE("X20: a softirq raised from another thread is seen by who goes to sleep") {
  for (const bool look : {true, false}) {
    const auto raiser = [](Cpu& cpu) {
      while (!cpu.compare_exchange(raised, 0, 1)) {
      }
      Flag flag{cpu, true};
      if (runtime::must_wake(flag)) cpu.signal(event);
    };
    struct Idle {
      Cpu& cpu;
      bool looks;
      Flag flag{cpu, true};
      void announce() { runtime::announce_sleep(flag); }
      void retract() { flag.store(false); }
      void arm() {}
      void disarm() {}
      bool has_work() { return looks && cpu.load(raised) != 0; }
    };
    const auto lcore = [look](Cpu& cpu) {
      Idle idle{cpu, look};
      while (cpu.load(raised) == 0)
        if (runtime::prepare_to_sleep(idle)) cpu.wait(event);
    };
    CHECK(Interleavings({lcore, raiser}).explore().all_finish == look);
  }
}

TEST_CASE("B3, X20: unmasking an interrupt loses no arrival; without the second look or a fence it does") {
  check_holds("interrupts", interrupts({}));
  check_breaks("second look", interrupts({.second_look = true}));
  check_breaks("device's fence", interrupts({.device_fence = true}));
  check_breaks("driver's fence", interrupts({.arm_fence = true}));
}

TEST_CASE("D3: what is scheduled while it is polled and completes is polled again; without MISSED it is lost") {
  check_holds("schedule and complete", schedule_and_complete({}));
  check_breaks("MISSED", schedule_and_complete({.missed = true}));
}
