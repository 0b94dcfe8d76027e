// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/sim/channel.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/raw_frame.hpp"

#include <algorithm>
#include <map>

using namespace millrace;
using sim::Channel;
using sim::Frame;
using sim::Impairments;
using test::RawFrame;

namespace {

constexpr Instant start{Duration(1'000'000)};
constexpr Instant later = start + 1h;

/// The n-th frame of a test, recognisable by its source port.
Frame frame(std::uint16_t n) { return {.bytes = RawFrame{.source_port = n}.bytes()}; }
std::uint16_t number(const Frame& f) { return static_cast<std::uint16_t>(f.bytes[34] << 8 | f.bytes[35]); }

std::vector<std::uint16_t> arrivals(Channel& channel, Instant now = later) {
  std::vector<std::uint16_t> numbers;
  for (Frame f; channel.take(now, 0, f);) numbers.push_back(number(f));
  return numbers;
}

std::vector<std::uint16_t> run(std::uint64_t seed, const Impairments& impairments, std::uint16_t count) {
  Channel channel(seed, impairments, 1);
  for (std::uint16_t n = 0; n < count; ++n) channel.send(start + n * 1us, frame(n));
  return arrivals(channel);
}

std::vector<std::uint16_t> in_order(std::uint16_t count) {
  std::vector<std::uint16_t> v(count);
  for (std::uint16_t n = 0; n < count; ++n) v[n] = n;
  return v;
}

}  // namespace

TEST_CASE("an unimpaired channel delivers everything, intact, at once and in order") {
  Channel channel(1, {}, 1);
  CHECK(channel.next_arrival() == never);
  for (std::uint16_t n = 0; n < 100; ++n) channel.send(start, frame(n));
  CHECK(channel.next_arrival() == start);
  Frame f;
  CHECK_FALSE(channel.take(start - 1ns, 0, f));
  for (std::uint16_t n = 0; n < 100; ++n) {
    REQUIRE(channel.take(start, 0, f));
    REQUIRE(f.bytes == frame(n).bytes);
  }
  CHECK_FALSE(channel.take(later, 0, f));
  CHECK(channel.stats().delivered == 100);
  CHECK(channel.next_arrival() == never);
}

TEST_CASE("a watch sees every frame sent, also one that is lost, and every frame taken") {
  Channel channel(1, {.loss = 0.5}, 1);
  std::uint64_t sent = 0;
  std::uint64_t arrived = 0;
  channel.watch([&](Instant now, bool has_arrived, std::span<const std::uint8_t> bytes) {
    ++(has_arrived ? arrived : sent);
    CHECK(now == (has_arrived ? later : start));
    CHECK(bytes.size() == frame(1).bytes.size());
  });
  for (std::uint16_t n = 0; n < 100; ++n) channel.send(start, frame(n));
  const std::size_t taken = arrivals(channel).size();
  CHECK(sent == 100);
  CHECK((arrived == taken && arrived > 0 && arrived < 100));
}

TEST_CASE("loss at 1 loses all") { CHECK(run(3, {.loss = 1}, 50).empty()); }

TEST_CASE("duplication at 1 brings every frame twice, side by side") {
  Channel channel(3, {.duplicate = 1}, 1);
  for (std::uint16_t n = 0; n < 3; ++n) channel.send(start, frame(n));
  CHECK(arrivals(channel) == std::vector<std::uint16_t>{0, 0, 1, 1, 2, 2});
  CHECK(channel.stats().duplicated == 3);
}

TEST_CASE("reordering at 1 lets the next frame pass each that is held back") {
  Channel channel(3, {.reorder = 1, .reorder_packets = 1}, 1);
  for (std::uint16_t n = 0; n < 6; ++n) channel.send(start, frame(n));
  CHECK(arrivals(channel, start) == std::vector<std::uint16_t>{1, 0, 3, 2, 5, 4});
  CHECK(channel.stats().reordered == 3);
}

TEST_CASE("a frame held back with nothing behind it arrives after reorder_delay and is not reordered") {
  Channel channel(3, {.reorder = 1, .reorder_delay = 5ms, .delay = 2ms}, 1);
  channel.send(start, frame(0));
  CHECK(channel.next_arrival() == start + 7ms);
  CHECK(arrivals(channel, start + 7ms - 1ns).empty());
  CHECK(arrivals(channel, start + 7ms) == std::vector<std::uint16_t>{0});
  CHECK(channel.stats().reordered == 0);
}

TEST_CASE("corruption at 1 flips exactly one bit behind the Ethernet header of IP, and spares ARP") {
  Channel channel(3, {.corrupt = 1}, 1);
  std::vector<std::uint8_t> arp(42, 0);
  arp[12] = 8;
  arp[13] = 6;
  channel.send(start, {.bytes = arp});
  Frame f;
  REQUIRE(channel.take(start, 0, f));
  CHECK(f.bytes == arp);
  CHECK_FALSE(f.corrupted);
  for (std::uint16_t n = 0; n < 200; ++n) {
    channel.send(start, frame(n));
    REQUIRE(channel.take(start, 0, f));
    int flipped = 0;
    for (std::size_t i = 0; i < f.bytes.size(); ++i)
      flipped += __builtin_popcount(static_cast<unsigned>(f.bytes[i] ^ frame(n).bytes[i]));
    REQUIRE(flipped == 1);
    REQUIRE(std::equal(f.bytes.begin(), f.bytes.begin() + 14, frame(n).bytes.begin()));
    REQUIRE(f.corrupted);
  }
  CHECK(channel.stats().corrupted == 200);
}

