// SPDX-License-Identifier: BSD-3-Clause
// E20: coalescing before the interrupt and GRO behind it are the same idea at two stages; what each brings, and both.
#include "tests/bench/batching.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

using namespace millrace;
using bench::Batching;
using bench::BatchingCase;

namespace {

Batching measure_batching(const BatchingCase& c) {
  test::TestPool pool(1023);
  return bench::measure_batching(*pool, c);
}

}  // namespace

TEST_CASE("E20: coalescing has fewer interrupts a packet, GRO more packets a frame, and GRO has more to merge behind coalescing") {
  for (const int load : {10, 50, 90}) {
    INFO("load " << load << " percent");
    const Batching neither = measure_batching({.load_percent = load, .gro = false});
    const Batching gro = measure_batching({.load_percent = load});
    const Batching coalesce = measure_batching({.load_percent = load, .rx_usecs = 50us, .gro = false});
    const Batching both = measure_batching({.load_percent = load, .rx_usecs = 50us});
    CHECK(coalesce.interrupts_per_packet < neither.interrupts_per_packet / 3);
    CHECK(gro.interrupts_per_packet == neither.interrupts_per_packet);
    CHECK(both.interrupts_per_packet == coalesce.interrupts_per_packet);
    CHECK(neither.packets_per_frame == 1);
    CHECK(coalesce.packets_per_frame == 1);
    CHECK(gro.packets_per_frame >= 1);
    CHECK(both.packets_per_frame > 3 * gro.packets_per_frame);
    // A frame has at most what one interrupt brought.
    CHECK(both.packets_per_frame <= 1.01 / both.interrupts_per_packet);
    // What coalescing costs, and GRO does not.
    CHECK(coalesce.wait_us > 10 * neither.wait_us);
    CHECK(coalesce.wait_us < 52);
    CHECK(both.wait_us == coalesce.wait_us);
  }
}

TEST_CASE("E20: at a low rate neither does anything by itself: one interrupt and one frame a packet") {
  const Batching alone = measure_batching({.load_percent = 10});
  CHECK(alone.interrupts_per_packet == 1);
  CHECK(alone.packets_per_frame == 1);
  CHECK(alone.wait_us < 3);
}
