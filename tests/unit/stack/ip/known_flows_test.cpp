// SPDX-License-Identifier: BSD-3-Clause
// Datagrams of flows that are known take a short way through IP, which differs in nothing but its cost.
#include <millrace/base/rng.hpp>
#include <millrace/bpf/filter.hpp>
#include <millrace/pkt/packet_info.hpp>
#include <millrace/wire/ipv4.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/counts.hpp"
#include "tests/support/scripted_host.hpp"
#include "tests/support/seed.hpp"

#include <array>
#include <sstream>

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress any4 = addr("0.0.0.0"), any6 = addr("::"), other4 = addr("10.77.0.3"), other6 = addr("fd00:77::3");
const IpAddress far4 = addr("192.0.2.1"), far6 = addr("2001:db8::1");

/// What a user of sockets sees, line by line.
struct Diary final : udp::Events {
  explicit Diary(udp::Udp& of) : udp(of) {}
  void on_readable(udp::Socket& socket) override {
    Bytes into(256);
    Endpoint from;
    const std::int64_t n = udp.recv_from(socket, into, &from);
    text << socket.local().port << " < " << from.to_string() << ' ' << n << ' ' << static_cast<int>(into[0]) << '\n';
  }
  void on_error(udp::Socket&, int error) override { text << "error " << error << '\n'; }
  udp::Udp& udp;
  std::ostringstream text;
};

struct Host : ScriptedHost {
  explicit Host(bool knows) {
    knows_peer();
    for (const IpAddress& address : {other4, other6}) REQUIRE(ip.neighbors().add_permanent(interface, address, peer_mac));
    ip.configure_early_demux({.udp = knows});
  }
  udp::Socket& bound(const Endpoint& local) {
    udp::Socket* const socket = udp.open(&diary);
    REQUIRE(socket != nullptr);
    REQUIRE(udp.bind(*socket, local) == 0);
    return *socket;
  }
  std::uint64_t lookups(const Bytes& frame) {
    const std::uint64_t before = stats.ip[stats::Ip::FibLookups];
    receives(frame);
    return stats.ip[stats::Ip::FibLookups] - before;
  }
  /// All that is counted of IP, UDP and ICMP, and of what was dropped, but for the lookups.
  [[nodiscard]] std::vector<std::uint64_t> counts() const { return counts_but_lookups(stats.ip, stats.ip6, stats.udp, stats.udp6, stats.icmp, stats.icmp6, stats.drop, stats.ledger); }
  Diary diary{udp};
};

Bytes datagram(bool v4, std::uint16_t from = 999, std::uint16_t to = 7, const IpAddress& source4 = peer4, const IpAddress& source6 = peer6) {
  const IpAddress& source = v4 ? source4 : source6;
  const IpAddress& host = v4 ? host4 : host6;
  return ip_frame(wire::ip_proto::udp, udp_datagram(from, to, counting(40), source, host), source, host);
}

using Sockets = std::array<std::vector<udp::Socket*>, 2>;

void open_any(std::uint64_t choice, Host& host, std::vector<udp::Socket*>& open) {
  udp::Socket* const socket = host.udp.open(&host.diary);
  socket->reuse_address = true;
  const std::array<IpAddress, 4> to{any4, host4, any6, host6};
  const auto port = static_cast<std::uint16_t>(7 + choice / 64 % 3);
  if (host.udp.bind(*socket, {to[choice % 4], port}) != 0) return host.udp.close(*socket);  // the address is away
  socket->wants_info = choice % 32 == 3;
  host.udp.set_gro(*socket, choice % 32 == 5);
  if (choice % 32 == 7) socket->filter = *bpf::Filter::load(std::array{bpf::Instruction{0x06, 0, 0, 20}});  // ret 20: cut to that
  if (choice % 16 > 11) static_cast<void>(host.udp.connect(*socket, {to[choice % 4].is_v4() ? peer4 : peer6, 999}));
  open.push_back(socket);
}

/// A socket comes or goes, or an address and the rules of forwarding change.
void happen(std::uint64_t event, std::uint64_t choice, Host& host, std::vector<udp::Socket*>& open) {
  if (event == 0) return open_any(choice, host, open);
  if (event == 1) {
    if (open.empty()) return;
    const auto at = open.begin() + static_cast<std::ptrdiff_t>(choice % open.size());
    host.udp.close(**at);
    open.erase(at);
    return;
  }
  host.ip.configure_forwarding({.rp_filter = static_cast<std::uint8_t>(choice % 3)});
  if (choice % 2 == 0) {
    static_cast<void>(host.ip.remove_address(host.interface, {host4, 24}));
  } else {
    static_cast<void>(host.ip.add_address(host.interface, {host4, 24}));
  }
}

