// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/capture/tap.hpp>
#include <millrace/capture/writer.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/capture/frames.hpp"
#include "tests/unit/capture/pcapng_reader.hpp"

#include <array>
#include <cstdio>
#include <unistd.h>

using namespace millrace;
using capture::Direction;
using capture::Tap;

namespace {

constexpr std::uint32_t buffer_bytes = 1 << 20;

/// The bytes that the tap keeps of a packet, which it must leave as it was.
std::vector<std::uint8_t> kept_of(Tap& tap, pkt::Packet& packet, Direction direction) {
  const auto before = test::bytes_of(packet);
  tap.record(packet, 0, {.time = Instant(1s), .point = direction == Direction::out ? TapPoint::out : TapPoint::steered});
  CHECK(test::bytes_of(packet) == before);
  capture::Frame frame;
  REQUIRE(tap.front(frame));
  std::vector<std::uint8_t> kept(frame.bytes.begin(), frame.bytes.end());
  tap.pop();
  return kept;
}

}  // namespace

TEST_CASE("a frame is copied whole, over all its buffers, with its circumstances") {
  test::TestPool pool;
  Tap tap(buffer_bytes);
  const auto f = test::frame(true, 6, 5000);
  pkt::Packet p = test::packet_of(pool, f, 700);
  tap.record(p, 3, {.time = Instant(7ns)});
  capture::Frame frame;
  REQUIRE(tap.front(frame));
  CHECK(frame.interface == 3);
  CHECK(frame.direction == Direction::in);
  CHECK(frame.time == Instant(7ns));
  CHECK(frame.original_length == f.size());
  CHECK(std::vector<std::uint8_t>(frame.bytes.begin(), frame.bytes.end()) == f);
  CHECK(frame.comment == "steered lcore 0 queue 0");
  tap.pop();
  CHECK(!tap.front(frame));
  pkt::consume(std::move(p));
}

TEST_CASE("a received frame keeps the checksum that it came with, right or wrong") {
  test::TestPool pool;
  Tap tap(buffer_bytes);
  const auto f = test::frame(true, 6, 100);
  for (const auto verdict : {pkt::ChecksumVerdict::unknown, pkt::ChecksumVerdict::good, pkt::ChecksumVerdict::bad}) {
    pkt::Packet p = test::packet_of(pool, f);
    p.meta().checksum = verdict;
    CHECK(kept_of(tap, p, Direction::in) == f);
    pkt::consume(std::move(p));
  }
}

TEST_CASE("a right TCP checksum of 0xffff, zero's other form, is written as RFC 1624 has it; a wrong one stays") {
  test::TestPool pool;
  Tap tap(buffer_bytes);
  auto f = test::frame(true, 6, 100);
  const std::size_t field = 14 + 20 + 16;
  store_be16(&f[field], 0xffff);
  for (const auto verdict : {pkt::ChecksumVerdict::good, pkt::ChecksumVerdict::bad, pkt::ChecksumVerdict::unknown}) {
    pkt::Packet p = test::packet_of(pool, f);
    p.meta().checksum = verdict;
    CHECK(load_be16(&kept_of(tap, p, Direction::in)[field]) == (verdict == pkt::ChecksumVerdict::good ? 0 : 0xffff));
    pkt::consume(std::move(p));
  }
}

TEST_CASE("partial and merged frames get their checksum finished in the copy") {
  test::TestPool pool;
  Tap tap(buffer_bytes);
  for (const bool v4 : {true, false}) {
    for (const std::size_t payload : {1u, 1400u, 40000u}) {
      const auto f = test::frame(v4, 6, payload);
      pkt::Packet partial = test::packet_of(pool, f);
      partial.meta().checksum = pkt::ChecksumVerdict::partial;
      CHECK(test::checksum_fits(kept_of(tap, partial, Direction::in)));
      pkt::consume(std::move(partial));
      pkt::Packet merged = test::packet_of(pool, f);
      merged.meta().checksum = pkt::ChecksumVerdict::good;
      merged.meta().gso_segs = 2;
      CHECK(test::checksum_fits(kept_of(tap, merged, Direction::in)));
      pkt::consume(std::move(merged));
    }
  }
}

