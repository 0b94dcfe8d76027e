// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/ptype.hpp>

#include "tests/support/catch.hpp"
#include "tests/unit/runtime/two_lcores.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

using namespace millrace;
using runtime::PacketType;
using runtime::RxHandlerVerdict;
using test::RawFrame;

namespace {

constexpr std::uint16_t ours = 0x88b5;  // for experiments (IEEE 802)

/// One lcore, whose handlers write down what they are given.
struct World {
  runtime::PacketTypes& types() { return lcores.a.receive.packet_types(); }
  PacketType handler(std::uint16_t type, const std::string& name, std::uint16_t ifindex = 0) {
    return {.type = type, .ifindex = ifindex, .name = name, .func = [this, name](Env& env, pkt::Packet packet) {
              seen += name + " ";
              bytes.emplace_back(packet.data().begin(), packet.data().end());
              consume(env, std::move(packet), stats::Ledger::used);
            }};
  }
  void add(std::uint16_t type, const std::string& name, std::uint16_t ifindex = 0) { types().add(next_id++, handler(type, name, ifindex)); }
  pkt::Packet frame(std::uint16_t type = ours) {
    pkt::Packet packet = lcores.a.packet({});
    packet.meta().ethertype = type;
    return packet;
  }
  std::string receive(pkt::Packet packet) {
    seen.clear();
    bytes.clear();
    lcores.a.receive.netif_receive(std::move(packet));
    return seen;
  }
  [[nodiscard]] std::uint64_t made() const { return lcores.a.lcore.stats.ledger[stats::Ledger::made]; }
  [[nodiscard]] std::uint64_t dropped(stats::DropReason reason) const { return lcores.a.lcore.stats.drop[reason]; }

  test::TwoLcores lcores;
  std::uint32_t next_id = runtime::PacketTypes::protocols;
  std::string seen;
  std::vector<std::vector<std::uint8_t>> bytes;
};

}  // namespace

TEST_CASE("G3: of two handlers of a type the one that was added last is called first; one of a device is for that device only") {
  World w;
  w.add(ours, "one");
  w.add(ours, "two");
  w.add(ours, "dev1", 1);
  w.add(ours, "dev7", 7);
  CHECK(w.receive(w.frame()) == "two one dev1 ");
  w.types().remove(runtime::PacketTypes::protocols + 1);
  CHECK(w.receive(w.frame()) == "one dev1 ");
  CHECK(w.receive(w.frame(0x88b6)).empty());
  CHECK(w.dropped(stats::DropReason::unknown_ethertype) == 1);
  CHECK(w.lcores.a.receive.core_stats(1).rx_nohandler.value() == 1);
}

TEST_CASE("G4: 1 receiver: 0 references; 3 receivers: 2, and the last has the packet itself, of the same bytes") {
  World w;
  w.add(ours, "one");
  const std::uint64_t before = w.made();
  CHECK(w.receive(w.frame()) == "one ");
  CHECK(w.made() - before == 0);
  w.add(ours, "two");
  w.add(ours, "three");
  CHECK(w.receive(w.frame()) == "three two one ");
  CHECK(w.made() - before == 2);
  REQUIRE(w.bytes.size() == 3);
  CHECK((w.bytes[0] == w.bytes[1] && w.bytes[1] == w.bytes[2]));
  CHECK(w.lcores.a.lcore.pool->in_use() == 0);
}

TEST_CASE("G4: a reference that the pool has no buffer for is missed and counted; the last receiver is not touched by that") {
  World w;
  w.add(ours, "one");
  w.add(ours, "two");
  pkt::Packet frame = w.frame();
  std::vector<pkt::Packet> all;
  while (pkt::Packet packet = w.lcores.a.lcore.pool->allocate()) all.push_back(std::move(packet));
  CHECK(w.receive(std::move(frame)) == "one ");
  CHECK(w.lcores.a.lcore.stats.softnet[stats::Softnet::ptype_missed] == 1);
  for (pkt::Packet& packet : all) pkt::consume(std::move(packet));
}

TEST_CASE("G2: taps come first, then the rx_handler, then handlers of the type; the stack is one of them") {
  World w;
  w.add(PacketType::all, "tap");
  w.add(0x0800, "mine");
  w.add(PacketType::all, "tap1", 1);
  REQUIRE(w.types().set_rx_handler(1, [&](Env&, pkt::Packet&) {
    w.seen += "rx ";
    return RxHandlerVerdict::pass;
  }));
  CHECK(w.receive(w.lcores.a.packet({})) == "tap tap1 rx mine ");
  CHECK(w.lcores.a.delivered() == 1);  // ip_rcv, of a lcore without a stack
}

