// SPDX-License-Identifier: BSD-3-Clause
// The loops of B3 and B5 once each, for callgrind to count. Called by main (--callgrind-child), which callgrind.py starts
// under valgrind; that script knows the functions by these names.
#include "tests/bench/bare_loop.hpp"
#include "tests/bench/bench.hpp"
#include "tests/bench/gro.hpp"
#include "tests/bench/port_loops.hpp"
#include "tests/bench/port_ring.hpp"
#include "tests/bench/steer_load.hpp"
#include "tests/bench/steer_peer.hpp"
#include "tests/bench/udp_lwip.hpp"
#include "tests/bench/udp_ours.hpp"

#include <cstdio>
#include <memory>
#include <vector>

extern "C" {
// Not static and not inlined, so that they are in the profile under these names.
[[gnu::noinline]] std::uint64_t mr_count_bare(std::uint16_t port, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_port(millrace::bench::PortRing& ring, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_poll_loop(millrace::bench::PollLoop& loop, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_own(millrace::bench::SteerLoad& load, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_other(millrace::bench::SteerLoad& load, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_rps_off(millrace::bench::SteerLoad& load, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_no_rps(millrace::bench::SteerLoad& load, std::uint64_t packets);
[[gnu::noinline]] std::uint64_t mr_count_lookup(millrace::bench::peer::OwnerLookup& lookup, std::span<millrace::pkt::Mbuf* const> burst, std::uint64_t packets);
[[gnu::noinline]] void mr_count_udp_take(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets);
[[gnu::noinline]] void mr_count_udp_gro(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets);
[[gnu::noinline]] void mr_count_udp_echo(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets);
[[gnu::noinline]] void mr_count_udp_reassemble(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets);
[[gnu::noinline]] void mr_count_lwip_reassemble(millrace::bench::peer::Lwip& lwip, std::span<rte_mbuf* const> packets);
[[gnu::noinline]] void mr_count_udp_send(millrace::bench::UdpOurs& ours, std::uint64_t packets);
[[gnu::noinline]] void mr_count_lwip_send(millrace::bench::peer::Lwip& lwip, std::uint64_t packets);
[[gnu::noinline]] void mr_count_lwip_take(millrace::bench::peer::Lwip& lwip, std::span<rte_mbuf* const> packets);
[[gnu::noinline]] void mr_count_lwip_echo(millrace::bench::peer::Lwip& lwip, std::span<rte_mbuf* const> packets);

void mr_count_udp_take(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets) { ours.receive(packets); }
void mr_count_udp_gro(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets) { ours.receive(packets); }
void mr_count_udp_echo(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets) { ours.receive(packets); }
void mr_count_udp_reassemble(millrace::bench::UdpOurs& ours, std::span<millrace::pkt::Mbuf* const> packets) { ours.receive(packets); }
void mr_count_lwip_reassemble(millrace::bench::peer::Lwip& lwip, std::span<rte_mbuf* const> packets) { lwip.receive(packets); }
void mr_count_udp_send(millrace::bench::UdpOurs& ours, std::uint64_t packets) {
  constexpr std::array<std::uint8_t, 64> bytes{};
  const millrace::Endpoint to{millrace::IpAddress::v4(10, 77, 0, 1), millrace::bench::UdpLoad::remote_port};
  for (; packets > 0; --packets) {
    static_cast<void>(ours.socket().send_to(bytes, to));
    ours.flush();
  }
}
void mr_count_lwip_send(millrace::bench::peer::Lwip& lwip, std::uint64_t packets) {
  constexpr std::array<std::uint8_t, 64> bytes{};
  lwip.send(bytes, packets);
}
void mr_count_lwip_take(millrace::bench::peer::Lwip& lwip, std::span<rte_mbuf* const> packets) { lwip.receive(packets); }
void mr_count_lwip_echo(millrace::bench::peer::Lwip& lwip, std::span<rte_mbuf* const> packets) { lwip.receive(packets); }

std::uint64_t mr_count_bare(std::uint16_t port, std::uint64_t packets) {
  return millrace::bench::peer::bare_loop_avx2(port, packets);
}
std::uint64_t mr_count_port(millrace::bench::PortRing& ring, std::uint64_t packets) {
  return millrace::bench::port_loop(ring.ends(), packets);
}
std::uint64_t mr_count_poll_loop(millrace::bench::PollLoop& loop, std::uint64_t packets) { return loop.run(packets); }
std::uint64_t mr_count_own(millrace::bench::SteerLoad& load, std::uint64_t packets) { return load.steer_all(packets); }
std::uint64_t mr_count_rps_off(millrace::bench::SteerLoad& load, std::uint64_t packets) { return load.steer_all(packets); }
std::uint64_t mr_count_no_rps(millrace::bench::SteerLoad& load, std::uint64_t packets) { return load.steer_all_without_rps(packets); }
std::uint64_t mr_count_other(millrace::bench::SteerLoad& load, std::uint64_t packets) { return load.steer_all(packets); }
std::uint64_t mr_count_lookup(millrace::bench::peer::OwnerLookup& lookup, std::span<millrace::pkt::Mbuf* const> burst, std::uint64_t packets) {
  std::array<std::uint16_t, millrace::bench::peer::OwnerLookup::burst> owners;
  std::uint64_t done = 0;
  for (; done < packets; done += owners.size()) lookup.look_up(millrace::bench::rte(const_cast<millrace::pkt::Mbuf**>(burst.data())), owners.data());
  return done;
}
}

namespace millrace::bench {

namespace {

void print(const char* loop, std::uint64_t packets) { std::printf("%s %llu\n", loop, static_cast<unsigned long long>(packets)); }

void count_steering(std::uint64_t packets) {
  constexpr std::uint32_t flows = 64;
  {
    SteerLoad own(flows, 0);
    print("mr_count_own", mr_count_own(own, packets));
  }
  {
    SteerLoad off(flows, 0, false);
    print("mr_count_rps_off", mr_count_rps_off(off, packets));
    print("mr_count_no_rps", mr_count_no_rps(off, packets));
  }
  SteerLoad other(flows, 1);
  print("mr_count_other", mr_count_other(other, packets));
  peer::OwnerLookup lookup(SteerLoad::table_flows);
  for (const FlowKey& flow : other.flows()) static_cast<void>(lookup.insert(flow, 1));
  print("mr_count_lookup", mr_count_lookup(lookup, other.packets(), packets));
}

/// They know each other's link addresses, and lwIP to whom it sends.
template <class Side>
void introduce(UdpLoad& load, Side& side) {
  UdpLoad arp({arp_request()});
  arp.prepare();
  side.receive(UdpLoad::as<typename Side::Buffer>(arp.packets()));
  load.prepare();
  side.receive(UdpLoad::as<typename Side::Buffer>(load.packets()));
}

template <class Side, class Count>
void count_datagrams(const char* loop, UdpLoad& load, Side& side, std::uint64_t packets, Count&& count) {
  introduce(load, side);
  std::uint64_t done = 0;
  for (; done < packets; done += load.frames().size()) {
    load.prepare();
    count(side, UdpLoad::as<typename Side::Buffer>(load.packets()));
  }
  print(loop, done);
}

void count_udp(std::uint64_t packets) {
  constexpr std::size_t payload = 64;
  UdpLoad load(datagrams(64, payload));
  UdpLoad fragments(fragments_of(5888, 1));
  const auto ours = [&](const char* loop, UdpWork work, auto count, bool merges = false) {
    const auto side = std::make_unique<UdpOurs>(load.pool(), UdpOurs::Wanted{.work = work, .merges = merges});
    count_datagrams(loop, load, *side, packets, count);
  };
  ours("mr_count_udp_take", UdpWork::take, mr_count_udp_take);
  ours("mr_count_udp_gro", UdpWork::take, mr_count_udp_gro, true);
  ours("mr_count_udp_echo", UdpWork::echo, mr_count_udp_echo);
  UdpOurs whole(load.pool(), {});
  count_datagrams("mr_count_udp_reassemble", fragments, whole, packets, mr_count_udp_reassemble);
  print("mr_count_udp_send", packets);
  mr_count_udp_send(whole, packets);
  const auto lwip = [&](const char* loop, UdpWork work, auto count, UdpLoad& of) {
    peer::Lwip side(work);
    count_datagrams(loop, of, side, packets, count);
  };
  lwip("mr_count_lwip_take", UdpWork::take, mr_count_lwip_take, load);
  lwip("mr_count_lwip_echo", UdpWork::echo, mr_count_lwip_echo, load);
  {
    peer::Lwip sender(UdpWork::take);
    introduce(load, sender);
    print("mr_count_lwip_send", packets);
    mr_count_lwip_send(sender, packets);
  }
  lwip("mr_count_lwip_reassemble", UdpWork::take, mr_count_lwip_reassemble, fragments);
}

}  // namespace

void run_under_callgrind(std::uint64_t packets) {
  count_steering(packets);
  count_udp(packets);
  PortRing ring;
  PollLoop loop(ring.ends());
  std::printf("mr_count_bare %llu\n", static_cast<unsigned long long>(mr_count_bare(ring.port_id(), packets)));
  std::printf("mr_count_port %llu\n", static_cast<unsigned long long>(mr_count_port(ring, packets)));
  std::printf("mr_count_poll_loop %llu\n", static_cast<unsigned long long>(mr_count_poll_loop(loop, packets)));
}

}  // namespace millrace::bench
