// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/neighbor/neighbors.hpp>

#include <millrace/wire/ethernet.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;
using neighbor::State;
using stats::DropReason;

namespace {

void send(ScriptedHost& host, const IpAddress& to = peer4, std::size_t bytes = 8, int first = 0) {
  host.ip.send(host.pool.packet(counting(bytes, first)), {.source = {}, .destination = to, .proto = 253});
}

bool is_arp(const Bytes& frame) { return wire::EthernetView::parse(frame)->ethertype() == wire::ethertype::arp; }
MacAddress destination_of(const Bytes& frame) { return wire::EthernetView::parse(frame)->destination(); }

/// Brings the peer's entry to REACHABLE and empties the wire.
void resolve(ScriptedHost& host) {
  send(host);
  host.receives(arp_frame(arp_reply()));
  REQUIRE(host.state_of(peer4) == State::reachable);
  (void)host.wire.take();
}

/// On to STALE: longer than any reachable time without a word.
void let_it_age(ScriptedHost& host) {
  host.advance(60s);
  REQUIRE(host.state_of(peer4) == State::stale);
  REQUIRE(host.wire.take().empty());
}

}  // namespace

TEST_CASE("receive_path I1: the first packet waits, is asked for, and goes after the reply") {
  ScriptedHost host;
  send(host);
  const Bytes request = host.wire.take_one();
  CHECK(is_arp(request));
  CHECK(host.state_of(peer4) == State::incomplete);
  host.receives(arp_frame(arp_reply()));
  const Bytes data = host.wire.take_one();
  CHECK(destination_of(data) == peer_mac);
  CHECK(wire::EthernetView::parse(data)->source() == host_mac);
  CHECK(behind(data, 34) == counting(8));
  CHECK(host.state_of(peer4) == State::reachable);
  send(host);
  CHECK_FALSE(is_arp(host.wire.take_one()));
}

TEST_CASE("packets that waited go in order") {
  ScriptedHost host;
  for (int i = 0; i < 3; ++i) send(host, peer4, 8, i);
  CHECK(is_arp(host.wire.take_one()));
  host.receives(arp_frame(arp_reply()));
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 3);
  for (int i = 0; i < 3; ++i) CHECK(frames[static_cast<std::size_t>(i)][34] == i);
}

TEST_CASE("mcast_solicit: three requests a second apart, then the packet comes back as unreachable") {
  ScriptedHost host;
  send(host);
  CHECK(host.wire.take().size() == 1);
  host.advance(999ms);
  CHECK(host.wire.take().empty());
  host.advance(1ms);
  CHECK(host.wire.take().size() == 1);
  host.advance(1s);
  CHECK(host.wire.take().size() == 1);
  CHECK(host.drops(DropReason::neighbor_failed) == 0);
  host.advance(1s);
  CHECK(host.wire.take().empty());
  CHECK(host.state_of(peer4) == State::failed);
  CHECK(host.drops(DropReason::neighbor_failed) == 1);
  CHECK(host[stats::Neighbor::res_failed] == 1);
  CHECK(host[stats::Neighbor::probes_sent] == 3);
}

TEST_CASE("a failed neighbour is asked again by the next packet") {
  ScriptedHost host;
  send(host);
  host.advance(10s);
  (void)host.wire.take();
  send(host);
  CHECK(is_arp(host.wire.take_one()));
  host.receives(arp_frame(arp_reply()));
  CHECK_FALSE(is_arp(host.wire.take_one()));
}

TEST_CASE("RFC 1122 2.3.2.2: a full queue drops its oldest packet") {
  ScriptedHost host({.queue_packets = 2});
  for (int i = 0; i < 3; ++i) send(host, peer4, 8, i);
  CHECK(host.drops(DropReason::neighbor_queue_full) == 1);
  CHECK(host[stats::Neighbor::unresolved_discards] == 1);
  (void)host.wire.take();
  host.receives(arp_frame(arp_reply()));
  const auto frames = host.wire.take();
  REQUIRE(frames.size() == 2);
  CHECK(frames[0][34] == 1);
  CHECK(frames[1][34] == 2);
}

TEST_CASE("unres_qlen_bytes: the queue is bounded by truesize, too") {
  ScriptedHost host({.queue_bytes = 5000});  // two buffers of 2048 + 128 + 192 bytes
  for (int i = 0; i < 4; ++i) send(host);
  CHECK(host.drops(DropReason::neighbor_queue_full) == 2);
  CHECK(host.ip.neighbors().find(host.interface, peer4)->waiting == 2);
}

