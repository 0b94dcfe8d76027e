// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/tcp/receive_queue.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/support/seed.hpp"

#include <millrace/pkt/truesize.hpp>

#include <array>
#include <optional>

using namespace millrace;
using stats::DropReason;
using tcp::Seq;

namespace {

struct Fixture {
  Fixture() {
    env.pool = &*pool;
    env.stats = &stats;
  }
  ~Fixture() { queue.clear(env, DropReason::tcp_unread); }
  /// Bytes first, first+1, ... of a stream whose byte n is n.
  pkt::Packet bytes(std::uint32_t first, std::uint32_t count) {
    std::vector<std::uint8_t> b(count);
    for (std::uint32_t i = 0; i < count; ++i) b[i] = static_cast<std::uint8_t>(first + i);
    return pool.packet(b);
  }
  std::vector<std::uint8_t> read(std::size_t n) {
    std::vector<std::uint8_t> b(n);
    b.resize(queue.read(env, b));
    return b;
  }
  test::TestPool pool;
  stats::LcoreStats stats;
  Env env;
  tcp::ReceiveQueue queue;
};

}  // namespace

TEST_CASE("reads cross packets and stop inside them") {
  Fixture f;
  f.queue.push(f.env, f.bytes(0, 10), false);
  f.queue.push(f.env, f.bytes(10, 10), false);
  CHECK(f.queue.bytes() == 20);
  CHECK(f.read(15).size() == 15);
  CHECK(f.queue.bytes() == 5);
  CHECK(f.read(15) == std::vector<std::uint8_t>{15, 16, 17, 18, 19});
  CHECK(f.queue.memory() == 0);
}

TEST_CASE("memory is what the buffers cost, whatever is read or trimmed") {
  Fixture f;
  pkt::Packet p = f.bytes(0, 10);
  const std::uint32_t one = pkt::truesize(p);
  f.queue.push(f.env, std::move(p), false);
  CHECK(f.queue.memory() == one);
  f.read(3);
  CHECK(f.queue.memory() == one);
  f.queue.push_early(f.env, Seq(100), f.bytes(100, 10));
  CHECK(f.queue.memory() == 2 * one);
  f.queue.drop_early(f.env, DropReason::tcp_ofo_full);
  CHECK(f.queue.memory() == one);
}

TEST_CASE("compaction puts small payloads together, in order with large ones") {
  Fixture f;
  f.queue.push(f.env, f.bytes(0, 100), true);
  f.queue.push(f.env, f.bytes(100, 100), true);
  f.queue.push(f.env, f.bytes(200, 1500), true);  // too large to be worth it
  f.queue.push(f.env, f.bytes(1700, 10), true);
  CHECK(f.pool->in_use() == 3);
  std::uint8_t next = 0;
  for (std::uint8_t b : f.read(2000)) CHECK(b == next++);
  CHECK(f.queue.bytes() == 0);
  CHECK(f.queue.memory() == 0);
  CHECK(f.pool->in_use() == 0);
}

TEST_CASE("L7: small payloads put together in one buffer have the times of the last, by our clock and by the device's") {
  Fixture f;
  REQUIRE(pkt::register_rx_stamps());
  for (const bool last_is_stamped : {true, false}) {
    for (std::uint32_t i = 0; i < 2; ++i) {
      pkt::Packet p = f.bytes(0, 10);
      p.meta().rx_time = Instant(Duration(100 + i));
      if (i == 0 || last_is_stamped) pkt::set_rx_stamp(p.mbuf(), 7000 + i);
      f.queue.push(f.env, std::move(p), true);
    }
    CHECK(f.pool->in_use() == 1);
    std::array<std::uint8_t, 100> into{};
    pkt::RxTimes times;
    CHECK(f.queue.read(f.env, into, &times) == 20);
    CHECK(times.software == Instant(Duration(101)));
    CHECK(times.hardware.has_value() == last_is_stamped);
    CHECK(times.hardware.value_or(7001) == 7001);
  }
}

TEST_CASE("an empty pool makes compaction impossible, not wrong") {
  Fixture f;
  pkt::Packet p = f.bytes(0, 10);
  std::vector<pkt::Packet> all;
  while (pkt::Packet taken = f.pool->allocate()) all.push_back(std::move(taken));
  f.queue.push(f.env, std::move(p), true);
  CHECK(f.queue.bytes() == 10);
  for (auto& taken : all) pkt::consume(std::move(taken));
}

TEST_CASE("early data in any order and overlap comes out once and in order, 500 draws") {
  Rng rng(test::seed());
  for (int draw = 0; draw < 500; ++draw) {
    INFO("MILLRACE_SEED=" << test::seed() << " draw " << draw);
    Fixture f;
    Seq next(4'294'967'290u);  // wraps
    const Seq begin = next;
    constexpr std::uint32_t total = 200;
    while (next - begin < total) {
      const std::uint32_t first = rng.below(total);
      const std::uint32_t count = 1 + rng.below(std::min(30u, total - first));
      const Seq at = begin + first;
      if ((at + count).at_or_before(next)) continue;
      if (at.after(next)) {
        f.queue.push_early(f.env, at, f.bytes(first, count));
        continue;
      }
      pkt::Packet p = f.bytes(first, count);
      p.trim_front(next - at);
      next += p.length();
      f.queue.push(f.env, std::move(p), rng.chance(0.5));
      next += f.queue.pull(f.env, next);
    }
    const auto all = f.read(1000);
    REQUIRE(all.size() == total);
    for (std::uint32_t i = 0; i < total; ++i) REQUIRE(all[i] == i);
    CHECK_FALSE(f.queue.has_early());
    CHECK(f.queue.memory() == 0);
  }
}

TEST_CASE("pop gives whole payloads") {
  Fixture f;
  CHECK_FALSE(f.queue.pop());
  f.queue.push(f.env, f.bytes(0, 10), true);
  pkt::Packet p = f.queue.pop();
  REQUIRE(p);
  CHECK(p.length() == 10);
  pkt::consume(std::move(p));
  CHECK(f.queue.memory() == 0);
}
