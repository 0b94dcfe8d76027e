// SPDX-License-Identifier: BSD-3-Clause
// Faults that meet a port while it is opened, reset or closed, and a device that is gone.
#include "tests/devmodel/ena/fault_bench.hpp"
#include "tests/devmodel/ena/registers.hpp"

#include "tests/support/catch.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

using namespace millrace;
using devmodel::hear_faults;
using devmodel::Subject;
using namespace millrace::devmodel::ena;
using devmodel::MutableBytes;
using devmodel::put_le32;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t status_at = 2;  // ena_admin_acq_common_desc
constexpr std::uint64_t always = 1'000'000;

/// What a dead port does, which is nothing; and every call returns.
void check_dead(Bench& bench) {
  CHECK_FALSE(bench.arrives());
  CHECK_FALSE(bench.is_taken());
  CHECK_FALSE(bench.port->link().up);
  static_cast<void>(bench.port->device_stats());
  static_cast<void>(bench.port->xstats());
  static_cast<void>(bench.port->rss());
  static_cast<void>(bench.check(8));
}

/// A reset that this keeps from coming to an end fails in time, and one without it does not.
void cannot_be_reset(Subject& subject, const std::vector<Fault>& faults, std::chrono::milliseconds in, bool forgives_violations = false) {
  INFO(subject.traits.name);
  Bench bench(subject);
  bench.forgives_violations = forgives_violations;
  bench.exchange(20);
  for (const Fault& fault : faults) bench.device.arm(fault);
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(bench.port->reset());
  CHECK(std::chrono::steady_clock::now() - begin < in);
  CHECK(bench.device.struck() > 0);
  check_dead(bench);
  bench.device.repair();
  bench.reset();
  bench.exchange(300);
}

Fault value_of(std::uint32_t offset, std::uint32_t value) {
  return {.step = Step::readless_answer, .key = offset, .times = always, .change = [=](MutableBytes answer) { put_le32(answer, 4, value); }};
}

Fault refusal(std::uint64_t after) {
  return {.step = Step::admin_answer, .after = after, .change = [](MutableBytes answer) { answer[status_at] = 6; }};
}

// Whatever the driver leaves behind when it fails, the next probe must not fail for it: `helped` takes it away.
void refuse_each_command_of_a_reset(bool helped) {
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Bench bench(*subject);
    bench.exchange(20);
    for (std::uint64_t n = 0;; ++n) {
      INFO("command " << n);
      REQUIRE(n < 200);
      bench.device.arm(refusal(n));
      const auto done = bench.port->reset();
      const bool was_struck = bench.device.struck() > 0;
      bench.device.repair();
      if (!done) {
        check_dead(bench);
        if (helped) give_back_driver_memory();
        bench.reset();
      }
      bench.exchange(5);
      if (!was_struck) break;
    }
    bench.exchange(300);
  }
}

void refuse_each_command_of_an_open(bool helped) {
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Ena& device = dynamic_cast<Ena&>(*subject->device);
    for (std::uint64_t n = 0;; ++n) {
      INFO("command " << n);
      REQUIRE(n < 200);
      Bench(*subject).exchange(5);
      bool was_struck = false;
      {
        test::Host host;
        device.arm(refusal(n));
        auto opened = ethdev::open({.name = subject->slot.name(), .ifindex = 1, .rx_ring = 256, .tx_ring = 256, .pools = {&*host.pool}});
        was_struck = device.struck() > 0;
        if (opened) opened->reset();
      }
      device.repair();
      const std::size_t left = give_back_driver_memory();
      if (!helped) CHECK(left == 0);
      if (!was_struck) break;
    }
  }
}

}  // namespace

TEST_CASE("fault: a device that is pulled out is told as removed, the port is dead and closes in time; one that is put back is reset") {
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    {
      Bench bench(*subject);
      bench.exchange(20);
      bench.subject.slot.pull_out();
      CHECK_FALSE(bench.arrives());
      const auto told = bench.check(3);
      CHECK((told ? told->cause : "") == "removed");
      const auto begin = std::chrono::steady_clock::now();
      CHECK_FALSE(bench.port->reset());
      check_dead(bench);
      bench.put_back();
      bench.reset();
      bench.exchange(300);
      bench.subject.slot.pull_out();
      bench.port.reset();
      CHECK(std::chrono::steady_clock::now() - begin < 8s);
    }
    subject->slot.put_back(*subject->device);
    Bench(*subject).exchange(20);
  }
}

