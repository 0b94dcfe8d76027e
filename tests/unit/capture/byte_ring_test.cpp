// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/rng.hpp>
#include <millrace/capture/byte_ring.hpp>

#include "tests/support/catch.hpp"

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

using namespace millrace;
using capture::ByteRing;

namespace {

bool put(ByteRing& ring, std::uint32_t length, std::uint8_t value) {
  std::uint8_t* room = ring.reserve(length);
  if (room == nullptr) return false;
  std::memset(room, value, length);
  ring.commit(length);
  return true;
}

bool holds(std::span<const std::uint8_t> record, std::uint32_t length, std::uint8_t value) {
  if (record.size() != length) return false;
  for (std::uint8_t byte : record)
    if (byte != value) return false;
  return true;
}

}  // namespace

TEST_CASE("records of any length come out whole, aligned and in order, whatever the ring's state") {
  ByteRing ring(4096);
  Rng rng(1);
  std::deque<std::pair<std::uint32_t, std::uint8_t>> model;
  int refused = 0;
  for (int step = 0; step < 20000; ++step) {
    if (rng.below(2) == 0) {
      const auto length = static_cast<std::uint32_t>(1 + rng.below(1000));
      const auto value = static_cast<std::uint8_t>(step);
      if (put(ring, length, value))
        model.emplace_back(length, value);
      else
        ++refused;
    } else if (!model.empty()) {
      const auto record = ring.front();
      REQUIRE(holds(record, model.front().first, model.front().second));
      REQUIRE(reinterpret_cast<std::uintptr_t>(record.data()) % 8 == 0);
      ring.pop();
      model.pop_front();
    } else {
      REQUIRE(ring.front().empty());
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a full ring refuses, and takes again what was freed") {
  ByteRing ring(4096);
  int taken = 0;
  while (put(ring, 504, static_cast<std::uint8_t>(taken))) ++taken;
  CHECK(taken == 8);
  CHECK(!put(ring, 1, 0));
  ring.pop();
  CHECK(holds(ring.front(), 504, 1));
  CHECK(put(ring, 504, 99));
  CHECK(ring.reserve(5000) == nullptr);
  CHECK(ring.reserve(0xffffffff) == nullptr);
}

TEST_CASE("a reservation may be committed shorter, or forgotten") {
  ByteRing ring(4096);
  REQUIRE(ring.reserve(3000) != nullptr);
  std::uint8_t* room = ring.reserve(2000);
  REQUIRE(room != nullptr);
  room[0] = 42;
  ring.commit(1);
  CHECK(holds(ring.front(), 1, 42));
  ring.pop();
  CHECK(ring.front().empty());
}

TEST_CASE("a quarter of the capacity fits an empty ring at any position") {
  ByteRing ring(4096);
  for (std::uint32_t i = 0; i < 600; ++i) {
    REQUIRE(put(ring, 1024, static_cast<std::uint8_t>(i)));
    REQUIRE(holds(ring.front(), 1024, static_cast<std::uint8_t>(i)));
    ring.pop();
    REQUIRE(put(ring, 8, 0));
    static_cast<void>(ring.front());
    ring.pop();
  }
}

TEST_CASE("one thread writes while another reads") {
  ByteRing ring(4096);
  constexpr std::uint32_t records = 20000;
  std::thread producer([&] {
    for (std::uint32_t i = 0; i < records;) {
      if (put(ring, 1 + i % 700, static_cast<std::uint8_t>(i)))
        ++i;
      else
        std::this_thread::yield();
    }
  });
  std::uint32_t wrong = 0;
  for (std::uint32_t i = 0; i < records;) {
    const auto record = ring.front();
    if (record.empty()) {
      std::this_thread::yield();
      continue;
    }
    if (!holds(record, 1 + i % 700, static_cast<std::uint8_t>(i))) ++wrong;
    ring.pop();
    ++i;
  }
  producer.join();
  CHECK(wrong == 0);
}
