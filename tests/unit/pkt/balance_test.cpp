// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/balance.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"

#include <array>
#include <functional>

using namespace millrace;

namespace {

/// Whether the books balance after `handling` had a packet of the test's.
bool is_even_after(const std::function<void(Env&, pkt::Packet)>& handling) {
  test::LcoreEnv lcore;
  test::TestPool pool;
  bool even = false;
  {
    stats::LcoreStats& counted = lcore.stats;
    handling(lcore.env, pool.packet(std::array<std::uint8_t, 60>{}));
    const test::BalanceCheck books(counted, pool);
    even = books.is_even();
    INFO(books.text());
    // The check itself looks once more when it goes: settle what is missing, now that it has been seen.
    const stats::LcoreStats* all[] = {&counted};
    const stats::PacketBalance balance = stats::packet_balance(all);
    counted.ledger.add(stats::Ledger::used, balance.begun + pool.given() > balance.ended ? balance.begun + pool.given() - balance.ended : 0);
    counted.ledger.add(stats::Ledger::made, balance.ended > balance.begun + pool.given() ? balance.ended - balance.begun - pool.given() : 0);
  }
  return even;
}

}  // namespace

TEST_CASE("P9: the check of every fixture fails on a packet that ends uncounted, twice counted, or made and forgotten") {
  CHECK(is_even_after([](Env& env, pkt::Packet packet) { drop(env, std::move(packet), stats::DropReason::no_route); }));
  CHECK(is_even_after([](Env& env, pkt::Packet packet) { consume(env, std::move(packet), stats::Ledger::delivered); }));
  CHECK(is_even_after([](Env& env, pkt::Packet packet) {
    join(env, packet, make_packet(env));
    drop(env, std::move(packet), stats::DropReason::no_route);
  }));
  // Silently:
  CHECK_FALSE(is_even_after([](Env&, pkt::Packet packet) { pkt::consume(std::move(packet)); }));
  CHECK_FALSE(is_even_after([](Env& env, pkt::Packet packet) { recycle(env, std::move(packet)); }));
  // A drop that is counted in two places, or for two reasons:
  CHECK_FALSE(is_even_after([](Env& env, pkt::Packet packet) {
    env.stats->drop.add(stats::DropReason::bad_frame);
    drop(env, std::move(packet), stats::DropReason::no_route);
  }));
  // Joined without a word:
  CHECK_FALSE(is_even_after([](Env& env, pkt::Packet packet) {
    packet.chain(make_packet(env));
    drop(env, std::move(packet), stats::DropReason::no_route);
  }));
}
