// SPDX-License-Identifier: BSD-3-Clause
// What can go wrong on the way in, under DPDK's net_ena: completions, buffers, doorbells, interrupts, the pool.
#include "tests/devmodel/ena/fault_bench.hpp"
#include "tests/devmodel/ena/registers.hpp"

#include <millrace/runtime/event_set.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;
using namespace millrace::devmodel::ena;
using devmodel::le16;
using devmodel::MutableBytes;
using devmodel::put_le16;
using namespace std::chrono_literals;

namespace {

// ena_eth_io_rx_cdesc_base
constexpr std::size_t length_at = 4, req_id_at = 6, offset_at = 14, flags_at = 3;
constexpr std::uint8_t phase_bit = 1, first_bit = 0x04, last_bit = 0x08;
constexpr std::size_t usable = 255;
// The device says what it has missed once a second, which nothing makes shorter; on a busy machine that is heard late.
constexpr auto two_keep_alives = 10s;

/// A frame comes in, and nothing comes of it.
void one_is_lost(Bench& bench) { CHECK_FALSE(bench.arrives()); }

/// A frame comes in that is not what it says it is: whoever gets it must not be led out of its buffer.
void stays_in_its_buffer(Bench& bench) {
  static_cast<void>(bench.device.receive(bench.inward(2).bytes()));
  pkt::Packet got = bench.take();
  if (!got) return;
  CHECK(got.mbuf().data_off + got.mbuf().data_len <= got.mbuf().buf_len);
  pkt::consume(std::move(got));
}

/// Nothing arrives any more. The device counts what it has no buffer for, and says so with the keep-alive.
void none_arrives_and_the_device_counts(Bench& bench) {
  const std::uint64_t before = bench.device.drops().rx;
  for (std::size_t n = 0; n < usable + 45; ++n) CHECK_FALSE(bench.arrives(n));
  CHECK(bench.device.drops().rx >= before + 44);
  bench.device.keep_alive();
  CHECK(Bench::soon([&] { return bench.port->device_stats().rx_missed >= 44; }));
}

/// Ten seconds, in each of which more frames come than the ring holds, and check() has nothing to tell.
void misses_untold(Bench& bench, const std::function<void()>& each_second) {
  for (int second = 0; second < 10; ++second) {
    bench.host.env.now += 1s;
    const std::uint64_t before = bench.port->device_stats().rx_missed;
    for (std::size_t n = 0; n < 2 * usable; ++n) static_cast<void>(bench.device.receive(bench.inward(n).bytes()));
    bench.device.keep_alive();
    CHECK(Bench::soon([&] { return bench.port->device_stats().rx_missed > before; }));
    each_second();
    CHECK_FALSE(bench.port->check(bench.host.env.now));
  }
}

}  // namespace

TEST_CASE("fault: a received req_id beyond the ring costs the frame, is told as bad_req_id, and a reset ends it") {
  run({.faults = {{.step = Step::rx_completion, .change = put16(req_id_at, 256)}}, .strike = one_is_lost, .counter = "rx_q0_bad_req_id", .cause = "bad_req_id"});
}

TEST_CASE("fault: a receive completion of all ones costs the frame, is told as bad_req_id, and a reset ends it") {
  const auto ones = [](MutableBytes entry) {
    const std::uint8_t flags = entry[flags_at];
    std::fill(entry.begin(), entry.end(), std::uint8_t{0xff});
    entry[flags_at] = static_cast<std::uint8_t>(0xfe | (flags & phase_bit));
  };
  run({.faults = {{.step = Step::rx_completion, .change = ones}}, .strike = one_is_lost, .counter = "rx_q0_bad_req_id", .cause = "bad_req_id"});
}

TEST_CASE("fault: more descriptors than a frame may have is told as bad_desc_num, and a reset ends it") {
  // Newer drivers look at the mark of a frame's beginning, too.
  run({.faults = {{.step = Step::rx_completion, .change = flip(flags_at, last_bit)},
                  {.step = Step::rx_completion, .after = 1, .times = 8, .change = flip(flags_at, first_bit | last_bit)},
                  {.step = Step::rx_completion, .after = 9, .change = flip(flags_at, first_bit)}},
       .strike =
           [](Bench& bench) {
             for (std::size_t n = 0; n < 10; ++n) CHECK_FALSE(bench.arrives(n));
           },
       .counter = "rx_q0_bad_desc_num",
       .cause = "bad_desc_num"});
}

