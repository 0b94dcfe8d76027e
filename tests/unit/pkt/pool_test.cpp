// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/pool.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <vector>

using namespace millrace;

TEST_CASE("an empty pool gives null packets and recovers") {
  test::TestPool pool(63);
  std::vector<pkt::Packet> all;
  while (pkt::Packet p = pool->allocate()) all.push_back(std::move(p));
  CHECK(all.size() == 63);
  CHECK(pool->in_use() == 63);
  for (auto& p : all) pkt::consume(std::move(p));
  CHECK(pool->in_use() == 0);
}

TEST_CASE("what is spare is what is free beyond an eighth, with the thread's cache or without one") {
  for (const std::uint32_t packets : {63u, 4095u}) {
    test::TestPool pool(packets);
    CHECK(pool->spare() == packets - packets / 8);
    std::vector<pkt::Packet> all;
    while (pool->spare() > 0) all.push_back(pool->allocate());
    CHECK(all.size() == packets - packets / 8);
    CHECK(pkt::is_pool_short(all.back()));
    pkt::Packet reserved = pool->allocate();
    CHECK((reserved && pool->spare() == 0));
    pkt::consume(std::move(reserved));
    pkt::consume(std::move(all.back()));
    all.pop_back();
    CHECK_FALSE(pkt::is_pool_short(all.back()));
    for (auto& p : all) pkt::consume(std::move(p));
  }
}

TEST_CASE("a reference shares bytes across buffers and outlives its source") {
  test::TestPool pool(63);
  pkt::Packet source = pool.packet(std::vector<std::uint8_t>{0, 1, 2, 3});
  source.chain(pool.packet(std::vector<std::uint8_t>{4, 5, 6, 7}));
  pkt::Packet middle = pool->reference(source, 2, 4);
  REQUIRE(middle);
  pkt::consume(std::move(source));
  CHECK(test::bytes_of(middle) == std::vector<std::uint8_t>{2, 3, 4, 5});
  pkt::consume(std::move(middle));
}

TEST_CASE("E19: the front of a chain is split off without copying: whole buffers move, a cut one is shared") {
  test::TestPool pool(63);
  for (std::uint32_t n = 1; n <= 12; ++n) {
    std::vector<std::uint8_t> bytes(12);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
    pkt::Packet chain = pool.packet(std::span(bytes).first(3));
    chain.chain(pool.packet(std::span(bytes).subspan(3, 5)));
    chain.chain(pool.packet(std::span(bytes).subspan(8)));
    const std::uint32_t before = pool->in_use();
    pkt::Packet front = pool->split_front(chain, n);
    REQUIRE(front);
    CHECK(pool->in_use() == before + (n == 3 || n == 8 || n == 12 ? 0 : 1));
    CHECK(front.length() == n);
    CHECK(test::bytes_of(front) == std::vector(bytes.begin(), bytes.begin() + n));
    CHECK(front.segments() == (n <= 3 ? 1 : n <= 8 ? 2 : 3));
    REQUIRE(static_cast<bool>(chain) == (n < 12));
    pkt::consume(std::move(front));
    if (!chain) continue;
    CHECK(chain.length() == 12 - n);
    CHECK(chain.segments() == (n < 3 ? 3 : n < 8 ? 2 : 1));
    CHECK(test::bytes_of(chain) == std::vector(bytes.begin() + n, bytes.end()));
    pkt::consume(std::move(chain));
  }
}

TEST_CASE("E19: a split that finds the pool empty takes nothing") {
  test::TestPool pool(2);
  pkt::Packet chain = pool.packet(std::vector<std::uint8_t>{1, 2});
  chain.chain(pool.packet(std::vector<std::uint8_t>{3, 4}));
  CHECK_FALSE(pool->split_front(chain, 3));
  CHECK(test::bytes_of(chain) == std::vector<std::uint8_t>{1, 2, 3, 4});
  pkt::Packet front = pool->split_front(chain, 2);
  CHECK(test::bytes_of(front) == std::vector<std::uint8_t>{1, 2});
  pkt::consume(std::move(front));
  pkt::consume(std::move(chain));
}

TEST_CASE("a pool that cannot be made says which and what to change") {
  test::start_eal();
  auto pool = pkt::Pool::create({.name = "too-large", .packets = 4'000'000});
  REQUIRE_FALSE(pool);
  CHECK(pool.error().message.find("too-large") != std::string::npos);
  CHECK(pool.error().message.find("eal.memory_mb") != std::string::npos);
}
