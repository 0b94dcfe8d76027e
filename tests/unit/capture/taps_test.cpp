// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/capture/taps.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/capture/frames.hpp"

using namespace millrace;
using capture::Tap;
using capture::Taps;

namespace {

constexpr std::uint8_t bit(TapPoint point) { return static_cast<std::uint8_t>(1u << static_cast<unsigned>(point)); }

struct World {
  World() {
    env.stats = &stats;
    env.lcore = 3;
    env.now = Instant(5s);
  }
  [[nodiscard]] pkt::Packet frame(std::uint16_t ifindex = 1) {
    pkt::Packet packet = test::packet_of(pool, test::frame(true, 17, 100));
    packet.meta().ifindex = ifindex;
    packet.meta().rx_queue = 2;
    packet.meta().frame_offset = packet.headroom();
    return packet;
  }
  [[nodiscard]] std::uint64_t count(stats::Tap what) const { return stats.tap.value(what); }

  test::TestPool pool;
  stats::LcoreStats stats;
  Env env;
  Taps taps{env};
};

std::vector<std::string> comments(Tap& tap) {
  std::vector<std::string> all;
  for (capture::Frame frame; tap.front(frame); tap.pop()) all.emplace_back(frame.comment);
  return all;
}

}  // namespace

TEST_CASE("G5: a tap sees frames of its points and interfaces alone; without a tap nobody is asked") {
  World w;
  Tap tap(1 << 20);
  CHECK(w.env.tap == nullptr);
  w.taps.add(tap, {.points = static_cast<std::uint8_t>(bit(TapPoint::steered) | bit(TapPoint::drop)), .interfaces = 0b10});
  CHECK(w.env.tap == &w.taps);
  for (const std::uint16_t ifindex : {1, 2}) {
    pkt::Packet packet = w.frame(ifindex);
    for (const TapPoint point : {TapPoint::driver, TapPoint::gro, TapPoint::steered, TapPoint::socket, TapPoint::out}) millrace::tap(w.env, packet, point);
    drop(w.env, std::move(packet), stats::DropReason::udp_no_port);
  }
  CHECK(comments(tap) == std::vector<std::string>{"steered lcore 3 queue 2", "drop: udp_no_port lcore 3 queue 2"});
  CHECK(w.count(stats::Tap::recorded) == 2);
  w.taps.remove(tap);
  CHECK(w.env.tap == nullptr);
}

TEST_CASE("G5: a frame is seen whole where its headers were taken off; where its begin is not known it is left out") {
  World w;
  Tap tap(1 << 20);
  w.taps.add(tap, {.points = bit(TapPoint::socket), .interfaces = 0b10});
  pkt::Packet packet = w.frame();
  const auto whole = test::bytes_of(packet);
  packet.trim_front(42);
  packet.mbuf().rss_hash = 0x1234abcd;
  packet.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
  millrace::tap(w.env, packet, TapPoint::socket);
  CHECK(packet.length() == whole.size() - 42);
  capture::Frame frame;
  REQUIRE(tap.front(frame));
  CHECK(std::vector<std::uint8_t>(frame.bytes.begin(), frame.bytes.end()) == whole);
  CHECK(frame.comment == "socket lcore 3 queue 2 hash 0x1234abcd");
  tap.pop();
  packet.meta().frame_offset = 0;
  millrace::tap(w.env, packet, TapPoint::socket);
  CHECK_FALSE(tap.front(frame));
  pkt::consume(std::move(packet));
}

TEST_CASE("G5: each tap has its filter, which may keep less of a frame; what it does not want and what had no room is counted") {
  World w;
  Tap all(1 << 20);
  Tap some(1 << 20);
  Tap slow(4096);
  const auto none = bpf::Filter::compile("tcp");
  const bpf::Instruction ten[] = {{.code = 0x06, .k = 10}};
  const auto cut = bpf::Filter::load(ten);
  REQUIRE((none && cut));
  w.taps.add(all, {.points = bit(TapPoint::steered), .interfaces = 0b10, .filter = *none});
  w.taps.add(some, {.points = bit(TapPoint::steered), .interfaces = 0b10, .filter = *cut});
  w.taps.add(slow, {.points = bit(TapPoint::steered), .interfaces = 0b10});
  for (int i = 0; i < 100; ++i) {
    pkt::Packet packet = w.frame();
    millrace::tap(w.env, packet, TapPoint::steered);
    pkt::consume(std::move(packet));
  }
  CHECK(comments(all).empty());
  CHECK(w.count(stats::Tap::filtered) == 100);
  capture::Frame frame;
  REQUIRE(some.front(frame));
  CHECK(frame.bytes.size() == 10);
  CHECK(frame.original_length == 142);
  CHECK(some.totals().recorded == 100);
  CHECK(slow.totals().dropped > 50);
  CHECK(w.count(stats::Tap::dropped) == slow.totals().dropped);
  CHECK(w.count(stats::Tap::recorded) == 100 + slow.totals().recorded);
}
