// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/neighbor/neighbors.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;
using neighbor::State;
using stats::DropReason;

namespace {

IpAddress on_link(int n) { return IpAddress::v4(10, 77, 0, static_cast<std::uint8_t>(n)); }

void send(ScriptedHost& host, const IpAddress& to) {
  host.ip.send(host.pool.packet(counting(8)), {.source = {}, .destination = to, .proto = 253});
}

/// Asks for us, and so becomes STALE.
void makes_itself_known(ScriptedHost& host, int n) {
  auto arp = arp_request(host4);
  arp.sender_ip = on_link(n);
  host.receives(arp_frame(arp, all_macs));
  (void)host.wire.take();
}

}  // namespace

TEST_CASE("I1: gc_thresh3: a table full of neighbours that are being asked for has room for no other, and counts it") {
  ScriptedHost host({.gc_thresh2 = 2, .entries = 3});
  for (int n = 10; n < 14; ++n) send(host, on_link(n));
  CHECK(host.ip.neighbors().size() == 3);
  CHECK(host.state_of(on_link(13)) == State::none);
  CHECK(host.drops(DropReason::neighbor_table_full) == 1);
  CHECK(host[stats::Neighbor::table_fulls] == 1);
  host.advance(3s);  // nobody answered
  send(host, on_link(13));
  CHECK(host.state_of(on_link(13)) == State::incomplete);
  CHECK(host.ip.neighbors().size() == 2);  // down to gc_thresh2, and the new one
}

TEST_CASE("I1: a scan of the link does not push out who was heard of in the last five seconds") {
  ScriptedHost host({.gc_thresh2 = 2, .entries = 3});
  for (int n = 10; n < 13; ++n) makes_itself_known(host, n);
  host.advance(5s);
  send(host, on_link(13));
  CHECK(host[stats::Neighbor::table_fulls] == 1);
  host.advance(1ms);
  send(host, on_link(13));
  CHECK(host.state_of(on_link(13)) == State::incomplete);
  CHECK(host.state_of(on_link(10)) == State::none);  // unused for longest
  CHECK(host.state_of(on_link(11)) == State::none);  // down to gc_thresh2 with the new one
  CHECK(host.state_of(on_link(12)) == State::stale);
}

TEST_CASE("I1: gc_thresh2: above it stale neighbours make room before the table is full, once in five seconds") {
  ScriptedHost host({.gc_thresh2 = 2, .entries = 100});
  for (int n = 10; n < 14; ++n) makes_itself_known(host, n);
  CHECK(host.ip.neighbors().size() == 4);
  CHECK(host[stats::Neighbor::forced_gc_runs] == 1);
  host.advance(5001ms);
  makes_itself_known(host, 20);
  CHECK(host.ip.neighbors().size() == 2);
  CHECK(host[stats::Neighbor::forced_gc_runs] == 2);
  makes_itself_known(host, 21);
  CHECK(host[stats::Neighbor::forced_gc_runs] == 2);
}

TEST_CASE("I1: gc_stale_time: from gc_thresh1 on, neighbours that nobody used for a minute go, looked for each 30 seconds") {
  ScriptedHost host({.gc_thresh1 = 3});
  for (int n = 10; n < 12; ++n) makes_itself_known(host, n);
  host.advance(1h);
  CHECK(host.ip.neighbors().size() == 2);
  CHECK(host[stats::Neighbor::periodic_gc_runs] == 0);
  REQUIRE(host.ip.neighbors().add_permanent(host.interface, on_link(9), peer_mac));
  REQUIRE(host.ip.neighbors().size() == 3);
  host.advance(30s);
  CHECK(host.ip.neighbors().size() == 1);  // an hour old; the permanent one stays
  for (int n = 10; n < 13; ++n) makes_itself_known(host, n);
  send(host, on_link(30));
  host.advance(59s);
  CHECK(host.state_of(on_link(30)) == State::none);  // failed: gone at the first look
  CHECK(host.state_of(on_link(10)) == State::stale);
  host.advance(31s);
  CHECK(host.state_of(on_link(10)) == State::none);
}

TEST_CASE("I1: gc_stale_time: who is being asked for is asked to the end, however soon what is not used goes") {
  ScriptedHost host({.gc_thresh1 = 1, .gc_stale_time = 100ms, .gc_interval = 200ms});
  send(host, on_link(10));
  int requests = 0;
  for (Duration time{0}; time < 5s; time += 100ms) {
    requests += static_cast<int>(host.wire.take().size());
    host.advance(100ms);
  }
  CHECK(requests == 3);
  CHECK(host.drops(DropReason::neighbor_failed) == 1);
}