TEST_CASE("I1: every fragment of the longest UDP datagram waits for the neighbour, and goes when it is found") {
  ScriptedHost host;
  udp::Socket& socket = *host.udp.open(nullptr);
  const Endpoint to{peer4, 7};
  constexpr std::size_t longest = 65507;
  REQUIRE(host.udp.send_to(socket, Bytes(longest, 7), &to) == static_cast<int>(longest));
  CHECK(is_arp(host.wire.take_one()));
  host.receives(arp_frame(arp_reply()));
  CHECK(host.wire.take().size() == 45);  // 65515 bytes of UDP, 1480 in each
  CHECK(host[stats::Neighbor::unresolved_discards] == 0);
}

TEST_CASE("RFC 4861 6.3.2: reachable time is drawn between half and three halves of the base") {
  for (int i = 0; i < 20; ++i) {
    ScriptedHost host;
    host.env.rng = Rng(static_cast<std::uint64_t>(i));
    resolve(host);
    host.advance(14999ms);
    CHECK(host.state_of(peer4) == State::reachable);
    host.advance(30001ms);
    CHECK(host.state_of(peer4) == State::stale);
  }
}

TEST_CASE("RFC 4861 7.3.3: a stale entry is used at once, probed after 5 s by unicast, and fails after three probes") {
  ScriptedHost host;
  resolve(host);
  let_it_age(host);
  send(host);
  CHECK_FALSE(is_arp(host.wire.take_one()));
  CHECK(host.state_of(peer4) == State::delay);
  host.advance(4999ms);
  CHECK(host.wire.take().empty());
  host.advance(1ms);
  CHECK(host.state_of(peer4) == State::probe);
  const Bytes probe = host.wire.take_one();
  CHECK(is_arp(probe));
  CHECK(destination_of(probe) == peer_mac);
  send(host);  // still usable
  CHECK_FALSE(is_arp(host.wire.take_one()));
  host.advance(2s);
  CHECK(host.wire.take().size() == 2);
  host.advance(1s);
  CHECK(host.state_of(peer4) == State::failed);
}

TEST_CASE("RFC 4861 7.3.3: an answer to a probe makes the neighbour reachable again") {
  ScriptedHost host;
  resolve(host);
  let_it_age(host);
  send(host);
  host.advance(5s);
  REQUIRE(host.state_of(peer4) == State::probe);
  host.receives(arp_frame(arp_reply()));
  CHECK(host.state_of(peer4) == State::reachable);
  (void)host.wire.take();
  host.advance(10s);
  CHECK(host.wire.take().empty());
}

TEST_CASE("RFC 4861 7.3.1: a hint from above spares the probes") {
  ScriptedHost host;
  resolve(host);
  let_it_age(host);
  send(host);
  REQUIRE(host.state_of(peer4) == State::delay);
  host.ip.confirm_reachable(peer4);
  CHECK(host.state_of(peer4) == State::reachable);
  (void)host.wire.take();
  host.advance(10s);
  CHECK(host.wire.take().empty());
}

TEST_CASE("a hint about an address that is not resolved resolves nothing") {
  ScriptedHost host;
  host.ip.confirm_reachable(peer4);
  CHECK(host.state_of(peer4) == State::none);
  send(host);
  host.ip.confirm_reachable(peer4);
  CHECK(host.state_of(peer4) == State::incomplete);
}

TEST_CASE("a neighbour in use goes from reachable to delay, not to stale") {
  ScriptedHost host;
  resolve(host);
  for (int i = 0; i < 46 && host.state_of(peer4) == State::reachable; ++i) {
    send(host);
    host.advance(1s);
  }
  CHECK(host.state_of(peer4) == State::delay);
}

TEST_CASE("no buffer for a request: the next probe makes up for it") {
  ScriptedHost host({}, 63);
  pkt::Packet first = host.pool.packet(counting(8));
  std::vector<pkt::Packet> hoard;
  while (pkt::Packet p = host.pool->allocate()) hoard.push_back(std::move(p));
  host.ip.send(std::move(first), {.source = {}, .destination = peer4, .proto = 253});
  CHECK(host.wire.take().empty());
  CHECK(host[stats::Neighbor::no_buffer] == 1);
  for (auto& p : hoard) pkt::consume(std::move(p));
  host.advance(1s);
  CHECK(is_arp(host.wire.take_one()));
}

TEST_CASE("the same seed gives the same times") {
  const auto reachable_for = [](std::uint64_t seed) {
    ScriptedHost host;
    host.env.rng = Rng(seed);
    resolve(host);
    int ms = 0;
    for (; host.state_of(peer4) == State::reachable; ++ms) host.advance(1ms);
    return ms;
  };
  CHECK(reachable_for(3) == reachable_for(3));
  CHECK(reachable_for(3) != reachable_for(4));
}