TEST_CASE("G6: one rx_handler a device; each of the four verdicts") {
  World w;
  RxHandlerVerdict verdict = RxHandlerVerdict::pass;
  int calls = 0;
  REQUIRE(w.types().set_rx_handler(1, [&](Env& env, pkt::Packet& packet) {
    ++calls;
    if (verdict == RxHandlerVerdict::consumed) consume(env, std::move(packet), stats::Ledger::used);
    if (verdict == RxHandlerVerdict::another) packet.meta().ifindex = 7;
    return verdict;
  }));
  CHECK_FALSE(w.types().set_rx_handler(1, [](Env&, pkt::Packet&) { return RxHandlerVerdict::pass; }));
  w.add(ours, "any");
  w.add(ours, "dev1", 1);
  w.add(ours, "dev7", 7);
  CHECK(w.receive(w.frame()) == "any dev1 ");
  verdict = RxHandlerVerdict::consumed;
  CHECK(w.receive(w.frame()).empty());
  verdict = RxHandlerVerdict::exact;
  CHECK(w.receive(w.frame()) == "dev1 ");
  verdict = RxHandlerVerdict::another;
  CHECK(w.receive(w.frame()) == "any dev7 ");
  CHECK(calls == 4);
  w.types().remove_rx_handler(1);
  CHECK(w.receive(w.frame()) == "any dev1 ");
  CHECK(calls == 4);
  CHECK_FALSE(w.types().has_rx_handler(1));
}

TEST_CASE("G6: rx_handlers that send a frame to each other do not do so for ever") {
  World w;
  int calls = 0;
  for (const std::uint16_t ifindex : {0, 1})
    REQUIRE(w.types().set_rx_handler(ifindex, [&](Env&, pkt::Packet& packet) {
      ++calls;
      packet.meta().ifindex = static_cast<std::uint16_t>(1 - packet.meta().ifindex);
      return RxHandlerVerdict::another;
    }));
  CHECK(w.receive(w.frame()).empty());
  CHECK(calls == 8);
  CHECK(w.dropped(stats::DropReason::unknown_ethertype) == 1);
}

TEST_CASE("G1: a list has the effect of its packets one by one, and who takes lists gets what follows one another at once") {
  Rng rng(3);
  const auto run = [&](bool as_list) {
    World w;
    w.add(PacketType::all, "tap", 1);
    w.add(0x0800, "v4");
    std::vector<std::size_t> lists;
    PacketType lister = w.handler(ours, "ours");
    lister.list_func = [&w, &lists](Env& env, pkt::PacketList& frames) {
      lists.push_back(frames.size());
      while (pkt::Packet frame = frames.pop_front()) {
        w.seen += "ours ";
        consume(env, std::move(frame), stats::Ledger::used);
      }
    };
    w.types().add(w.next_id++, lister);
    Rng same(7);
    pkt::PacketList packets;
    for (int i = 0; i < 200; ++i) packets.push_back(w.frame(same.below(3) == 0 ? 0x0800 : ours));
    if (as_list) {
      w.lcores.a.receive.netif_receive_list(packets);
    } else {
      while (pkt::Packet packet = packets.pop_front()) w.lcores.a.receive.netif_receive(std::move(packet));
    }
    std::map<std::string, int> times;
    for (std::size_t at = 0; at < w.seen.size(); at = w.seen.find(' ', at) + 1) ++times[w.seen.substr(at, w.seen.find(' ', at) - at)];
    return std::tuple(times, w.lcores.a.delivered(), w.lcores.a.lcore.stats.softnet[stats::Softnet::processed], lists);
  };
  const auto [times, to_stack, processed, lists] = run(true);
  const auto [times_singly, to_stack_singly, processed_singly, no_lists] = run(false);
  CHECK(times == times_singly);
  CHECK(to_stack == to_stack_singly);
  CHECK((processed == 200 && processed_singly == 200));
  CHECK(times.at("tap") == 200);
  CHECK(times.at("ours") > 100);
  CHECK(no_lists.empty());
  CHECK((!lists.empty() && *std::max_element(lists.begin(), lists.end()) > 3));
}