TEST_CASE("fault: a frame whose end is not marked becomes one with the next, and it goes on") {
  run({.faults = {{.step = Step::rx_completion, .change = flip(flags_at, last_bit)}, {.step = Step::rx_completion, .after = 1, .change = flip(flags_at, first_bit)}}, .strike = [](Bench& bench) {
         CHECK_FALSE(bench.arrives(0));
         REQUIRE(bench.device.receive(bench.inward(1).bytes()));
         pkt::Packet both = bench.take();
         REQUIRE(both);
         CHECK(both.segments() == 2);
         CHECK(both.length() == bench.inward(0).bytes().size() + bench.inward(1).bytes().size());
         pkt::consume(std::move(both));
       }});
}

TEST_CASE("fault: two completions that change their req_ids change the frames' contents, and it goes on") {
  static std::uint16_t first_id;
  const auto keep = [](MutableBytes entry) { first_id = le16(entry, req_id_at); };
  const auto swap = [](MutableBytes entry) { put_le16(entry, req_id_at, first_id + 1U); };
  const auto swap_back = [](MutableBytes entry) { put_le16(entry, req_id_at, first_id); };
  run({.faults = {{.step = Step::rx_completion, .change = keep}, {.step = Step::rx_completion, .change = swap}, {.step = Step::rx_completion, .after = 1, .change = swap_back}},
       .strike = [](Bench& bench) {
         for (const std::size_t n : {6, 12}) REQUIRE(bench.device.receive(bench.inward(n).bytes()));
         for (int i = 0; i < 2; ++i) {
           pkt::Packet got = bench.take();
           REQUIRE(got);
           pkt::consume(std::move(got));
         }
       }});
}

TEST_CASE("alone: a received req_id that is not in the ring", "[.]") {
  Bench bench(low_latency());
  bench.exchange(20);
  bench.device.arm({.step = Step::rx_completion, .change = put16(req_id_at, 3)});
  one_is_lost(bench);
}

// ena_rx_mbuf() takes what rx_buffer_info has of that id, which is null (22.11 to 24.11): nobody above the driver can help that.
TEST_CASE("fault: a received req_id that is not in the ring ends the process") { CHECK_FALSE(passes_alone("alone: a received req_id that is not in the ring")); }

TEST_CASE("fault: a length beyond the buffer costs the frame, which no one gets to read, and it goes on") {
  run({.faults = {{.step = Step::rx_completion, .change = put16(length_at, 4000)}}, .strike = stays_in_its_buffer});
}

TEST_CASE("fault: an offset beyond the buffer costs the frame, which no one gets to read, and it goes on") {
  run({.faults = {{.step = Step::rx_completion, .change = put16(offset_at, 0xffff)}}, .strike = stays_in_its_buffer});
}

TEST_CASE("fault: a length of nothing is no frame to anybody, and it goes on") {
  run({.faults = {{.step = Step::rx_completion, .change = put16(length_at, 0)}}, .strike = [](Bench& bench) {
         static_cast<void>(bench.device.receive(bench.inward(0).bytes()));
         pkt::Packet got = bench.take();
         if (!got) return;
         CHECK(got.length() == 0);
         pkt::consume(std::move(got));
       }});
}

TEST_CASE("fault: a last buffer of length nothing is not counted into the chain, and it goes on") {
  run({.faults = {{.step = Step::rx_completion, .after = 1, .change = put16(length_at, 0)}},
       .strike =
           [](Bench& bench) {
             static_cast<void>(bench.device.receive(test::RawFrame{.payload = 2500, .destination = bench.port->info().mac}.bytes()));
             pkt::Packet got = bench.take();
             REQUIRE(got);
             unsigned buffers = 0;
             got.for_each_segment([&](std::span<const std::uint8_t>) { ++buffers; });
             CHECK(got.segments() == buffers);
             got.mbuf().nb_segs = static_cast<std::uint16_t>(buffers);
             pkt::consume(std::move(got));
           },
       .adjust = [](ethdev::Options& options) { options.mtu = 9000; }});
}

