// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/burst.hpp>
#include <millrace/pkt/packet.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <numeric>

using namespace millrace;

namespace {

std::vector<std::uint8_t> counting(std::size_t n, int first = 0) {
  std::vector<std::uint8_t> v(n);
  std::iota(v.begin(), v.end(), static_cast<std::uint8_t>(first));
  return v;
}

pkt::Packet chain_of_three(test::TestPool& pool) {
  pkt::Packet p = pool.packet(counting(10, 0));
  p.chain(pool.packet(counting(10, 10)));
  p.chain(pool.packet(counting(10, 20)));
  return p;
}

}  // namespace

TEST_CASE("trim_front crosses buffers, keeps totals and Meta") {
  test::TestPool pool;
  for (std::uint32_t cut : {0u, 3u, 10u, 14u, 20u, 29u, 30u}) {
    pkt::Packet p = chain_of_three(pool);
    p.meta().gso_size = 77;
    p.trim_front(cut);
    CHECK(p.length() == 30 - cut);
    CHECK(p.meta().gso_size == 77);
    CHECK(test::bytes_of(p) == counting(30 - cut, static_cast<int>(cut)));
    pkt::consume(std::move(p));
  }
}

TEST_CASE("truncate cuts in any buffer and frees the rest") {
  test::TestPool pool;
  for (std::uint32_t keep : {0u, 5u, 10u, 11u, 20u, 30u}) {
    pkt::Packet p = chain_of_three(pool);
    p.truncate(keep);
    CHECK(p.length() == keep);
    CHECK(test::bytes_of(p) == counting(keep));
    CHECK(p.segments() == (keep <= 10 ? 1 : keep <= 20 ? 2 : 3));
    pkt::consume(std::move(p));
  }
}

TEST_CASE("prepend and append grow a packet in place") {
  test::TestPool pool;
  pkt::Packet p = pool.packet(counting(4, 4));
  auto front = counting(4);
  std::copy(front.begin(), front.end(), p.prepend(4));
  auto back = counting(2, 8);
  std::copy(back.begin(), back.end(), p.append(2));
  CHECK(test::bytes_of(p) == counting(10));
  pkt::consume(std::move(p));
}

TEST_CASE("a packet destroyed alive is counted") {
  test::start_eal();
  auto pool = pkt::Pool::create({.name = "leak", .packets = 63});
  REQUIRE(pool);
  const auto before = pkt::freed_without_reason();
  { pkt::Packet lost = (*pool)->allocate(); }
  CHECK(pkt::freed_without_reason() == before + 1);
  CHECK((*pool)->in_use() == 0);
}

TEST_CASE("a list keeps order through push, splice and pop") {
  test::TestPool pool;
  pkt::PacketList a;
  pkt::PacketList b;
  a.push_back(pool.packet(counting(1, 2)));
  a.push_front(pool.packet(counting(1, 1)));
  b.push_back(pool.packet(counting(1, 3)));
  a.splice_back(b);
  CHECK(a.size() == 3);
  CHECK(b.empty());
  for (int i = 1; i <= 3; ++i) {
    pkt::Packet p = a.pop_front();
    CHECK(p.data()[0] == i);
    pkt::consume(std::move(p));
  }
  CHECK(a.empty());
}

TEST_CASE("a burst gives its packets in order and drops what a device took") {
  test::TestPool pool;
  pkt::Burst burst;
  for (int i = 0; i < 5; ++i) burst.push(pool.packet(counting(1, i)));
  for (int i = 0; i < 2; ++i) pkt::consume(pkt::Packet::adopt(burst.slots()[i]));
  burst.drop_front(2);
  int expected = 2;
  burst.take_all([&](pkt::Packet p) {
    CHECK(p.data()[0] == expected++);
    pkt::consume(std::move(p));
  });
  CHECK(expected == 5);
  CHECK(burst.empty());
}