/// One of a few flows, right or wrong.
std::pair<Bytes, Arrival> any_datagram(Rng& rng) {
  const bool v4 = rng.next() % 2 == 0;
  const std::size_t ip_at = 14;
  const std::size_t udp_at = ip_at + (v4 ? 20u : 40u);
  const std::array<IpAddress, 6> sources4{peer4, peer4, peer4, other4, host4, far4}, sources6{peer6, peer6, peer6, other6, host6, far6};
  const std::size_t source = rng.next() % sources4.size();
  const auto from = static_cast<std::uint16_t>(999 + rng.next() % 2);
  Bytes frame = datagram(v4, from, static_cast<std::uint16_t>(7 + rng.next() % 3), sources4[source], sources6[source]);
  Arrival arrival;
  switch (rng.next() % 16) {
    case 0: frame[ip_at + rng.next() % (frame.size() - ip_at)] ^= static_cast<std::uint8_t>(1u << rng.next() % 8); break;
    case 1: frame.resize(udp_at + rng.next() % 48); break;
    case 2: frame.resize(frame.size() + 1 + rng.next() % 20, 0xee); break;
    case 3: arrival.first_buffer = udp_at + rng.next() % 20; break;
    case 4: store_be16(&frame[udp_at + 6], 0); break;
    case 5: arrival.checksum = pkt::ChecksumVerdict::bad; break;
    case 6: frame[0] ^= 1; break;  // to a group of the link
    case 7: frame[ip_at + 1] ^= static_cast<std::uint8_t>(rng.next() % 4); break;
    case 8: arrival = {.checksum = pkt::ChecksumVerdict::good, .gso_segs = 2, .gso_size = 20}; break;
    default: break;
  }
  return {std::move(frame), arrival};
}

}  // namespace

TEST_CASE("H3: the first datagram of a flow is routed, those behind it are not, without a connected socket, too") {
  for (const bool v4 : {true, false}) {
    Host host(true);
    host.bound({v4 ? any4 : any6, 7});
    CHECK(host.lookups(datagram(v4)) == 1);
    CHECK(host.lookups(datagram(v4)) == 0);
    CHECK(host.lookups(datagram(v4)) == 0);
    CHECK(host.lookups(datagram(v4, 998)) == 1);
    CHECK(host.lookups(datagram(v4, 998)) == 0);
    CHECK(host.diary.text.str().find("7 < ") == 0);
    host.ip.configure_early_demux({.udp = false});
    CHECK(host.lookups(datagram(v4)) == 1);
    CHECK((v4 ? host.stats.udp : host.stats.udp6)[stats::Udp::InDatagrams] == 6);
  }
}

TEST_CASE("H3: where no socket is, nothing is known: each datagram is answered") {
  Host host(true);
  for (int i = 0; i < 3; ++i) CHECK(host.lookups(datagram(true)) >= 1);
  CHECK(host[stats::Udp::NoPorts] == 3);
}

TEST_CASE("H3: a socket that is bound, connected or closed is seen by the flow's next datagram") {
  Host host(true);
  udp::Socket& any = host.bound({any4, 7});
  host.receives(datagram(true));
  host.receives(datagram(true));
  any.reuse_address = true;
  udp::Socket* const exact = host.udp.open(&host.diary);
  exact->reuse_address = true;
  REQUIRE(host.udp.bind(*exact, {host4, 7}) == 0);
  exact->rcvbuf = 0;  // takes one datagram, which nobody reads: its user has gone
  host.receives(datagram(true));
  REQUIRE(host.udp.connect(*exact, {peer4, 999}) == 0);
  host.receives(datagram(true));
  REQUIRE(host.udp.connect(*exact, {peer4, 1000}) == 0);
  const std::uint64_t before = any.id();
  host.receives(datagram(true));
  CHECK(any.id() == before);
  host.udp.close(any);
  host.udp.close(*exact);
  host.receives(datagram(true));
  CHECK(host[stats::Udp::NoPorts] == 1);
  CHECK(host[stats::Udp::InDatagrams] == 5);
}

TEST_CASE("H3: a hook sees every datagram, whatever was known before") {
  Host host(true);
  host.bound({any4, 7});
  host.receives(datagram(true));
  host.receives(datagram(true));
  int seen = 0;
  host.ip.hooks().add(1, ip::Hook::local_in, 0, [&](const ip::HookState&, pkt::Packet&) {
    ++seen;
    return ip::HookVerdict::accept;
  });
  host.receives(datagram(true));
  host.receives(datagram(true));
  CHECK(seen == 2);
}

TEST_CASE("H3: whatever comes, and whatever happens to the sockets meanwhile, counters and sockets are the same") {
  INFO("MILLRACE_SEED=" << seed());
  Rng rng(seed());
  REQUIRE(pkt::register_packet_info());
  std::array<Host, 2> hosts{Host(true), Host(false)};
  Sockets sockets;
  for (int round = 0; round < 4000; ++round) {
    if (const auto event = rng.next() % 30; event < 3) {
      const auto choice = rng.next();
      for (std::size_t i = 0; i < hosts.size(); ++i) happen(event, choice, hosts[i], sockets[i]);
    }
    std::vector<std::pair<Bytes, Arrival>> burst;
    for (auto n = 1 + rng.next() % 12; n > 0; --n) burst.push_back(any_datagram(rng));
    hosts[0].receives(burst);
    for (const auto& [frame, arrival] : burst) hosts[1].receives(frame, arrival);
    if (round % 8 == 0)
      for (Host& host : hosts) host.advance(10ms);
    INFO("round " << round);
    REQUIRE(hosts[0].counts() == hosts[1].counts());
    REQUIRE(hosts[0].wire.take() == hosts[1].wire.take());
  }
  CHECK(hosts[0].diary.text.str() == hosts[1].diary.text.str());
  CHECK(hosts[0].stats.ip[stats::Ip::FibLookups] < hosts[1].stats.ip[stats::Ip::FibLookups]);
  CHECK(hosts[0][stats::Udp::InDatagrams] > 500);
  for (std::size_t i = 0; i < hosts.size(); ++i)
    for (udp::Socket* socket : sockets[i]) hosts[i].udp.close(*socket);
}