TEST_CASE("fault: a bad completion behind good ones of the same burst costs no buffer, is told, and a reset ends it") {
  run({.faults = {{.step = Step::rx_completion, .after = 3, .change = put16(req_id_at, 256)}},
       .strike =
           [](Bench& bench) {
             for (std::size_t n = 0; n < 4; ++n) static_cast<void>(bench.device.receive(bench.inward(n).bytes()));
             pkt::Burst burst;
             CHECK(bench.port->rx_queue(0).receive(bench.host.env, burst, 32) == 3);
             burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
             // The driver has lost count of its ring: it would give ids twice.
             for (std::size_t n = 0; n < usable; ++n) CHECK_FALSE(bench.arrives(n));
           },
       .counter = "rx_q0_bad_req_id",
       .cause = "bad_req_id"});
}

TEST_CASE("fault: a receive completion that is lost costs the frame, and it goes on") { run({.faults = {{.step = Step::rx_completion}}, .strike = one_is_lost}); }

TEST_CASE("fault: a receive completion that comes late brings its frame late, and it goes on") {
  run({.faults = {{.step = Step::rx_completion, .times = 5, .fate = Fate::late}}, .strike = [](Bench& bench) {
         for (std::size_t n = 0; n < 5; ++n) CHECK_FALSE(bench.arrives(n));
         CHECK(bench.arrives(5));
         bench.device.release_late();
         for (std::size_t n = 0; n < 5; ++n) {
           pkt::Packet got = bench.take();
           REQUIRE(got);
           CHECK(test::bytes_of(got) == bench.inward(n).bytes());
           pkt::consume(std::move(got));
         }
       }});
}

TEST_CASE("fault: a receive completion with the wrong phase stops the queue, is told as rx_stalled after five seconds, and a reset ends it") {
  run({.faults = {{.step = Step::rx_completion, .change = flip(flags_at, phase_bit)}}, .strike = none_arrives_and_the_device_counts, .cause = "rx_stalled", .within = two_keep_alives});
}

TEST_CASE("fault: what the device lost before a reset, which it forgets, is in rx_missed once after it") {
  Bench bench(low_latency());
  for (std::size_t n = 0; n < usable + 45; ++n) static_cast<void>(bench.device.receive(bench.inward(n).bytes()));
  const std::uint64_t lost = bench.device.drops().rx;
  CHECK(lost >= 44);
  bench.device.keep_alive();
  CHECK(Bench::soon([&] { return bench.port->device_stats().rx_missed == lost; }));
  while (pkt::Packet got = bench.take()) pkt::consume(std::move(got));
  bench.reset();
  CHECK(bench.device.drops().rx == 0);
  CHECK(bench.port->device_stats().rx_missed == lost);
  for (std::size_t n = 0; n < usable + 5; ++n) static_cast<void>(bench.device.receive(bench.inward(n).bytes()));
  bench.device.keep_alive();
  CHECK(Bench::soon([&] { return bench.port->device_stats().rx_missed == lost + bench.device.drops().rx; }));
}

TEST_CASE("fault: memory that takes no frame costs the frame, the device counts it, and it goes on") {
  run({.faults = {{.step = Step::dma, .key = 1242}}, .strike = [](Bench& bench) {
         const std::uint64_t before = bench.device.drops().rx;
         CHECK_FALSE(bench.device.receive(test::RawFrame{.payload = 1200, .destination = bench.port->info().mac}.bytes()));
         CHECK_FALSE(bench.take());
         CHECK(bench.device.drops().rx == before + 1);
       }});
}

TEST_CASE("fault: memory that takes no receive completion costs the frame, and it goes on") { run({.faults = {{.step = Step::dma, .key = 16}}, .strike = one_is_lost}); }

TEST_CASE("fault: a receive doorbell that is lost costs nothing") {
  run({.faults = {{.step = Step::store, .key = reg::rx_doorbell}}, .strike = [](Bench& bench) { bench.exchange(200); }});
}

TEST_CASE("fault: receive doorbells that are all lost starve the queue, is told as rx_stalled after five seconds, and a reset ends it") {
  run({.faults = {{.step = Step::store, .key = reg::rx_doorbell, .times = 1000}},
       .strike =
           [](Bench& bench) {
             std::size_t arrived = 0;
             while (bench.arrives(arrived)) ++arrived;
             CHECK(arrived <= usable);
             none_arrives_and_the_device_counts(bench);
           },
       .cause = "rx_stalled",
       .within = two_keep_alives});
}

TEST_CASE("fault: receive descriptors that the device cannot read are read at the next doorbell, and nothing is lost") {
  // Completions are as long as descriptors. 20 frames have come, and the driver refills 32: those of 12 more go before.
  run({.faults = {{.step = Step::dma, .key = 16, .after = 12}}, .strike = [](Bench& bench) {
         for (std::size_t n = 0; n < 200; ++n) CHECK(bench.arrives(n));
       }});
}

