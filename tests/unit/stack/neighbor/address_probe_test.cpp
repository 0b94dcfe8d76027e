// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/neighbor/address_probe.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

#include <optional>

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress wanted = addr("10.77.0.77");
constexpr MacAddress other_mac{{2, 0, 0, 0, 0, 9}};

struct Probing {
  ScriptedHost host;
  std::optional<bool> is_free;
  neighbor::AddressProbe probe{host.env, host.ip.neighbors(), host.interface, wanted, [this](bool free) { is_free = free; }};
};

}  // namespace

TEST_CASE("I1: RFC 5227 2.1.1: three probes that claim nothing, two seconds of silence, and the address is free") {
  Probing p;
  std::vector<Instant> times;
  const Instant begin = p.host.env.now;
  for (int ms = 0; ms < 9000 && !p.is_free; ++ms) {
    for (const Bytes& frame : p.host.wire.take()) {
      const wire::ArpPacket arp = wire::ArpView::parse(behind(frame, 14))->packet();
      CHECK(arp == wire::ArpPacket{wire::arp_op::request, host_mac, addr("0.0.0.0"), MacAddress{}, wanted});
      times.push_back(p.host.env.now);
    }
    p.host.advance(1ms);
  }
  REQUIRE(times.size() == 3);
  CHECK(times[0] - begin <= 1001ms);
  for (int i : {0, 1}) {
    const Duration pause = times[static_cast<std::size_t>(i) + 1] - times[static_cast<std::size_t>(i)];
    CHECK(pause >= 1s);
    CHECK(pause <= 2s);
  }
  CHECK(p.host.env.now - times[2] >= 2s);
  CHECK(p.host.env.now - times[2] <= 2002ms);
  CHECK(p.is_free == true);
}

TEST_CASE("I1: who has the address, and who probes for it at the same time, ends the probe") {
  const wire::ArpPacket claims[] = {{wire::arp_op::reply, other_mac, wanted, host_mac, addr("0.0.0.0")},
                                    {wire::arp_op::request, other_mac, wanted, {}, peer4},
                                    {wire::arp_op::request, other_mac, addr("0.0.0.0"), {}, wanted}};
  for (const wire::ArpPacket& claim : claims) {
    Probing p;
    p.host.advance(2s);
    p.host.receives(arp_frame(claim, all_macs));
    CHECK(p.is_free == false);
    (void)p.host.wire.take();
    p.host.advance(10s);
    CHECK(p.host.wire.take().empty());
  }
}

TEST_CASE("I1: our own probe that comes back and talk of other addresses say nothing against it") {
  Probing p;
  p.host.advance(2s);
  p.host.receives(arp_frame({wire::arp_op::request, host_mac, addr("0.0.0.0"), {}, wanted}, all_macs));
  p.host.receives(arp_frame({wire::arp_op::request, other_mac, peer4, {}, wanted}, all_macs));
  p.host.receives(arp_frame({wire::arp_op::request, other_mac, addr("0.0.0.0"), {}, addr("10.77.0.78")}, all_macs));
  CHECK_FALSE(p.is_free);
  p.host.advance(7s);
  CHECK(p.is_free == true);
}
