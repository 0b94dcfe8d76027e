// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/spsc_ring.hpp>

#include "tests/support/catch.hpp"

#include <memory>
#include <numeric>
#include <thread>
#include <vector>

using namespace millrace;

TEST_CASE("capacity is the next power of two") {
  CHECK(SpscRing<int>(0).capacity() == 2);
  CHECK(SpscRing<int>(3).capacity() == 4);
  CHECK(SpscRing<int>(64).capacity() == 64);
  CHECK(SpscRing<int>(65).capacity() == 128);
}

TEST_CASE("what is put is seen when it is published, all at once") {
  SpscRing<int> ring(4);
  int out[4] = {};
  for (int i = 1; i <= 4; ++i) CHECK(ring.put(i));
  int fifth = 5;
  CHECK_FALSE(ring.put(fifth));
  CHECK(ring.put_tail() == 4);
  CHECK(ring.empty());
  CHECK(ring.dequeue(out, 4) == 0);
  ring.publish();
  CHECK(ring.size() == 4);
  CHECK(ring.dequeue(out, 2) == 2);
  CHECK(ring.put(fifth));
  ring.grow(8);
  int sixth = 6;
  CHECK(ring.put(sixth));
  CHECK(ring.size() == 2);
  ring.publish();
  CHECK(ring.dequeue(out, 4) == 4);
  CHECK(std::vector<int>(out, out + 4) == std::vector<int>{3, 4, 5, 6});
}

TEST_CASE("a full ring takes what fits, an empty one gives nothing") {
  SpscRing<int> ring(4);
  int items[6] = {1, 2, 3, 4, 5, 6};
  int out[6] = {};
  CHECK(ring.empty());
  CHECK(ring.dequeue(out, 6) == 0);
  CHECK(ring.enqueue(items, 6) == 4);
  CHECK(ring.size() == 4);
  CHECK_FALSE(ring.enqueue(7));
  CHECK(ring.dequeue(out, 2) == 2);
  CHECK(ring.enqueue(items + 4, 2) == 2);
  CHECK(ring.dequeue(out, 6) == 4);
  CHECK(std::vector<int>(out, out + 4) == std::vector<int>{3, 4, 5, 6});
  CHECK(ring.empty());
}

TEST_CASE("order holds through many turns round the ring, in bursts of changing size") {
  SpscRing<std::uint32_t> ring(8);
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  for (std::uint32_t turn = 0; turn < 10'000; ++turn) {
    std::uint32_t burst[11];
    const std::uint32_t want = turn % 12;
    std::iota(burst, burst + want, sent);
    sent += ring.enqueue(burst, want);
    const std::uint32_t n = ring.dequeue(burst, (turn * 7) % 11);
    for (std::uint32_t i = 0; i < n; ++i) REQUIRE(burst[i] == received++);
    REQUIRE(ring.size() == sent - received);
  }
  CHECK(received > 30'000);
}

TEST_CASE("items that can only move are moved, and refused ones stay with the caller") {
  SpscRing<std::unique_ptr<int>> ring(2);
  std::unique_ptr<int> items[3] = {std::make_unique<int>(1), std::make_unique<int>(2), std::make_unique<int>(3)};
  CHECK(ring.enqueue(items, 3) == 2);
  CHECK(items[0] == nullptr);
  REQUIRE(items[2] != nullptr);
  std::unique_ptr<int> out;
  REQUIRE(ring.dequeue(&out, 1) == 1);
  CHECK(*out == 1);
}

TEST_CASE("a million items from one thread to another: none lost, none twice, all in order") {
  constexpr std::uint64_t count = 1'000'000;
  SpscRing<std::uint64_t> ring(256);
  std::thread producer([&] {
    std::uint64_t burst[32];
    for (std::uint64_t sent = 0; sent < count;) {
      const auto want = static_cast<std::uint32_t>(std::min<std::uint64_t>(32, count - sent));
      std::iota(burst, burst + want, sent);
      const std::uint32_t taken = ring.enqueue(burst, want);
      sent += taken;
      if (taken == 0) std::this_thread::yield();
    }
  });
  std::uint64_t received = 0;
  std::uint64_t out_of_order = 0;
  std::uint64_t sum = 0;
  while (received < count) {
    std::uint64_t burst[48];
    const std::uint32_t n = ring.dequeue(burst, 48);
    for (std::uint32_t i = 0; i < n; ++i, ++received) {
      out_of_order += burst[i] == received ? 0 : 1;
      sum += burst[i];
    }
    if (n == 0) std::this_thread::yield();
  }
  producer.join();
  CHECK(out_of_order == 0);
  CHECK(sum == count * (count - 1) / 2);
  CHECK(ring.empty());
}

TEST_CASE("a ring grows while items are in it; order holds, and its counts wrap") {
  SpscRing<std::uint32_t> ring(4, 0u - 10);
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  const auto send = [&](std::uint32_t count) {
    for (; count > 0; --count) REQUIRE(ring.enqueue(sent++));
  };
  const auto receive = [&](std::uint32_t count) {
    std::uint32_t item = 0;
    for (; count > 0; --count) {
      REQUIRE(ring.dequeue(&item, 1) == 1);
      REQUIRE(item == received++);
    }
  };
  send(4);
  CHECK_FALSE(ring.enqueue(0));
  ring.grow(16);
  CHECK(ring.capacity() == 16);
  send(12);
  CHECK_FALSE(ring.enqueue(0));
  ring.grow(64);
  ring.grow(8);  // never smaller
  CHECK(ring.capacity() == 64);
  send(48);
  CHECK(ring.size() == 64);
  CHECK(ring.tail() == 0u - 10 + 64);
  receive(3);
  send(3);
  receive(64);
  CHECK(ring.empty());
  for (int turn = 0; turn < 100; ++turn) {
    send(33);
    receive(33);
  }
  send(5);
  ring.grow(128);  // what is left goes with the ring
}

TEST_CASE("a ring grows under a consumer that runs") {
  SpscRing<std::uint32_t> ring(2, 0u - 50'000);
  constexpr std::uint32_t count = 100'000;
  std::thread consumer([&] {
    std::uint32_t items[7];
    for (std::uint32_t next = 0; next < count;)
      for (std::uint32_t i = 0, n = ring.dequeue(items, 7); i < n; ++i)
        if (items[i] != next++) std::terminate();
  });
  for (std::uint32_t i = 0; i < count;) {
    if (ring.enqueue(i)) ++i;
    if (i % 10'000 == 0) ring.grow(2u << (i / 10'000));
  }
  consumer.join();
}