TEST_CASE("fault: an rx interrupt that is lost leaves the frame to the next poll, and the next interrupt comes") {
  // What has come unarmed is told of as soon as the queue is armed.
  run({.faults = {{.step = Step::interrupt, .key = 1, .after = 1}},
       .strike =
           [](Bench& bench) {
             port::RxQueue& queue = bench.port->rx_queue(0);
             queue.arm();
             queue.disarm();
             runtime::EventSet events;
             REQUIRE(events.add(queue.event_fd(), 1));
             const auto nothing = [](std::uint64_t) {};
             while (events.wait(0ns, nothing) > 0) {
             }
             queue.arm();
             REQUIRE(bench.device.receive(bench.inward(0).bytes()));
             CHECK(events.wait(1ms, nothing) == 0);
             CHECK(queue.waiting() == -1);  // the driver cannot tell that a frame waits
             pkt::Packet got = bench.take();
             REQUIRE(got);
             pkt::consume(std::move(got));
             queue.disarm();
             test::wakes_by_interrupt(bench.host, *bench.port, [&] { REQUIRE(bench.device.receive(bench.inward(1).bytes())); });
           },
       .adjust = [](ethdev::Options& options) { options.interrupts = ethdev::Options::Interrupts::needed; }});
}

TEST_CASE("fault: rx interrupts for nothing wake for nothing, and it goes on") {
  run({.strike =
           [](Bench& bench) {
             runtime::EventSet events;
             REQUIRE(events.add(bench.port->rx_queue(0).event_fd(), 1));
             for (int i = 0; i < 100; ++i) bench.subject.slot.interrupt(1);
             CHECK(events.wait(2s, [](std::uint64_t) {}) == 1);
             CHECK_FALSE(bench.take());
           },
       .adjust = [](ethdev::Options& options) { options.interrupts = ethdev::Options::Interrupts::needed; }});
}

TEST_CASE("fault: a pool that is dry while the ring is refilled costs frames, mbuf_alloc_fail counts, and it goes on when buffers are back") {
  run({.strike =
           [](Bench& bench) {
             pkt::PacketList kept;
             while (pkt::Packet packet = bench.host.pool->allocate()) kept.push_back(std::move(packet));
             for (std::size_t n = 0; n < 300; ++n) static_cast<void>(bench.arrives(n));
             CHECK(bench.port->device_stats().rx_no_buffer > 0);
             pkt::consume(kept);
           },
       .counter = "rx_q0_mbuf_alloc_fail"});
}

TEST_CASE("fault: a ring that has run dry is filled again only when the pool has all of it at once; mbuf_alloc_fail counts until then") {
  run({.strike =
           [](Bench& bench) {
             pkt::PacketList kept;
             while (pkt::Packet packet = bench.host.pool->allocate()) kept.push_back(std::move(packet));
             while (bench.device.receive(bench.inward(0).bytes())) {
             }
             while (pkt::Packet got = bench.take()) kept.push_back(std::move(got));
             for (int i = 0; i < 200; ++i) pkt::consume(kept.pop_front());
             CHECK_FALSE(bench.arrives());
             CHECK_FALSE(bench.arrives());
             for (int i = 0; i < 100; ++i) pkt::consume(kept.pop_front());
             static_cast<void>(bench.arrives());
             CHECK(bench.arrives());
             pkt::consume(kept);
           },
       .counter = "rx_q0_mbuf_alloc_fail"});
}

TEST_CASE("fault: frames for a port that nobody polls are missed, which is told by no cause, and it goes on") {
  run_once({.strike = [](Bench& bench) {
    misses_untold(bench, [] {});
    while (pkt::Packet got = bench.take()) pkt::consume(std::move(got));
  }});
}

TEST_CASE("fault: an empty pool has the device miss frames, which is told by no cause, and it goes on when buffers are back") {
  run_once({.strike = [](Bench& bench) {
    pkt::PacketList kept;
    while (pkt::Packet packet = bench.host.pool->allocate()) kept.push_back(std::move(packet));
    misses_untold(bench, [&] {
      while (pkt::Packet got = bench.take()) kept.push_back(std::move(got));
    });
    pkt::consume(kept);
    static_cast<void>(bench.take());
  }});
}
