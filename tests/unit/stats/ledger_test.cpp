// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stats/ledger.hpp>

#include "tests/support/catch.hpp"

using namespace millrace::stats;

TEST_CASE("P9: in = delivered + forwarded + the sum of drops, over all lcores; a packet without an end, or with two, shows") {
  LcoreStats a;  // receives
  LcoreStats b;  // works
  const LcoreStats* both[] = {&a, &b};
  CHECK(packet_balance(both).is_even());
  a.port.add(Port::rx_packets, 100);
  a.gro.add(Gro::merged, 40);
  a.gro.add(Gro::merged_free, 10);
  b.ledger.add(Ledger::delivered, 20);
  b.ledger.add(Ledger::used, 10);
  b.port.add(Port::tx_packets, 5);  // forwarded
  b.drop.add(DropReason::not_local, 14);
  const PacketBalance one_short = packet_balance(both);
  CHECK(one_short.begun == 100);
  CHECK(one_short.ended == 99);
  CHECK_FALSE(one_short.is_even());
  b.drop.add(DropReason::no_route);
  CHECK(packet_balance(both).is_even());
  b.drop.add(DropReason::no_route);  // a drop that is counted twice
  CHECK_FALSE(packet_balance(both).is_even());
  CHECK(packet_balance_text(both) ==
        "begun 100: rx 100; ended 101: tx 5, merged 50, delivered 20, used 10, dropped as not_local 14, dropped as no_route 2;");
}

TEST_CASE("P9: every reason of a drop is an end") {
  for (unsigned i = 0; i < static_cast<unsigned>(DropReason::count_); ++i) {
    LcoreStats lcore;
    const LcoreStats* one[] = {&lcore};
    lcore.ledger.add(Ledger::made);
    lcore.drop.add(static_cast<DropReason>(i));
    CHECK(packet_balance(one).is_even());
  }
}
