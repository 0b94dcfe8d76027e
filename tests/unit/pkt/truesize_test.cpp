// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/truesize.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <array>
#include <vector>

using namespace millrace;

TEST_CASE("O10: truesize is the memory of a packet's buffers with their headers, however little of them is data") {
  test::TestPool pool(63, 2048);
  constexpr std::uint32_t one = sizeof(pkt::Mbuf) + pkt::headroom + 2048;
  STATIC_REQUIRE(one == 2368);
  pkt::Packet small = pool.packet(std::array<std::uint8_t, 1>{});
  CHECK(pkt::truesize(small) == one);
  pkt::Packet full = pool.packet(std::vector<std::uint8_t>(2048));
  CHECK(pkt::truesize(full) == one);
  small.chain(pool.packet(std::array<std::uint8_t, 1>{}));
  small.chain(std::move(full));
  CHECK(pkt::truesize(small) == 3 * one);
  small.trim_front(2);  // two buffers are empty and freed
  CHECK(pkt::truesize(small) == one);
  pkt::consume(std::move(small));
}

TEST_CASE("O10: of a buffer that it refers to, a packet among others has its own part only") {
  test::TestPool pool(63, 2048);
  constexpr std::uint32_t one = sizeof(pkt::Mbuf) + pkt::headroom + 2048;
  pkt::Packet whole = pool.packet(std::vector<std::uint8_t>(2000));
  pkt::Packet part = pool->reference(whole, 100, 700);
  CHECK(pkt::truesize_among_references(whole) == one);
  CHECK(pkt::truesize_among_references(part) == sizeof(pkt::Mbuf) + 700);
  CHECK(pkt::truesize(part) == one);
  pkt::consume(std::move(part));
  pkt::consume(std::move(whole));
}
