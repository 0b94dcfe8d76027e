// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/tcp/send_buffer.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"
#include "tests/support/seed.hpp"

#include <millrace/pkt/pool.hpp>

using namespace millrace;
using stats::DropReason;
using tcp::Seq;

namespace {

constexpr std::uint32_t no_limit = 1u << 30;

struct Fixture {
  Fixture() {
    env.pool = &*pool;
    env.stats = &stats;
    buffer.start_at(begin);
  }
  ~Fixture() { buffer.clear(env, DropReason::tcp_aborted); }
  std::size_t append(std::uint32_t count, std::uint32_t packet_bytes = 1000, std::uint32_t limit = no_limit) {
    std::vector<std::uint8_t> b(count);
    for (std::uint32_t i = 0; i < count; ++i) b[i] = static_cast<std::uint8_t>((buffer.end() - begin + i) % 251);
    return buffer.append(env, b, packet_bytes, limit, sent);
  }
  /// True when the slice holds what was appended there.
  bool slice_is_right(std::uint32_t from, std::uint32_t count) {
    pkt::Packet p = buffer.slice(env, begin + from, count);
    const auto b = test::bytes_of(p);
    pkt::consume(std::move(p));
    bool right = b.size() == count;
    for (std::uint32_t i = 0; i < b.size(); ++i) right &= b[i] == (from + i) % 251;
    return right;
  }
  test::TestPool pool{255};
  stats::LcoreStats stats;
  Env env;
  const Seq begin{4'294'965'000u};  // wraps soon
  Seq sent = begin;
  tcp::SendBuffer buffer;
};

}  // namespace

TEST_CASE("bytes fill packets of a segment's size; small writes share one") {
  Fixture f;
  CHECK(f.append(10) == 10);
  CHECK(f.append(10) == 10);
  CHECK(f.pool->in_use() == 1);
  CHECK(f.append(2000) == 2000);
  CHECK(f.pool->in_use() == 3);
  CHECK(f.buffer.end() == f.begin + 2020);
  CHECK(f.slice_is_right(0, 2020));
}

TEST_CASE("unacknowledged bytes leave an eighth of the pool to the ACKs; a first packet may always be had") {
  Fixture f;
  CHECK(f.append(300'000) == (255 - 255 / 8) * 1000);
  CHECK(f.append(1000) == 0);
  tcp::SendBuffer other;
  other.start_at(f.begin);
  CHECK(other.append(f.env, std::vector<std::uint8_t>(5000), 1000, no_limit, f.begin) == 1000);
  other.clear(f.env, DropReason::tcp_aborted);
}

TEST_CASE("after everything was sent a write begins a packet of its own") {
  Fixture f;
  CHECK(f.append(10) == 10);
  f.sent = f.buffer.end();
  CHECK(f.append(1000) == 1000);
  CHECK(f.pool->in_use() == 2);
  CHECK(f.slice_is_right(10, 1000));
}

TEST_CASE("a segment larger than a buffer spans several") {
  Fixture f;
  CHECK(f.append(8948, 8948) == 8948);
  CHECK(f.pool->in_use() == 5);
  CHECK(f.slice_is_right(0, 8948));
}

TEST_CASE("the limit and an empty pool both cut a write short") {
  Fixture f;
  CHECK(f.append(5000, 1000, 1) == 1000);  // a packet is begun below the limit, and filled
  CHECK(f.append(5000, 1000, 1) == 0);
  std::vector<pkt::Packet> all;
  while (pkt::Packet p = f.pool->allocate()) all.push_back(std::move(p));
  CHECK(f.append(5000) == 0);
  CHECK_FALSE(f.buffer.slice(f.env, f.begin, 100));
  for (auto& p : all) pkt::consume(std::move(p));
}

TEST_CASE("acknowledged packets are freed, whole ones only; a slice outlives its source") {
  Fixture f;
  CHECK(f.append(3000) == 3000);
  pkt::Packet flying = f.buffer.slice(f.env, f.begin + 500, 1000);
  f.buffer.release_before(f.env, f.begin + 999);
  CHECK(f.slice_is_right(0, 3000));
  f.buffer.release_before(f.env, f.begin + 2500);
  CHECK(f.slice_is_right(2500, 500));
  CHECK(test::bytes_of(flying)[999] == 1499 % 251);
  pkt::consume(std::move(flying));
  f.buffer.release_before(f.env, f.buffer.end());
  CHECK(f.buffer.empty());
  CHECK(f.buffer.memory() == 0);
  CHECK(f.pool->in_use() == 0);
}

TEST_CASE("a stream through the buffer, sliced anywhere, over the wrap of sequence numbers") {
  Fixture f;
  Rng rng(test::seed());
  INFO("MILLRACE_SEED=" << test::seed());
  std::uint32_t acked = 0;
  for (int i = 0; i < 500; ++i) {
    f.append(1 + rng.below(3000), 100 + rng.below(1400), 100'000);
    const std::uint32_t held = f.buffer.end() - (f.begin + acked);
    f.sent = f.begin + acked + rng.below(held + 1);
    const std::uint32_t from = acked + rng.below(held);
    CHECK(f.slice_is_right(from, 1 + rng.below(f.buffer.end() - (f.begin + from))));
    acked += rng.below(held + 1);
    f.buffer.release_before(f.env, f.begin + acked);
    f.sent = tcp::later(f.sent, f.begin + acked);
    if (acked == f.buffer.end() - f.begin) f.append(1);
  }
}
