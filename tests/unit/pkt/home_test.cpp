// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/pkt/home.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"

#include <array>
#include <vector>

using namespace millrace;
using Count = stats::Pool;

namespace {

/// Two lcores in one thread, as a stepped engine has them: lcore 0's pool is the one that gives.
struct TwoHomes {
  explicit TwoHomes(std::uint32_t packets = 4095) : a(0, packets), b(1, 1023) {
    a.env.home = &home_a;
    b.env.home = &home_b;
  }
  [[nodiscard]] std::uint64_t count(const test::LcoreEnv& lcore, Count which) const { return lcore.stats.pool[which]; }

  test::LcoreEnv a;
  test::LcoreEnv b;
  std::array<const pkt::Pool*, 2> pools{&*a.pool, &*b.pool};
  pkt::HomeRings rings{pools};
  pkt::Home home_a{rings, 0, a.stats};
  pkt::Home home_b{rings, 1, b.stats};
};

}  // namespace

TEST_CASE("D18: buffers freed on another lcore go back over its ring, 32 at a time, and the last one back is the next one out") {
  TwoHomes t;
  std::vector<pkt::Packet> packets(40);
  for (pkt::Packet& packet : packets) packet = make_packet(t.a.env);
  std::array<const void*, 40> order{};
  for (std::size_t i = 0; i < 31; ++i) {
    order[i] = &packets[i].mbuf();
    consume(t.b.env, std::move(packets[i]), stats::Ledger::used);
  }
  CHECK(t.rings.waiting(0) == 0);
  for (std::size_t i = 31; i < 40; ++i) {
    order[i] = &packets[i].mbuf();
    drop(t.b.env, std::move(packets[i]), stats::DropReason::no_stack);
  }
  CHECK(t.rings.waiting(0) == 32);  // a batch; 8 wait for the end of the pass
  CHECK(t.count(t.b, Count::home_returned) == 32);
  t.home_b.flush();
  CHECK(t.rings.waiting(0) == 40);
  CHECK(t.a.pool->in_use() == 40);
  t.home_a.collect();
  CHECK(t.rings.waiting(0) == 0);
  CHECK(t.a.pool->in_use() == 8);  // a batch is there, the last one when the pass ends
  t.home_a.flush();
  CHECK(t.a.pool->in_use() == 0);
  CHECK(t.count(t.a, Count::home_collected) == 40);
  for (std::size_t i = 40; i-- > 0;) {
    packets[i] = make_packet(t.a.env);
    CHECK(static_cast<const void*>(&packets[i].mbuf()) == order[i]);
  }
  for (pkt::Packet& packet : packets) consume(t.a.env, std::move(packet), stats::Ledger::used);
  CHECK(t.count(t.a, Count::home_returned) == 0);  // its own go straight to its pool
  CHECK(t.a.pool->in_use() == 0);
}

TEST_CASE("D18: every buffer of a chain finds its own way: home, to another home, or to a pool that nobody calls home") {
  TwoHomes t;
  test::TestPool outside;
  pkt::Packet chain = make_packet(t.a.env);
  chain.chain(t.b.pool->allocate());
  chain.chain(outside->allocate());
  chain.chain(t.a.pool->allocate());
  drop(t.b.env, std::move(chain), stats::DropReason::no_stack);
  CHECK(t.b.pool->in_use() == 0);
  CHECK(outside->in_use() == 0);
  t.home_b.flush();
  CHECK(t.rings.waiting(0) == 2);

  // A reference: the packet that refers goes home, the bytes go when the last reference does.
  pkt::Packet bytes = t.a.pool.packet(std::vector<std::uint8_t>(100));
  pkt::Packet reference = make_reference(t.b.env, bytes, 10, 20);
  consume(t.b.env, std::move(bytes), stats::Ledger::used);
  t.home_b.flush();
  CHECK(t.rings.waiting(0) == 2);
  consume(t.b.env, std::move(reference), stats::Ledger::used);
  t.home_a.collect();
  t.home_a.flush();
  CHECK(t.a.pool->in_use() == 0);
  CHECK(t.b.pool->in_use() == 0);
}

TEST_CASE("D18: a way home that is full is bounded and counted: the buffers go to the pool's shared part") {
  TwoHomes t;
  constexpr std::uint32_t more = 64;
  std::vector<pkt::Packet> packets;
  for (std::uint32_t i = 0; i < pkt::HomeRings::capacity + more; ++i) packets.push_back(make_packet(t.a.env));
  for (pkt::Packet& packet : packets) consume(t.b.env, std::move(packet), stats::Ledger::used);
  CHECK(t.rings.waiting(0) == pkt::HomeRings::capacity);
  CHECK(t.count(t.b, Count::home_ring_full) == more);
  CHECK(t.a.pool->in_use() == pkt::HomeRings::capacity);
}  // what is still on its way goes to its pool with the rings: TestPool checks
