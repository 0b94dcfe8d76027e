// SPDX-License-Identifier: BSD-3-Clause
// What can go wrong in administration, under DPDK's net_ena: commands, events, link, keep-alive, hints.
#include "tests/devmodel/ena/fault_bench.hpp"
#include "tests/devmodel/ena/registers.hpp"

#include "tests/support/catch.hpp"

#include <thread>

using namespace millrace;
using namespace millrace::devmodel::ena;
using devmodel::MutableBytes;
using namespace std::chrono_literals;

namespace {

// ena_admin_acq_common_desc, ena_admin_aenq_common_desc
constexpr std::size_t command_at = 0, status_at = 2, answer_flags_at = 3, event_flags_at = 4;
constexpr std::uint8_t phase_bit = 1;
constexpr auto get_stats = static_cast<std::uint64_t>(Opcode::get_stats);
constexpr auto keep_alive = static_cast<std::uint64_t>(EventGroup::keep_alive);
constexpr std::uint64_t always = 1'000'000;

/// A command whose answer does not come: the caller waits for no longer than CAPS allows, which is a second.
void a_command_fails_in_time(Bench& bench) {
  const auto begin = std::chrono::steady_clock::now();
  static_cast<void>(bench.port->device_stats());
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
  CHECK(bench.arrives());
  CHECK(bench.leaves());
}

/// The driver's watchdog, which fires after 3 s without keep-alive, is told to be quicker.
void hurry(Bench& bench) {
  bench.device.update_hints({.driver_watchdog_timeout_ms = 300});
  std::this_thread::sleep_for(20ms);
}

}  // namespace

TEST_CASE("fault: a keep-alive that stops is told as keepalive, wd_expired counts it, and a reset ends it") {
  run_once({.strike =
                [](Bench& bench) {
                  bench.device.stop_keep_alive(true);
                  hurry(bench);
                },
            .counter = "wd_expired",
            .cause = "keepalive",
            .within = 10s});
}

TEST_CASE("fault: a keep-alive that is lost once is missed by nobody") {
  run_once({.faults = {{.step = Step::event, .key = keep_alive}}, .strike = [](Bench& bench) { bench.device.keep_alive(); }});
}

TEST_CASE("fault: events whose phase is wrong are heard no more: told as keepalive, and a reset ends it") {
  run_once({.faults = {{.step = Step::event, .after = 1, .change = flip(event_flags_at, phase_bit)}},
            .strike =
                [](Bench& bench) {
                  hurry(bench);
                  bench.device.keep_alive();
                },
            .counter = "wd_expired",
            .cause = "keepalive",
            .within = 10s});
}

TEST_CASE("fault: events that the driver's memory does not take are told as keepalive, and a reset ends it") {
  run_once({.faults = {{.step = Step::event, .key = keep_alive, .times = always}},
            .strike =
                [](Bench& bench) {
                  hurry(bench);
                  bench.device.keep_alive();
                },
            .counter = "wd_expired",
            .cause = "keepalive",
            .within = 10s});
}

TEST_CASE("fault: management interrupts that are lost are told as reset_asked, for a command fails, and a reset ends it") {
  run_once({.faults = {{.step = Step::interrupt, .key = 0, .after = 1, .times = always}},
            .strike =
                [](Bench& bench) {
                  hurry(bench);
                  bench.device.keep_alive();
                },
            .cause = "reset_asked",
            .within = 10s});
}

TEST_CASE("fault: a hint that leaves a keep-alive no time is told as keepalive, and a reset ends it") {
  run_once({.strike =
                [](Bench& bench) {
                  bench.device.update_hints({.driver_watchdog_timeout_ms = 1});
                  bench.subject.slot.advance(500'000'000);  // the event and the watchdog that looks for it come once a second: not at the same time
                },
            .counter = "wd_expired", .cause = "keepalive", .within = 10s});
}

