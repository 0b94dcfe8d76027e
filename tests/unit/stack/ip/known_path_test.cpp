// SPDX-License-Identifier: BSD-3-Clause
// What is sent as the datagram before it was takes a short way out, which differs in nothing but its cost.
#include <millrace/base/rng.hpp>
#include <millrace/stack/udp/udp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/counts.hpp"
#include "tests/support/scripted_host.hpp"
#include "tests/support/seed.hpp"

#include <array>

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress any4 = addr("0.0.0.0"), any6 = addr("::"), other4 = addr("10.77.0.3"), second4 = addr("10.77.0.9");
const IpAddress far4 = addr("192.0.2.1"), far6 = addr("2001:db8::1");

struct Host : ScriptedHost {
  /// A hook lets everything pass, and nothing go the short way.
  explicit Host(bool goes_short_way) {
    knows_peer();
    REQUIRE(ip.neighbors().add_permanent(interface, other4, peer_mac));
    if (goes_short_way) return;
    ip.hooks().add(1, ip::Hook::post_routing, 0, [](const ip::HookState&, pkt::Packet&) { return ip::HookVerdict::accept; });
  }
  udp::Socket* bound(const Endpoint& local) {
    udp::Socket* const socket = udp.open(nullptr);
    REQUIRE(udp.bind(*socket, local) == 0);
    return socket;
  }
  /// Packets of which one is as long as it is told, in one call or in one each; what is left behind a failure is thrown away.
  std::int64_t send_some(udp::Socket& socket, std::size_t count, std::size_t size, const Endpoint& to, bool at_once) {
    pkt::PacketList payloads;
    for (std::size_t n = 0; n < count; ++n) {
      pkt::Packet payload = pool.packet(counting(n == 1 ? std::min<std::size_t>(size, 1800) : n));
      // Too little in front for the headers.
      if (const auto bytes = static_cast<std::uint16_t>(payload.headroom() - 10); n == 3) std::fill_n(payload.prepend(bytes), bytes, std::uint8_t{});
      payloads.push_back(std::move(payload));
    }
    std::int64_t sent = 0;
    if (at_once) {
      sent = udp.send_packets(socket, payloads, to);
    } else {
      while (pkt::Packet payload = payloads.pop_front()) {
        const std::int64_t result = udp.send_packet(socket, std::move(payload), &to);
        if (result < 0) sent = sent != 0 ? sent : result;
        if (result < 0) break;
        ++sent;
      }
    }
    while (pkt::Packet left = payloads.pop_front()) consume(env, std::move(left), stats::Ledger::used);
    return sent;
  }
  /// All that is counted of what goes out.
  [[nodiscard]] std::vector<std::uint64_t> counts() const { return counts_but_lookups(stats.ip, stats.ip6, stats.udp, stats.udp6, stats.neighbor, stats.drop); }
  udp::Socket* socket4 = bound({any4, 1000});
  udp::Socket* socket6 = bound({any6, 1001});
};

/// By one neighbour, by the other, or no way.
void route_to_far(Host& host, std::uint64_t choice) {
  const IpPrefix far{addr("192.0.2.0"), 24};
  static_cast<void>(host.ip.remove_route(far));
  if (choice != 2) static_cast<void>(host.ip.add_route(far, choice == 0 ? peer4 : other4, host.interface));  // where there is an address
}

}  // namespace