TEST_CASE("fault: a reset of a device whose registers read all ones fails in time, and the next one succeeds") {
  for (const std::uint32_t offset : {reg::dev_sts, reg::caps, reg::version, reg::controller_version}) {
    INFO(offset);
    cannot_be_reset(low_latency(), {value_of(offset, 0xffffffff)}, 4s);
  }
}

TEST_CASE("fault: a reset of a device that answers no register read fails in time, and the next one succeeds") {
  cannot_be_reset(low_latency(), {{.step = Step::readless_answer, .times = always}}, 5s);
  cannot_be_reset(host_rings(), {{.step = Step::readless_answer, .key = reg::dev_sts, .after = 1, .times = always}}, 5s);
}

TEST_CASE("fault: a reset that never begins, or never ends, fails in time, and the next one succeeds") {
  cannot_be_reset(low_latency(), {value_of(reg::dev_sts, reg::dev_sts_ready)}, 4s);
  cannot_be_reset(low_latency(), {value_of(reg::dev_sts, reg::dev_sts_ready | reg::dev_sts_reset_in_progress)}, 4s);
  cannot_be_reset(low_latency(), {{.step = Step::store, .key = reg::dev_ctl, .times = always}}, 4s);
}

TEST_CASE("fault: a reset of a device that is not ready, or of another version, fails at once, and the next one succeeds") {
  cannot_be_reset(low_latency(), {value_of(reg::dev_sts, 0)}, 2s);
  cannot_be_reset(low_latency(), {value_of(reg::controller_version, 0)}, 2s);
}

TEST_CASE("fault: a reset without a single admin answer fails in time, and the next one succeeds") {
  cannot_be_reset(low_latency(), {{.step = Step::admin_answer, .times = always}}, 8s);
  cannot_be_reset(low_latency(), {{.step = Step::store, .key = reg::aq_caps, .times = always}}, 8s, true);
}

TEST_CASE("fault: a reset in which any one command is refused succeeds or fails at once, and the next one succeeds") { refuse_each_command_of_a_reset(true); }

TEST_CASE("fault: an open in which any one command is refused succeeds or fails at once, and the next one succeeds") { refuse_each_command_of_an_open(true); }

TEST_CASE("fault: a reset in which any one command is refused leaves none of the driver's memory behind") { refuse_each_command_of_a_reset(false); }

TEST_CASE("fault: an open in which any one command is refused leaves none of the driver's memory behind") { refuse_each_command_of_an_open(false); }

TEST_CASE("fault: a reset in the middle of any other fault succeeds, or fails and succeeds when that is over") {
  const auto garble = [](MutableBytes bytes) { std::fill(bytes.begin(), bytes.end(), std::uint8_t{0xa5}); };
  std::vector<Fault> faults;  // of administration see above: each of those costs seconds
  for (const Step step : {Step::tx_completion, Step::event, Step::readless_answer}) faults.push_back({.step = step, .times = always, .change = garble});
  for (const Fate fate : {Fate::lost, Fate::late})
    for (const Step step : {Step::rx_completion, Step::tx_completion, Step::event}) faults.push_back({.step = step, .times = always, .fate = fate});
  for (const std::uint32_t doorbell : {reg::tx_doorbell, reg::rx_doorbell, reg::aenq_head_db}) faults.push_back({.step = Step::store, .key = doorbell, .times = always});
  for (const std::uint64_t bytes : {8, 16}) faults.push_back({.step = Step::dma, .key = bytes, .times = always});
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Bench bench(*subject);
    bench.forgives_violations = true;  // what is garbled may be what it is to do
    for (std::size_t n = 0; n < faults.size(); ++n) {
      INFO("fault " << n);
      bench.exchange(10);
      bench.device.arm(faults[n]);
      for (std::size_t i = 0; i < 40; ++i) {
        static_cast<void>(bench.arrives(i));
        static_cast<void>(bench.is_taken(i));
      }
      bench.device.set_link(n % 2 == 0);
      const bool is_up = bench.port->reset().has_value();
      bench.device.repair();
      bench.device.set_link(true);
      if (!is_up) give_back_driver_memory();
      bench.reset();
    }
    bench.exchange(300);
  }
}