TEST_CASE("a sent frame gets the checksum that it asks for, and none when it asks for none") {
  test::TestPool pool;
  Tap tap(buffer_bytes);
  const std::tuple<bool, std::uint8_t, pkt::ChecksumRequest> cases[] = {
      {true, 6, pkt::ChecksumRequest::tcp},     {false, 6, pkt::ChecksumRequest::tcp},
      {true, 17, pkt::ChecksumRequest::udp},    {false, 17, pkt::ChecksumRequest::udp},
      {false, 58, pkt::ChecksumRequest::icmp6},
  };
  for (const auto& [v4, proto, request] : cases) {
    const auto f = test::frame(v4, proto, 333);
    pkt::Packet p = test::packet_of(pool, f, 100);
    CHECK(kept_of(tap, p, Direction::out) == f);
    p.meta().tx_checksum = request;
    CHECK(test::checksum_fits(kept_of(tap, p, Direction::out)));
    CHECK(p.meta().tx_checksum == request);
    pkt::consume(std::move(p));
  }
}

TEST_CASE("a frame without a readable layer 4 is copied as it is") {
  test::TestPool pool;
  Tap tap(buffer_bytes);
  const std::vector<std::uint8_t> f(60, 0xab);
  pkt::Packet p = pool.packet(f);
  p.meta().checksum = pkt::ChecksumVerdict::partial;
  CHECK(kept_of(tap, p, Direction::in) == f);
  pkt::consume(std::move(p));
}

TEST_CASE("snaplen cuts the copy, after its checksum was finished over the whole") {
  test::TestPool pool;
  Tap tap(buffer_bytes, 64);
  Tap whole(buffer_bytes);
  const auto f = test::frame(true, 6, 1000);
  pkt::Packet p = test::packet_of(pool, f);
  p.meta().tx_checksum = pkt::ChecksumRequest::tcp;
  auto expected = kept_of(whole, p, Direction::out);
  expected.resize(64);
  CHECK(kept_of(tap, p, Direction::out) == expected);
  tap.record(p, 0, {.time = Instant(1s), .point = TapPoint::out});
  capture::Frame frame;
  REQUIRE(tap.front(frame));
  CHECK(frame.original_length == f.size());
  CHECK(frame.bytes.size() == 64);
  CHECK(frame.comment == "out lcore 0");
  pkt::consume(std::move(p));
}

TEST_CASE("a full tap loses its own copies and counts them; a stopped one counts only") {
  test::TestPool pool;
  Tap tap(4096);
  pkt::Packet p = test::packet_of(pool, test::frame(true, 17, 1000));
  for (int i = 0; i < 10; ++i) tap.record(p, 0, {.time = Instant(1s)});
  CHECK(tap.totals().recorded == 3);
  CHECK(tap.totals().dropped == 7);
  tap.stop();
  tap.record(p, 0, {.time = Instant(1s)});
  CHECK(tap.totals().after_stop == 1);
  CHECK(tap.totals().recorded == 3);
  pkt::consume(std::move(p));
}

TEST_CASE("drain brings the frames of all taps to the file by time, and stops the taps when it is full") {
  test::TestPool pool;
  const std::string path = "tap_test." + std::to_string(::getpid()) + ".pcapng";
  Tap a(buffer_bytes);
  Tap b(buffer_bytes);
  const std::array<Tap*, 2> taps{&a, &b};
  pkt::Packet p = test::packet_of(pool, test::frame(true, 17, 100));
  for (int i = 0; i < 10; ++i) (i % 3 == 0 ? a : b).record(p, 0, {.time = Instant(Duration(i))});
  {
    auto writer = capture::Writer::open(path, {.interfaces = {"p"}, .max_bytes = 1700});
    REQUIRE(writer);
    CHECK(capture::drain(taps, **writer) == 10);
    CHECK((*writer)->is_full());
    CHECK((*writer)->totals().over_limit == 3);
  }
  const test::PcapngFile read(path);
  std::remove(path.c_str());
  REQUIRE(read.packets.size() == 7);
  for (std::size_t i = 0; i < read.packets.size(); ++i) CHECK(read.packets[i].time == i);
  a.record(p, 0, {.time = Instant(1s)});
  b.record(p, 0, {.time = Instant(1s)});
  CHECK(a.totals().after_stop == 1);
  CHECK(b.totals().after_stop == 1);
  pkt::consume(std::move(p));
}
