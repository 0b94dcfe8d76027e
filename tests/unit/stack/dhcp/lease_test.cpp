// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/dhcp/lease.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::dhcp;
using test::addr;

namespace {

wire::DhcpMessage offer(const char* yiaddr = "10.77.0.50", const char* mask = "255.255.255.0") {
  wire::DhcpMessage message{.type = wire::DhcpType::offer, .is_reply = true, .yiaddr = addr(yiaddr), .server_id = addr("10.77.0.1"), .lease_s = 3600};
  if (mask != nullptr) message.subnet_mask = addr(mask);
  return message;
}

}  // namespace

TEST_CASE("H16: only an address that a host can have is taken") {
  for (const char* bad : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "10.77.0.0", "10.77.0.255"}) {
    INFO(bad);
    CHECK_FALSE(lease_of(offer(bad)));
  }
  CHECK(lease_of(offer("10.77.0.0", "255.255.255.254")));  // RFC 3021
  CHECK(lease_of(offer("10.77.0.255", "255.255.255.255")));
}

TEST_CASE("H16: the mask gives the prefix; without one the address's class does, one with a hole none") {
  const std::tuple<const char*, const char*, int> cases[] = {
      {"10.77.0.50", "255.255.255.0", 24}, {"10.77.0.50", "255.255.255.255", 32}, {"10.77.0.50", "128.0.0.0", 1},
      {"10.77.0.50", nullptr, 8},          {"172.16.0.50", nullptr, 16},          {"192.168.0.50", "0.0.0.0", 24},
  };
  for (const auto& [address, mask, length] : cases) {
    const auto lease = lease_of(offer(address, mask));
    REQUIRE(lease);
    CHECK(lease->address == IpPrefix{addr(address), static_cast<std::uint8_t>(length)});
  }
  for (const char* mask : {"255.0.255.0", "0.255.255.255", "255.255.255.1"}) CHECK_FALSE(lease_of(offer("10.77.0.50", mask)));
}

TEST_CASE("H16: RFC 2131 4.4.5: T1 is half of the lease and T2 seven eighths of it, unless the server says what can be obeyed") {
  struct Case {
    std::optional<std::uint32_t> t1, t2;
    std::uint32_t lease;
    Duration t1_is, t2_is, lasts;
  };
  const std::uint32_t inf = wire::dhcp_infinity;
  const Case cases[] = {
      {{}, {}, 3600, 1800s, 3150s, 3600s},
      {{}, {}, 1, 500ms, 875ms, 1s},
      {600, 1200, 3600, 600s, 1200s, 3600s},
      {600, {}, 3600, 600s, 3150s, 3600s},
      {{}, 3000, 3600, 1800s, 3000s, 3600s},
      {1200, 600, 3600, 1800s, 3150s, 3600s},   // T1 behind T2
      {600, 600, 3600, 1800s, 3150s, 3600s},
      {600, 3600, 3600, 1800s, 3150s, 3600s},   // T2 not before the end
      {4000, 5000, 3600, 1800s, 3150s, 3600s},
      {0, 0, 3600, 1800s, 3150s, 3600s},
      {{}, 600, 3600, 1800s, 3150s, 3600s},     // half of the lease is behind it
      {inf, inf, 3600, 1800s, 3150s, 3600s},
      {{}, {}, inf, for_ever, for_ever, for_ever},
      {600, {}, inf, 600s, for_ever, for_ever},
      {600, 700, inf, 600s, 700s, for_ever},
      {{}, 700, inf, for_ever, for_ever, for_ever},
      {{}, {}, inf - 1, Duration(2147483647s), Duration(4294967294s) / 8 * 7, 4294967294s},
  };
  for (const Case& c : cases) {
    wire::DhcpMessage message = offer();
    message.renewal_s = c.t1;
    message.rebinding_s = c.t2;
    message.lease_s = c.lease;
    const auto lease = lease_of(message);
    REQUIRE(lease);
    INFO(c.lease);
    CHECK(lease->t1 == c.t1_is);
    CHECK(lease->t2 == c.t2_is);
    CHECK(lease->lasts == c.lasts);
  }
  CHECK(after(Instant{} + 1h, for_ever) == never);
}

TEST_CASE("H16: RFC 3442: where there are classless routes, routers are not heeded; of several routers the first counts") {
  wire::DhcpMessage message = offer();
  message.routers = {addr("10.77.0.1"), addr("10.77.0.2")};
  REQUIRE(lease_of(message)->routes.size() == 1);
  CHECK(lease_of(message)->routes[0] == wire::ClasslessRoute{{addr("0.0.0.0"), 0}, addr("10.77.0.1")});
  message.routes = {{{addr("10.9.0.0"), 16}, addr("10.77.0.3")}};
  CHECK(lease_of(message)->routes == message.routes);
  message.routes.clear();
  message.routers = {addr("0.0.0.0")};
  CHECK(lease_of(message)->routes.empty());
}

TEST_CASE("H16: an MTU below 576 is none; a broadcast address off the prefix is none; name servers that nobody can be are passed over") {
  wire::DhcpMessage message = offer();
  for (const std::uint16_t mtu : {68, 575}) {
    message.mtu = mtu;
    CHECK(lease_of(message)->mtu == 0);
  }
  message.mtu = 576;
  CHECK(lease_of(message)->mtu == 576);
  for (const char* bad : {"10.78.0.255", "10.77.0.50"}) {
    message.broadcast_address = addr(bad);
    CHECK(lease_of(message)->broadcast.is_unspecified());
  }
  message.broadcast_address = addr("10.77.0.127");
  CHECK(lease_of(message)->broadcast == addr("10.77.0.127"));
  message.name_servers = {addr("0.0.0.0"), addr("10.77.0.53"), addr("224.0.0.1")};
  CHECK(lease_of(message)->name_servers == std::vector{addr("10.77.0.53")});
  message.server_id = addr("0.0.0.0");
  CHECK_FALSE(lease_of(message));
}
