// SPDX-License-Identifier: BSD-3-Clause
// What can go wrong on the way out, under DPDK's net_ena: completions, descriptors, doorbells.
#include "tests/devmodel/ena/fault_bench.hpp"
#include "tests/devmodel/ena/registers.hpp"

#include "tests/support/catch.hpp"

using namespace millrace;
using namespace millrace::devmodel::ena;
using devmodel::le16;
using devmodel::MutableBytes;
using devmodel::put_le16;
using namespace std::chrono_literals;

namespace {

// ena_eth_io_tx_cdesc
constexpr std::size_t req_id_at = 0, flags_at = 3;
constexpr std::uint8_t phase_bit = 1;
constexpr std::uint64_t always = 1'000'000;

/// More than a ring full is offered, and what the port took is on the wire.
void ring_fills(Bench& bench) {
  bench.subject.wire.clear();
  const std::size_t taken = bench.fill_tx();
  CHECK(taken >= 200);
  CHECK(taken < 256);
  CHECK(bench.subject.wire.size() == taken);
}

/// So many leave, and the port gets to see their completions.
void go_around(Bench& bench) {
  for (std::size_t n = 0; n < 300; ++n) CHECK(bench.leaves(n));
}

}  // namespace

TEST_CASE("fault: a sent req_id beyond the ring stops the queue, is told as tx_timeout after five seconds, and a reset ends it") {
  run({.faults = {{.step = Step::tx_completion, .change = put16(req_id_at, 256)}}, .strike = ring_fills, .cause = "tx_timeout"});
}

TEST_CASE("fault: a transmit completion with the wrong phase stops the queue, is told as tx_timeout after five seconds, and a reset ends it") {
  run({.faults = {{.step = Step::tx_completion, .change = flip(flags_at, phase_bit)}}, .strike = ring_fills, .cause = "tx_timeout"});
}

TEST_CASE("fault: transmit completions that are all lost are told as tx_timeout after five seconds, and a reset ends it") {
  run({.faults = {{.step = Step::tx_completion, .times = always}}, .strike = ring_fills, .cause = "tx_timeout"});
}

TEST_CASE("fault: many transmit completions lost in a queue that goes on are told as tx_timeout by the driver's own watchdog, and a reset ends it") {
  run({.faults = {{.step = Step::tx_completion, .times = 150}},
       .strike = [](Bench& bench) { for (std::size_t n = 0; n < 150; ++n) CHECK(bench.is_taken(n)); },
       .counter = "tx_q0_missed_tx",
       .cause = "tx_timeout",
       .within = 15s,
       .adjust = [](ethdev::Options& options) { options.args = "miss_txc_to=1"; }});
}

TEST_CASE("fault: a transmit completion that is lost keeps its buffer until the port is closed, missed_tx counts it, and it goes on") {
  run_once({.faults = {{.step = Step::tx_completion}},
       .strike =
           [](Bench& bench) {
             go_around(bench);
             // A queue whose lcore was kept from it is not judged: on a busy machine it takes more than one of the watchdog's rounds.
             for (int tries = 0; tries < 10 && bench.xstat("tx_q0_missed_tx") == 0; ++tries) CHECK_FALSE(bench.check(0, 1200ms));
           },
       .counter = "tx_q0_missed_tx",
       .adjust = [](ethdev::Options& options) { options.args = "miss_txc_to=1"; }});
}

TEST_CASE("fault: transmit completions that come late free the queue when they come, and it goes on") {
  run({.faults = {{.step = Step::tx_completion, .times = always, .fate = Fate::late}}, .strike = [](Bench& bench) {
         ring_fills(bench);
         CHECK_FALSE(bench.leaves());
         bench.device.release_late();
         bench.device.repair();
         CHECK(bench.leaves());
         bench.device.arm({.step = Step::tx_completion, .fate = Fate::late});
         CHECK(bench.leaves());
       }});
}

TEST_CASE("fault: a sent req_id of nothing that waits is told as bad_req_id, and a reset ends it") {
  run({.faults = {{.step = Step::tx_completion, .change = flip(req_id_at, 0x80)}}, .strike = go_around, .counter = "tx_q0_bad_req_id", .cause = "bad_req_id"});
}

TEST_CASE("fault: a transmit completion that comes twice is told as bad_req_id, and a reset ends it") {
  static std::uint16_t first_id;
  run({.faults = {{.step = Step::tx_completion, .change = [](MutableBytes entry) { first_id = le16(entry, req_id_at); }},
                  {.step = Step::tx_completion, .after = 1, .change = [](MutableBytes entry) { put_le16(entry, req_id_at, first_id); }}},
       .strike = go_around,
       .counter = "tx_q0_bad_req_id",
       .cause = "bad_req_id"});
}

TEST_CASE("fault: memory that takes no transmit completion is a completion lost, and it goes on") {
  run({.faults = {{.step = Step::dma, .key = 8}}, .strike = go_around});
}

TEST_CASE("fault: a transmit doorbell that is lost leaves the frame to the next one, and nothing is lost") {
  run({.faults = {{.step = Step::store, .key = reg::tx_doorbell}}, .strike = [](Bench& bench) {
         bench.subject.wire.clear();
         CHECK(bench.is_taken(0));
         CHECK(bench.subject.wire.empty());
         CHECK(bench.is_taken(1));
         CHECK(bench.subject.wire.size() == 2);
       }});
}

TEST_CASE("fault: transmit doorbells that are all lost are told as tx_timeout after five seconds, and a reset ends it") {
  run({.faults = {{.step = Step::store, .key = reg::tx_doorbell, .times = always}},
       .strike = [](Bench& bench) { CHECK(bench.fill_tx() < 256); },
       .cause = "tx_timeout"});
}

TEST_CASE("fault: a frame that the device cannot read is not sent and keeps its buffer, and it goes on") {
  run({.faults = {{.step = Step::dma, .key = 1242}}, .strike = [](Bench& bench) {
         // Of a low latency queue the device has the first 96 bytes before.
         bench.subject.wire.clear();
         const std::size_t pushed = bench.subject.traits.name == "low latency queues" ? 96 : 0;
         pkt::Burst burst;
         burst.push(bench.host.unfinished({.proto = 17, .payload = 1200 + pushed}, 1400, 1500));
         CHECK(bench.port->tx_queue(0).transmit(bench.host.env, burst) == 1);
         CHECK(bench.subject.wire.empty());
       }});
}

TEST_CASE("fault: a link that is down is no fault, though nothing leaves") {
  run({.strike = [](Bench& bench) {
    bench.device.set_link(false);
    bench.subject.wire.clear();
    for (std::size_t n = 0; n < 300; ++n) static_cast<void>(bench.is_taken(n));
    CHECK(bench.subject.wire.empty());
    CHECK_FALSE(bench.check(8));
    bench.device.set_link(true);
  }});
}