TEST_CASE("fault: completions kept back over a reset come to nothing") {
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Bench bench(*subject);
    bench.device.arm({.step = Step::rx_completion, .times = 50, .fate = Fate::late});
    bench.device.arm({.step = Step::tx_completion, .times = 50, .fate = Fate::late});
    for (std::size_t n = 0; n < 50; ++n) {
      CHECK_FALSE(bench.arrives(n));
      CHECK(bench.leaves(n));
    }
    bench.reset();
    bench.device.release_late();
    bench.exchange(300);
  }
}

TEST_CASE("fault: a port that is reset again and again, with both rings in use, loses what they hold and nothing else") {
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Bench bench(*subject);
    port::RxQueue* const rx = &bench.port->rx_queue(0);
    port::TxQueue* const tx = &bench.port->tx_queue(0);
    for (std::size_t round = 0; round < 20; ++round) {
      for (std::size_t n = 0; n < 10 * round; ++n) {
        static_cast<void>(bench.device.receive(bench.inward(n).bytes()));
        CHECK(bench.is_taken(n));
      }
      bench.reset();
      CHECK(&bench.port->rx_queue(0) == rx);
      CHECK(&bench.port->tx_queue(0) == tx);
      bench.exchange(10);
    }
    bench.exchange(300);
  }
}

// ena_close() asks EAL's thread to let go of the device, which it does not while it is in the handler, and goes on all the same: what is
// registered next would never be heard, and the handler goes on with what is gone.
TEST_CASE("fault: a port that is reset while one of its events is being heard begins anew at once") {
  Bench bench(low_latency());
  bench.exchange(20);
  bench.device.set_admin_deaf(true);
  static_cast<void>(bench.port->device_stats());  // after it the driver gives no command any more, whose answer it would have to hear of
  bench.device.set_admin_deaf(false);
  std::uint16_t id = 0;
  REQUIRE(rte_eth_dev_get_port_by_name(bench.subject.slot.name().c_str(), &id) == 0);
  static std::atomic<bool> is_heard;
  is_heard = false;
  const auto slowly = [](std::uint16_t, rte_eth_event_type, void*, void*) {
    is_heard = true;
    std::this_thread::sleep_for(200ms);
    return 0;
  };
  REQUIRE(rte_eth_dev_callback_register(id, RTE_ETH_EVENT_INTR_LSC, slowly, nullptr) == 0);
  bench.device.set_link(false);
  while (!is_heard) std::this_thread::sleep_for(100us);
  bench.device.set_link(true);
  bench.reset();
  bench.exchange(300);
}

TEST_CASE("alone: a queue that cannot be set up", "[.]") {
  const std::string name = low_latency().slot.name();
  hear_faults();
  test::Host host(1023, 1024);  // net_ena takes no buffers below 1400 bytes
  const auto opened = ethdev::open({.name = name, .mtu = 576, .pools = {&*host.pool}});
  REQUIRE_FALSE(opened);
  INFO(opened.error().message);
  CHECK(opened.error().message.find("too small for an rx queue; raise the pool's data_room to 1400") != std::string::npos);
}

// ena_rx_queue_release() looks into each queue that was configured, whether it was set up or not (22.11).
TEST_CASE("fault: a queue that cannot be set up is an error of open()") { CHECK(passes_alone("alone: a queue that cannot be set up")); }

TEST_CASE("fault: a port whose device answers no command closes in time, and leaves nothing behind") {
  for (Subject* const subject : {&low_latency(), &host_rings()}) {
    INFO(subject->traits.name);
    Bench bench(*subject);
    bench.exchange(20);
    bench.device.set_admin_deaf(true);
    const auto begin = std::chrono::steady_clock::now();
    bench.port.reset();
    CHECK(std::chrono::steady_clock::now() - begin < 2s);
  }
}