TEST_CASE("fault: an admin command that is never answered fails within a second, is told as reset_asked, and a reset ends it") {
  run_once({.faults = {{.step = Step::admin_answer, .key = get_stats}}, .strike = a_command_fails_in_time, .cause = "reset_asked", .within = 10s});
}

TEST_CASE("fault: an admin command that is answered too late fails within a second, the answer hurts nobody, is told as reset_asked, and a reset ends it") {
  run_once({.faults = {{.step = Step::admin_answer, .key = get_stats, .fate = Fate::late}},
            .strike =
                [](Bench& bench) {
                  a_command_fails_in_time(bench);
                  bench.device.release_late();
                },
            .cause = "reset_asked",
            .within = 10s});
}

TEST_CASE("fault: an admin command that the device never hears of fails within a second, is told as reset_asked, and a reset ends it") {
  run_once({.faults = {{.step = Step::store, .key = reg::aq_db}}, .strike = a_command_fails_in_time, .cause = "reset_asked", .within = 10s});
}

TEST_CASE("fault: an admin answer to another command fails within a second, is told as reset_asked, and a reset ends it") {
  run_once({.faults = {{.step = Step::admin_answer, .key = get_stats, .change = flip(command_at, 1)}}, .strike = a_command_fails_in_time, .cause = "reset_asked", .within = 10s});
}

TEST_CASE("fault: an admin answer to a command that cannot be fails within a second, is told as reset_asked, and a reset ends it") {
  run_once({.faults = {{.step = Step::admin_answer, .key = get_stats, .change = put16(command_at, 0xfff)}}, .strike = a_command_fails_in_time, .cause = "reset_asked", .within = 10s});
}

TEST_CASE("fault: an admin answer with the wrong phase fails within a second, is told as reset_asked, and a reset ends it") {
  run_once({.faults = {{.step = Step::admin_answer, .key = get_stats, .change = flip(answer_flags_at, phase_bit)}},
            .strike = a_command_fails_in_time,
            .cause = "reset_asked",
            .within = 10s});
}

TEST_CASE("fault: an admin command that the device refuses fails at once and alone, and it goes on") {
  for (const std::uint8_t status : {1, 2, 3, 4, 5, 6, 7, 255})
    run_once({.faults = {{.step = Step::admin_answer, .key = get_stats, .change = [=](MutableBytes entry) { entry[status_at] = status; }}}, .strike = [](Bench& bench) {
                static_cast<void>(bench.port->device_stats());
                CHECK(bench.port->device_stats().rx_packets == 20);
              }});
}

TEST_CASE("fault: link changes faster than anyone hears them end in the link as it is, and it goes on") {
  run_once({.strike = [](Bench& bench) {
    for (int i = 0; i < 1001; ++i) bench.device.set_link(i % 2 != 0);
    CHECK(Bench::soon([&] { return !bench.port->link().up; }));
    for (int i = 0; i < 1001; ++i) bench.device.set_link(i % 2 == 0);
    CHECK(Bench::soon([&] { return bench.port->link().up; }));
  }});
}

TEST_CASE("fault: an event of no known group, and one that says it is fatal, are passed over, and it goes on") {
  for (const std::uint16_t group : {1, 2, 7, 77, 0xffff})
    run_once({.faults = {{.step = Step::event, .key = keep_alive, .change = put16(0, group)}}, .strike = [](Bench& bench) {
                bench.device.keep_alive();
                bench.device.set_link(false);
                CHECK(Bench::soon([&] { return !bench.port->link().up; }));
                bench.device.set_link(true);
                CHECK(Bench::soon([&] { return bench.port->link().up; }));
              }});
}

TEST_CASE("fault: more events than the queue holds are not sent, and it goes on") {
  run_once({.strike = [](Bench& bench) {
    for (int i = 0; i < 1000; ++i) bench.device.keep_alive();
    bench.device.set_link(false);
    CHECK(Bench::soon([&] { return !bench.port->link().up; }));
    bench.device.set_link(true);
    CHECK(Bench::soon([&] { return bench.port->link().up; }));
  }});
}