TEST_CASE("corruption of an unfinished frame finishes its checksum first, so that it can be found") {
  Channel channel(3, {.corrupt = 1}, 1);
  RawFrame raw;
  Frame partial{.bytes = raw.unfinished(),
                .sum_offset = static_cast<std::uint16_t>(raw.sum_offset()),
                .final_sum = raw.checksum()};
  channel.send(start, partial);
  Frame f;
  REQUIRE(channel.take(start, 0, f));
  CHECK(f.sum_offset == 0);
  int flipped = 0;
  for (std::size_t i = 0; i < f.bytes.size(); ++i)
    flipped += __builtin_popcount(static_cast<unsigned>(f.bytes[i] ^ raw.bytes()[i]));
  CHECK(flipped == 1);
}

TEST_CASE("impairments at 5 % happen 5 % of the time, and everything is accounted for") {
  constexpr std::uint16_t count = 20000;
  Channel channel(42, {.loss = 0.05, .duplicate = 0.05, .corrupt = 0.05, .reorder = 0.05, .limit = 40000}, 1);
  for (std::uint16_t n = 0; n < count; ++n) channel.send(start + n * 1us, frame(n));
  const std::size_t arrived = arrivals(channel).size();
  const sim::ChannelStats s = channel.stats();
  // 5 % of 20,000 is 1,000 with a standard deviation of 31.
  CHECK(s.lost == Approx(1000).margin(150));
  CHECK(s.duplicated == Approx(950).margin(150));
  CHECK(s.corrupted == Approx(1000).margin(150));
  CHECK(s.reordered == Approx(950).margin(150));
  CHECK(s.sent == count);
  CHECK(s.sent - s.lost + s.duplicated == arrived);
  CHECK(s.delivered == arrived);
}

TEST_CASE("one seed gives one run, another seed another") {
  const Impairments all{.loss = 0.05, .duplicate = 0.05, .corrupt = 0.05, .reorder = 0.1, .delay = 1ms, .jitter = 1ms};
  CHECK(run(7, all, 500) == run(7, all, 500));
  CHECK(run(7, all, 500) != run(8, all, 500));
}

TEST_CASE("jitter varies the delay within its bounds and never reorders") {
  Channel channel(5, {.delay = 10ms, .jitter = 5ms}, 1);
  std::map<Duration, int> delays;
  for (std::uint16_t n = 0; n < 300; ++n) {
    const Instant sent = start + n * 100ms;
    channel.send(sent, frame(n));
    delays[channel.next_arrival() - sent]++;
    Frame f;
    REQUIRE(channel.take(channel.next_arrival(), 0, f));
  }
  CHECK(delays.begin()->first >= 10ms);
  CHECK(delays.rbegin()->first <= 15ms);
  CHECK(delays.size() > 250);
  CHECK(run(5, {.delay = 10ms, .jitter = 5ms}, 300) == in_order(300));
}

TEST_CASE("rate serialises frames one behind the other") {
  // 74-byte frames at 1 Mbit/s take 592 us each.
  Channel channel(5, {.delay = 1ms, .rate_bits_per_s = 1'000'000}, 1);
  REQUIRE(frame(0).bytes.size() == 74);
  for (std::uint16_t n = 0; n < 3; ++n) channel.send(start, frame(n));
  Frame f;
  for (int n = 1; n <= 3; ++n) {
    CHECK(channel.next_arrival() == start + n * 592us + 1ms);
    CHECK_FALSE(channel.take(channel.next_arrival() - 1ns, 0, f));
    CHECK(channel.take(channel.next_arrival(), 0, f));
  }
  // A line that stood idle does not catch up.
  channel.send(start + 1s, frame(4));
  CHECK(channel.next_arrival() == start + 1s + 592us + 1ms);
}

TEST_CASE("limit bounds the frames on the way and counts the rest") {
  Channel channel(5, {.limit = 10}, 1);
  for (std::uint16_t n = 0; n < 15; ++n) channel.send(start, frame(n));
  CHECK(channel.stats().overflowed == 5);
  CHECK(arrivals(channel) == in_order(10));
  channel.send(start, frame(0));
  CHECK(channel.stats().overflowed == 5);
}

TEST_CASE("queues: take_any keeps the order of arrival over all of them") {
  Channel channel(5, {}, 4);
  for (std::uint16_t n = 0; n < 100; ++n) channel.send(start + n * 1us, frame(n));
  Frame f;
  for (std::uint16_t n = 0; n < 100; ++n) {
    CHECK(channel.next_arrival() == start + n * 1us);
    REQUIRE(channel.take_any(later, f));
    REQUIRE(number(f) == n);
  }
}

TEST_CASE("F1: a frame waits at the queue that RETA[hash & mask] names, with its hash; what is not IP at queue 0") {
  Channel channel(5, {}, 4);
  wire::Rss rss = channel.rss();
  CHECK(rss.reta == wire::reta_equal(128, 4));
  rss.key = wire::symmetric_rss_key(40);
  std::reverse(rss.reta.begin(), rss.reta.end());
  channel.set_rss(rss);
  CHECK(channel.rss() == rss);
  const wire::RssSpread spread(rss);
  Frame f;
  for (std::uint16_t n = 0; n < 100; ++n) {
    const auto expected = spread.choose(frame(n).bytes);
    channel.send(start, frame(n));
    REQUIRE(channel.take(later, rss.reta[expected.hash & 127], f));
    CHECK(f.has_hash);
    CHECK(f.rss_hash == expected.hash);
  }
  channel.send(start, Frame{.bytes = std::vector<std::uint8_t>(60, 0)});
  REQUIRE(channel.take(later, 0, f));
  CHECK_FALSE(f.has_hash);
}