TEST_CASE("H3: whatever is sent, and whatever changes meanwhile, the frames and counters are those of the long way") {
  INFO("MILLRACE_SEED=" << seed());
  Rng rng(seed());
  std::array<Host, 2> hosts{Host(true), Host(false)};
  const auto on_both = [&](auto&& f) {
    for (Host& host : hosts) f(host);
  };
  Endpoint to{peer4, 7};
  std::size_t frames = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto choice = rng.next();
    switch (rng.next() % 60) {
      case 0: {
        const std::array<IpAddress, 8> all{peer4, peer4, other4, far4, peer6, far6, addr("10.77.0.255"), addr("224.0.0.9")};
        to = {all[choice % all.size()], static_cast<std::uint16_t>(7 + choice / 8 % 2)};
        break;
      }
      case 1: on_both([&](Host& host) { host.socket4->hop_limit = static_cast<std::uint8_t>(choice % 3); }); break;
      case 2: on_both([&](Host& host) { host.socket4->traffic_class = static_cast<std::uint8_t>(choice % 4); }); break;
      case 3: on_both([&](Host& host) { host.socket4->mtu_discover = static_cast<udp::MtuDiscover>(choice % 6); }); break;
      case 4: on_both([&](Host& host) { host.socket6->hop_limit_v6 = static_cast<std::uint8_t>(choice % 3); }); break;
      case 5: on_both([&](Host& host) { host.socket6->traffic_class_v6 = static_cast<std::uint8_t>(choice % 4); }); break;
      case 6: on_both([&](Host& host) { host.socket6->mtu_discover_v6 = static_cast<udp::MtuDiscover>(choice % 6); }); break;
      case 7: on_both([&](Host& host) { host.socket4->segment_size = choice % 4 == 0 ? 100 : 0; }); break;
      case 8: on_both([&](Host& host) { host.socket4->broadcast = choice % 2 == 0; }); break;
      case 9: on_both([&](Host& host) { host.interface.mtu = choice % 2 == 0 ? 1500 : 1280; }); break;
      case 10: on_both([&](Host& host) { host.ip.learn_path_mtu(to.address, choice % 2 == 0 ? 600 : 1300); }); break;
      case 11: on_both([&](Host& host) { host.ip.set_default_hop_limit(static_cast<std::uint8_t>(60 + choice % 3)); }); break;
      case 12: on_both([&](Host& host) { host.interface.hop_limit_v6 = static_cast<std::uint8_t>(choice % 3); }); break;
      case 13: {
        const std::array states{neighbor::State::permanent, neighbor::State::reachable, neighbor::State::stale};
        const MacAddress mac{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(choice % 5)}};
        on_both([&](Host& host) { REQUIRE(host.ip.neighbors().put(host.interface, other4, mac, states[choice % states.size()])); });
        break;
      }
      case 14: on_both([&](Host& host) { static_cast<void>(host.ip.neighbors().remove(host.interface, other4)); }); break;
      case 15: on_both([&](Host& host) { static_cast<void>(choice % 2 == 0 ? host.ip.add_address(host.interface, {second4, 24}) : host.ip.remove_address(host.interface, {second4, 24})); }); break;
      case 16: on_both([](Host& host) { host.advance(1s); }); break;
      case 17: on_both([&](Host& host) { static_cast<void>(host.udp.connect(*host.socket4, {choice % 2 == 0 ? peer4 : other4, 7})); }); break;
      case 18: on_both([&](Host& host) { route_to_far(host, choice % 3); }); break;
      case 19: on_both([&](Host& host) { static_cast<void>(choice % 2 == 0 ? host.ip.remove_address(host.interface, {host4, 24}) : host.ip.add_address(host.interface, {host4, 24})); }); break;
      default: break;
    }
    const std::size_t size = rng.next() % 8 == 0 ? rng.next() % 3000 : rng.next() % 40;
    const udp::SendControl control{.hop_limit = rng.next() % 16 == 0 ? std::optional<std::uint8_t>(9) : std::nullopt};
    const std::size_t count = rng.next() % 4 == 0 ? 1 + rng.next() % 5 : 0;
    std::array<std::int64_t, 2> results{};
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      udp::Socket& socket = to.address.is_v4() ? *hosts[i].socket4 : *hosts[i].socket6;
      results[i] = count != 0 ? hosts[i].send_some(socket, count, size, to, i == 0) : hosts[i].udp.send_to(socket, counting(size), &to, control);
    }
    INFO("round " << round << " to " << to.to_string() << ", " << size << " bytes");
    REQUIRE(results[0] == results[1]);
    const auto sent = hosts[0].wire.take();
    REQUIRE(sent == hosts[1].wire.take());
    REQUIRE(hosts[0].counts() == hosts[1].counts());
    REQUIRE(hosts[0].state_of(other4) == hosts[1].state_of(other4));
    frames += sent.size();
  }
  CHECK(frames > 5000);
}

TEST_CASE("H3: what a socket sends to one end asks for route and neighbour once, and counts each use of the neighbour") {
  Host host(true);
  const Endpoint to{peer4, 7};
  const std::uint64_t lookups = host[stats::Ip::FibLookups];
  for (int i = 0; i < 5; ++i) CHECK(host.udp.send_to(*host.socket4, counting(4), &to) == 4);
  CHECK(host[stats::Ip::FibLookups] - lookups == 1);
  CHECK(host[stats::Neighbor::hits] == 5);
  CHECK(host[stats::Ip::OutRequests] == 5);
  CHECK(host.wire.take().size() == 5);
}

TEST_CASE("H3: a packet whose bytes others read, or without room in front, is sent behind a buffer of its own") {
  Host host(true);
  const Endpoint to{peer4, 7};
  pkt::Packet whole = host.pool.packet(counting(100));
  pkt::Packet reference = make_reference(host.env, whole, 10, 50);
  CHECK(host.udp.send_packet(*host.socket4, std::move(reference), &to) == 50);
  CHECK(bytes_of(whole) == counting(100));
  consume(host.env, std::move(whole), stats::Ledger::used);
  const Bytes frame = host.wire.take_one();
  CHECK(has_right_checksums(frame));
  const Bytes all = counting(100);
  CHECK(behind(frame, 42) == Bytes(all.begin() + 10, all.begin() + 60));

  pkt::Packet low = host.pool.packet(counting(4));
  low.prepend(100);
  CHECK(host.udp.send_packet(*host.socket4, std::move(low), &to) == 104);
  CHECK(has_right_checksums(host.wire.take_one()));
}
