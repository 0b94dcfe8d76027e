// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/steer/steer.hpp>
#include <millrace/wire/dissect.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <array>
#include <memory>
#include <set>

using namespace millrace;
using namespace millrace::steer;

namespace {

using Bytes = std::vector<std::uint8_t>;

const IpAddress here4 = IpAddress::v4(10, 77, 0, 1);
const IpAddress there4 = IpAddress::v4(10, 77, 0, 2);
const IpAddress router4 = IpAddress::v4(10, 77, 0, 9);
const IpAddress here6{{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
const IpAddress there6{{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
const IpAddress router6{{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}};

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

Bytes ethernet(std::uint16_t type) {
  return {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type)};
}

Bytes ip4(const IpAddress& from, const IpAddress& to, std::uint8_t proto, const Bytes& payload,
          std::uint16_t fragment_offset = 0, bool more = false) {
  Bytes b(wire::ipv4_header_bytes);
  wire::Ipv4Header h{.source = from, .destination = to};
  h.total_length = static_cast<std::uint16_t>(b.size() + payload.size());
  h.proto = proto;
  h.fragment_offset = fragment_offset;
  h.more_fragments = more;
  wire::emit(h, b.data());
  return b + payload;
}

Bytes ip6(const IpAddress& from, const IpAddress& to, std::uint8_t proto, const Bytes& payload) {
  Bytes b(wire::ipv6_header_bytes);
  wire::Ipv6Header h{.source = from, .destination = to};
  h.payload_length = static_cast<std::uint16_t>(payload.size());
  h.next_header = proto;
  wire::emit(h, b.data());
  return b + payload;
}

Bytes ip(const IpAddress& from, const IpAddress& to, std::uint8_t proto, const Bytes& payload) {
  return from.is_v4() ? ip4(from, to, proto, payload) : ip6(from, to, proto, payload);
}

Bytes udp(std::uint16_t from, std::uint16_t to) {
  Bytes b(wire::udp_header_bytes + 4);
  wire::emit(
      wire::UdpHeader{.source_port = from, .destination_port = to, .length = static_cast<std::uint16_t>(b.size())},
      b.data());
  return b;
}

Bytes tcp(std::uint16_t from, std::uint16_t to) {
  Bytes b(20);
  store_be16(&b[0], from);
  store_be16(&b[2], to);
  b[12] = 5 << 4;
  return b;
}

Bytes icmp(std::uint8_t type, const Bytes& body) { return Bytes{type, 0, 0, 0, 0, 0, 0, 0} + body; }

FlowKey flow(const IpAddress& local, std::uint16_t local_port, const IpAddress& remote, std::uint16_t remote_port,
             std::uint8_t proto = 17) {
  return {.local = local, .remote = remote, .local_port = local_port, .remote_port = remote_port, .proto = proto};
}

RpsMap rps(const char* mask) { return RpsMap::parse(mask).value(); }

/// Four lcores, the third of them offline; the packets arrive on lcore 0, interface 1, queue 0.
struct World {
  World() { env.stats = &stats; }
  pkt::Packet received(const Bytes& l3) { return framed(ethernet(l3[0] >> 4 == 4 ? 0x0800 : 0x86dd) + l3); }
  pkt::Packet framed(const Bytes& frame) {
    pkt::Packet p = pool.packet(frame);
    const wire::Layers layers = wire::dissect(p.data());
    p.meta().ethertype = layers.ethertype;
    p.meta().l3_offset = layers.l3_offset;
    p.meta().l4_offset = layers.l4_offset;
    p.meta().payload_offset = layers.payload_offset;
    p.meta().l4_proto = layers.l4_proto;
    p.meta().ifindex = 1;
    p.meta().rx_queue = 0;
    return p;
  }
  LcoreId choose(const Bytes& l3) { return choose(received(l3)); }
  LcoreId choose(pkt::Packet p) {
    const LcoreId chosen = steer.choose(env, p).lcore;
    pkt::consume(std::move(p));
    return chosen;
  }
  std::uint64_t counted(stats::Steer which) const { return stats.steer[which]; }

  test::TestPool pool;
  std::array<std::unique_ptr<FlowTable>, 4> tables{std::make_unique<FlowTable>(16, 1),
                                                   std::make_unique<FlowTable>(16, 1), nullptr,
                                                   std::make_unique<FlowTable>(16, 1)};
  stats::LcoreStats stats;
  Env env;
  Toeplitz toeplitz{microsoft_key};
  Directory directory{{tables[0].get(), tables[1].get(), tables[2].get(), tables[3].get()}};
  Steer steer{directory, toeplitz};
  int object = 0;
};

}  // namespace

TEST_CASE("F5: the lcore that rps_cpus chooses") {
  World w;
  struct Case {
    const char* what;
    const char* mask;
    std::uint32_t hash;
    LcoreId local;
    LcoreId expected;
  };
  const Case cases[] = {
      {"no map", "0", 0x80000000, 0, 0},
      {"no map, on another lcore", "0", 0x80000000, 3, 3},
      {"a map of one needs no hash", "2", 0, 0, 1},
      {"a map of one, offline", "4", 0x80000000, 0, 0},
      {"hash 0 stays", "b", 0, 1, 1},
      {"lowest hash", "b", 1, 3, 0},
      {"last hash of the first third", "b", 0x55555555, 3, 0},
      {"first hash of the second third", "b", 0x55555556, 3, 1},
      {"first hash of the last third", "b", 0xaaaaaaab, 0, 3},
      {"highest hash", "b", 0xffffffff, 0, 3},
      {"chosen lcore offline", "f", 0x80000000, 1, 1},
      {"its neighbour online", "f", 0x7fffffff, 0, 1},
      {"chosen lcore does not exist", "11", 0xffffffff, 0, 0},
  };
  for (const Case& c : cases) {
    INFO(c.what);
    CHECK(rps_lcore(rps(c.mask).lcores(), c.hash, w.directory, c.local) == c.expected);
  }
}

TEST_CASE("F6: the flow hash is Toeplitz over what can be read, and 0 only when not IP") {
  World w;
  const auto hash = [&](pkt::Packet p) {
    const std::uint32_t h = flow_hash(p, w.toeplitz);
    pkt::consume(std::move(p));
    return h;
  };
  // Microsoft's first vectors.
  const IpAddress from = IpAddress::v4(66, 9, 149, 187);
  const IpAddress to = IpAddress::v4(161, 142, 100, 80);
  CHECK(hash(w.received(ip(from, to, 17, udp(2794, 1766)))) == 0x51ccc178);
  CHECK(hash(w.received(ip4(from, to, 17, udp(2794, 1766), 0, true))) == 0x323e8fc2);
  CHECK(hash(w.received(ip4(from, to, 17, udp(2794, 1766), 1480))) == 0x323e8fc2);
  CHECK(hash(w.received(ip(from, to, 47, udp(2794, 1766)))) == 0x323e8fc2);
  CHECK(hash(w.received(ip(from, to, 1, icmp(8, {})))) == 0x323e8fc2);
  const IpAddress from6 = *IpAddress::parse("3ffe:2501:200:1fff::7");
  const IpAddress to6 = *IpAddress::parse("3ffe:2501:200:3::1");
  CHECK(hash(w.received(ip(from6, to6, 17, udp(2794, 1766)))) == 0x40207d3d);
  CHECK(hash(w.received(ip(from6, to6, 58, icmp(128, {})))) == 0x2cc18cd5);
  CHECK(hash(w.framed(ethernet(0x0806) + Bytes(28))) == 0);
  CHECK(hash(w.framed(Bytes(5))) == 0);
  CHECK(hash(w.received(Bytes(19, 0x45))) == 0);
  const Toeplitz zero(ToeplitzKey{});
  CHECK(flow_hash(flow(here4, 1, there4, 2), zero) == 1);
}

TEST_CASE("F6: the port's hash is taken for TCP and UDP only, and never as 0") {
  World w;
  struct Case {
    Bytes l3;
    std::uint32_t given;
    bool taken;
  };
  const Case cases[] = {
      {ip(there4, here4, 17, udp(1, 2)), 0x12345678, true},
      {ip(there6, here6, 17, udp(1, 2)), 0x12345678, true},
      {ip4(there4, here4, 17, udp(1, 2), 0, true), 0x12345678, false},
      {ip(there4, here4, 1, icmp(8, {})), 0x12345678, false},
      {ip(router4, here4, 1, icmp(3, ip(here4, there4, 17, udp(2, 1)))), 0x12345678, false},
      {ip(there4, here4, 17, udp(1, 2)), 0, true},
  };
  for (const Case& c : cases) {
    pkt::Packet p = w.received(c.l3);
    const std::uint32_t software = flow_hash(p, w.toeplitz);
    p.mbuf().rss_hash = c.given;
    CHECK(flow_hash(p, w.toeplitz) == software);
    p.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
    CHECK(flow_hash(p, w.toeplitz) == (!c.taken ? software : c.given == 0 ? 1 : c.given));
    pkt::consume(std::move(p));
  }
}

TEST_CASE("without owner and without rps_cpus a packet stays, unhashed") {
  World w;
  for (const Bytes& l3 :
       {ip(there4, here4, 17, udp(1, 2)), ip(there6, here6, 17, udp(1, 2)), ip(there4, here4, 1, icmp(8, {}))})
    CHECK(w.choose(l3) == 0);
  CHECK(w.choose(w.framed(ethernet(0x0806) + Bytes(28))) == 0);
  CHECK(w.counted(stats::Steer::local) == 4);
  CHECK(w.counted(stats::Steer::hash_software) == 0);
}

TEST_CASE("rps_cpus spreads flows without owner by hash, fragments by address, and counts") {
  World w;
  w.steer.set_rps(1, 0, rps("b"));
  std::set<LcoreId> seen;
  std::uint64_t away = 0;
  for (std::uint16_t port = 1; port <= 100; ++port) {
    const Bytes l3 = ip(there4, here4, 17, udp(port, 80));
    const LcoreId chosen = w.choose(l3);
    CHECK(chosen == rps_lcore(rps("b").lcores(), flow_hash(flow(here4, 80, there4, port), w.toeplitz), w.directory, 0));
    CHECK(w.choose(l3) == chosen);
    seen.insert(chosen);
    away += chosen != 0 ? 2 : 0;
  }
  CHECK(seen == std::set<LcoreId>{0, 1, 3});
  CHECK(w.counted(stats::Steer::rps) == away);
  CHECK(w.counted(stats::Steer::local) == 200 - away);
  CHECK(w.counted(stats::Steer::hash_software) == 200);
  const LcoreId first = w.choose(ip4(there4, here4, 17, udp(1, 80), 0, true));
  for (std::uint16_t port = 2; port < 20; ++port) CHECK(w.choose(ip4(there4, here4, 17, udp(port, 80), 8)) == first);
}

TEST_CASE("the port's hash decides when it gave one") {
  World w;
  w.steer.set_rps(1, 0, rps("b"));
  for (const auto& [hash, expected] : {std::pair{1u, 0}, std::pair{0x80000000u, 1}, std::pair{0xffffffffu, 3}}) {
    pkt::Packet p = w.received(ip(there4, here4, 17, udp(1, 80)));
    p.mbuf().rss_hash = hash;
    p.mbuf().ol_flags |= pkt::flag::rx_rss_hash;
    const LcoreId chosen = w.choose(std::move(p));
    CHECK(chosen == expected);
  }
  CHECK(w.counted(stats::Steer::hash_hardware) == 3);
  CHECK(w.counted(stats::Steer::hash_software) == 0);
}

TEST_CASE("rps_cpus is each queue's own; a queue or interface without one stays local") {
  World w;
  w.steer.set_rps(1, 2, rps("8"));
  const auto from_queue = [&](std::uint16_t ifindex, std::uint16_t queue) {
    pkt::Packet p = w.received(ip(there4, here4, 17, udp(1, 80)));
    p.meta().ifindex = ifindex;
    p.meta().rx_queue = queue;
    return w.choose(std::move(p));
  };
  CHECK(from_queue(1, 2) == 3);
  CHECK(from_queue(1, 0) == 0);
  CHECK(from_queue(1, 3) == 0);
  CHECK(from_queue(0, 2) == 0);
  CHECK(from_queue(7, 2) == 0);
  w.steer.set_rps(1, 2, RpsMap());
  CHECK(from_queue(1, 2) == 0);
}

TEST_CASE("F22: the owner goes before rps_cpus, wherever it is") {
  for (const char* mask : {"0", "1", "2", "8", "b", "4"}) {
    for (LcoreId owner : {0, 1, 3}) {
      World w;
      w.steer.set_rps(1, 0, rps(mask));
      INFO("mask " << mask << " owner " << owner);
      w.tables[owner]->insert(flow(here4, 80, there4, 5000), &w.object);
      w.tables[owner]->insert(flow(here6, 80, there6, 5000), &w.object);
      CHECK(w.choose(ip(there4, here4, 17, udp(5000, 80))) == owner);
      CHECK(w.choose(ip(there6, here6, 17, udp(5000, 80))) == owner);
      CHECK(w.counted(stats::Steer::owner) == (owner == 0 ? 0 : 2));
      CHECK(w.counted(stats::Steer::local) == (owner == 0 ? 2 : 0));
      // A hash is only needed where rps_cpus names several.
      CHECK(w.counted(stats::Steer::hash_software) == (mask == std::string("b") ? 2 : 0));
      // Another protocol, direction or stack is another flow.
      const LcoreId by_rps = rps_lcore(rps(mask).lcores(), flow_hash(flow(here4, 5000, there4, 80), w.toeplitz), w.directory, 0);
      CHECK(w.choose(ip(there4, here4, 17, udp(80, 5000))) == by_rps);
      w.steer.set_stack(1, 5);
      const LcoreId elsewhere =
          rps_lcore(rps(mask).lcores(), flow_hash(flow(here4, 80, there4, 5000), w.toeplitz), w.directory, 0);
      CHECK(w.choose(ip(there4, here4, 17, udp(5000, 80))) == elsewhere);
    }
  }
}

TEST_CASE("X21: whether a packet leads elsewhere is what choose() then does, and is asked without a trace") {
  for (const char* mask : {"0", "1", "2", "b"}) {
    for (const LcoreId owner : {0, 1, 3, 9}) {
      for (const bool is_bound : {false, true}) {
        World w;
        w.steer.set_rps(1, 0, rps(mask));
        if (owner != 9) w.tables[owner]->insert(is_bound ? bound_key({here4, 80}, 17, 0) : flow(here4, 80, there4, 5000), &w.object);
        INFO("mask " << mask << " owner " << owner << " bound " << is_bound);
        pkt::Packet packet = w.received(ip(there4, here4, 17, udp(5000, 80)));
        const bool elsewhere = w.steer.leads_elsewhere(w.env, packet);
        for (const auto counter : {stats::Steer::local, stats::Steer::owner, stats::Steer::bound, stats::Steer::rps, stats::Steer::hash_software})
          CHECK(w.counted(counter) == 0);
        const LcoreId chosen = w.choose(std::move(packet));
        CHECK(elsewhere == (chosen != 0));
      }
    }
  }
}

TEST_CASE("F22: changing rps_cpus moves no flow that has an owner") {
  World w;
  w.tables[3]->insert(flow(here4, 80, there4, 5000), &w.object);
  for (int i = 0; i < 1000; ++i) {
    w.steer.set_rps(1, 0, RpsMap::of(static_cast<unsigned long long>(i * 7 % 16)));
    if (w.choose(ip(there4, here4, 17, udp(5000, 80))) != 3) FAIL("moved by mask " << i * 7 % 16);
  }
  w.tables[3]->erase(flow(here4, 80, there4, 5000));
  w.steer.set_rps(1, 0, rps("2"));
  CHECK(w.choose(ip(there4, here4, 17, udp(5000, 80))) == 1);
}

TEST_CASE("F22: a flow without owner goes to an lcore that has its local endpoint bound") {
  for (const char* mask : {"0", "1", "2", "8", "b", "4"}) {
    for (LcoreId binder : {0, 1, 3}) {
      World w;
      INFO("mask " << mask << " bound on " << binder);
      w.steer.set_rps(1, 0, rps(mask));
      w.tables[binder]->insert(bound_key({here4, 80}, 17, 0), &w.object);
      w.tables[binder]->insert(bound_key({IpAddress{}, 80}, 6, 0), &w.object);
      for (std::uint16_t port = 1; port <= 20; ++port) {
        CHECK(w.choose(ip(there4, here4, 17, udp(port, 80))) == binder);
        CHECK(w.choose(ip(there6, here6, 6, tcp(port, 80))) == binder);
      }
      // Another family, address, port, protocol or stack is not what it is bound to.
      const auto by_rps = [&](const IpAddress& to, std::uint16_t port, const IpAddress& from, std::uint8_t proto) {
        return rps_lcore(rps(mask).lcores(), flow_hash(flow(to, port, from, 9, proto), w.toeplitz), w.directory, 0);
      };
      CHECK(w.choose(ip(there6, here6, 17, udp(9, 80))) == by_rps(here6, 80, there6, 17));
      CHECK(w.choose(ip(there4, router4, 17, udp(9, 80))) == by_rps(router4, 80, there4, 17));
      CHECK(w.choose(ip(there4, here4, 17, udp(9, 81))) == by_rps(here4, 81, there4, 17));
      CHECK(w.choose(ip(there4, here4, 6, tcp(9, 80))) == by_rps(here4, 80, there4, 6));
      w.steer.set_stack(1, 5);
      CHECK(w.choose(ip(there4, here4, 17, udp(9, 80))) == by_rps(here4, 80, there4, 17));
    }
  }
}

TEST_CASE("F22: where several lcores have the endpoint bound, rps_cpus chooses; an owner goes first") {
  World w;
  w.steer.set_rps(1, 0, rps("b"));
  for (LcoreId lcore : {0, 1, 3}) w.tables[lcore]->insert(bound_key({IpAddress::v4(0, 0, 0, 0), 80}, 17, 0), &w.object);
  for (std::uint16_t port = 1; port <= 50; ++port)
    CHECK(w.choose(ip(there4, here4, 17, udp(port, 80))) ==
          rps_lcore(rps("b").lcores(), flow_hash(flow(here4, 80, there4, port), w.toeplitz), w.directory, 0));
  CHECK(w.counted(stats::Steer::bound) == 0);
  w.steer.set_rps(1, 0, rps("2"));
  w.tables[3]->insert(flow(here4, 80, there4, 7), &w.object);
  CHECK(w.choose(ip(there4, here4, 17, udp(7, 80))) == 3);
  CHECK(w.counted(stats::Steer::owner) == 1);
  CHECK(w.choose(ip(there4, here4, 17, udp(8, 80))) == 1);
  w.tables[1]->erase(bound_key({IpAddress::v4(0, 0, 0, 0), 80}, 17, 0));
  CHECK(w.choose(ip(there4, here4, 17, udp(8, 80))) == 3);
  CHECK(w.counted(stats::Steer::bound) == 1);
}

TEST_CASE("no packet is taken for a bound endpoint") {
  World w;
  w.tables[1]->insert(bound_key({here4, 80}, 17, 0), &w.object);
  // Its flow key would equal the endpoint's, had the sender chosen 0.0.0.0 port 0, but for FlowKey::bound.
  const FlowKey forged = flow(here4, 80, IpAddress{}, 0);
  CHECK_FALSE(w.tables[1]->contains(forged));
  CHECK(w.directory.bound(forged, 0) == LcoreId{1});
  // An ICMP error concerns whoever sent what it quotes, not whoever listens there.
  CHECK(w.choose(ip(router4, here4, 1, icmp(3, ip(here4, there4, 17, udp(80, 5000))))) == 0);
}

TEST_CASE("a fragment has no flow of its own, so no owner") {
  World w;
  w.tables[1]->insert(flow(here4, 80, there4, 5000), &w.object);
  w.tables[1]->insert(flow(here4, 0, there4, 0), &w.object);
  CHECK(w.choose(ip4(there4, here4, 17, udp(5000, 80), 0, true)) == 0);
}

TEST_CASE("an engine of one lcore decides nothing") {
  World w;
  const Directory one({w.tables[0].get()});
  Steer steer(one, w.toeplitz);
  steer.set_rps(1, 0, rps("3"));
  pkt::Packet p = w.received(ip(there4, here4, 17, udp(1, 2)));
  CHECK(steer.choose(w.env, p).lcore == 0);
  pkt::consume(std::move(p));
  CHECK(w.counted(stats::Steer::local) == 1);
  CHECK(w.counted(stats::Steer::hash_software) == 0);
}

TEST_CASE("ICMP errors go to the owner of the flow that they quote") {
  for (std::uint8_t type : {3, 4, 5, 11, 12}) {
    World w;
    INFO("type " << int{type});
    w.steer.set_rps(1, 0, rps("b"));
    w.tables[1]->insert(flow(here4, 80, there4, 5000), &w.object);
    const Bytes sent = ip(here4, there4, 17, udp(80, 5000));
    CHECK(w.choose(ip(router4, here4, 1, icmp(type, sent))) == 1);
    // Eight bytes behind the IP header are enough, and four for our purpose.
    CHECK(w.choose(ip(router4, here4, 1, icmp(type, Bytes(sent.begin(), sent.begin() + 28)))) == 1);
    CHECK(w.counted(stats::Steer::owner) == 2);
  }
  World w;
  w.tables[3]->insert(flow(here6, 80, there6, 5000), &w.object);
  for (std::uint8_t type : {1, 2, 3, 4})
    CHECK(w.choose(ip(router6, here6, 58, icmp(type, ip(here6, there6, 17, udp(80, 5000))))) == 3);
  const Bytes extended = ip6(here6, there6, 60, Bytes{17, 0, 1, 4, 0, 0, 0, 0} + udp(80, 5000));
  CHECK(w.choose(ip(router6, here6, 58, icmp(1, extended))) == 3);
}

TEST_CASE("an ICMP error about a flow without owner goes where that flow's packets go") {
  World w;
  w.steer.set_rps(1, 0, rps("b"));
  for (std::uint16_t port = 1; port <= 50; ++port) {
    const LcoreId expected = w.choose(ip(there4, here4, 17, udp(port, 53)));
    CHECK(w.choose(ip(router4, here4, 1, icmp(3, ip(here4, there4, 17, udp(53, port))))) == expected);
    const LcoreId expected6 = w.choose(ip(there6, here6, 17, udp(port, 53)));
    CHECK(w.choose(ip(router6, here6, 58, icmp(1, ip(here6, there6, 17, udp(53, port))))) == expected6);
  }
}

TEST_CASE("ICMP that is no error, or quotes too little, is steered by its own addresses") {
  World w;
  w.steer.set_rps(1, 0, rps("b"));
  w.tables[0]->insert(flow(here4, 80, there4, 5000), &w.object);
  w.tables[1]->insert(flow(here4, 80, there4, 5000), &w.object);
  const Bytes sent = ip(here4, there4, 17, udp(80, 5000));
  const LcoreId own4 = rps_lcore(rps("b").lcores(), flow_hash(flow(here4, 0, router4, 0), w.toeplitz), w.directory, 0);
  CHECK(w.choose(ip(router4, here4, 1, icmp(8, sent))) == own4);
  CHECK(w.choose(ip(router4, here4, 1, icmp(0, sent))) == own4);
  for (std::ptrdiff_t length : {0, 1, 19})
    CHECK(w.choose(ip(router4, here4, 1, icmp(3, Bytes(sent.begin(), sent.begin() + length)))) == own4);
  // The quoted header is whole, its ports are not: the addresses that it quotes decide.
  const LcoreId quoted = rps_lcore(rps("b").lcores(), flow_hash(flow(here4, 0, there4, 0), w.toeplitz), w.directory, 0);
  for (std::ptrdiff_t length : {20, 23})
    CHECK(w.choose(ip(router4, here4, 1, icmp(3, Bytes(sent.begin(), sent.begin() + length)))) == quoted);
  const Bytes later = ip4(here4, there4, 17, udp(80, 5000), 1480);
  CHECK(w.choose(ip(router4, here4, 1, icmp(3, later))) == quoted);
  CHECK(w.counted(stats::Steer::owner) == 0);
}

TEST_CASE("an ICMPv6 error cannot name an IPv4 flow") {
  World w;
  w.tables[1]->insert(flow(here4, 80, there4, 5000), &w.object);
  CHECK(w.choose(ip(router6, here6, 58, icmp(1, ip6(here4, there4, 17, udp(80, 5000))))) == 0);
}

TEST_CASE("any bytes where an ICMP error quotes a datagram are read within bounds") {
  World w;
  w.steer.set_rps(1, 0, rps("b"));
  Rng rng(9);
  for (int i = 0; i < 2000; ++i) {
    Bytes body(rng.below(80));
    for (auto& b : body) b = static_cast<std::uint8_t>(rng.next());
    if (!body.empty()) body[0] = static_cast<std::uint8_t>(i % 2 == 0 ? 0x40 | rng.below(16) : 0x60);
    if (body.size() > 6) body[6] = static_cast<std::uint8_t>(std::array{0, 43, 44, 60, 17, 6}[rng.below(6)]);
    const Bytes l3 = i % 2 == 0 ? ip(router4, here4, 1, icmp(3, body)) : ip(router6, here6, 58, icmp(1, body));
    const LcoreId chosen = w.choose(l3);
    if (chosen != 0 && chosen != 1 && chosen != 3) FAIL("lcore " << chosen);
  }
}

TEST_CASE("the directory finds another lcore's flow from anywhere and never one's own") {
  World w;
  const FlowKey key = flow(here4, 80, there4, 5000);
  CHECK_FALSE(w.directory.other_owner(key, 0, 2).has_value());
  w.tables[3]->insert(key, &w.object);
  for (LcoreId first : {0, 1, 2, 3, 9}) {
    CHECK(w.directory.other_owner(key, 0, first) == LcoreId{3});
    CHECK_FALSE(w.directory.other_owner(key, 3, first).has_value());
  }
}
