// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/redirects.hpp>

#include <millrace/wire/icmp4.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

const IpAddress far_away = addr("192.0.2.1"), better = addr("10.77.0.9");

struct RoutedHost : ScriptedHost {
  RoutedHost() { REQUIRE(ip.add_route({addr("0.0.0.0"), 0}, peer4, interface)); }
  void redirect(const IpAddress& from, const IpAddress& gateway, const IpAddress& destination = far_away, std::uint8_t code = 1,
                const IpAddress& source = host4) {
    Bytes quote(28);
    wire::emit(wire::Ipv4Header{.source = source, .destination = destination, .total_length = 28, .proto = wire::ip_proto::udp}, quote.data());
    receives(ip_frame(wire::ip_proto::icmp, icmp4_message(wire::icmp4_type::redirect, code, gateway.v4_number(), quote), from, host4));
  }
  [[nodiscard]] IpAddress gateway(const IpAddress& to = far_away) const { return ip.routes().lookup(to)->gateway; }
};

}  // namespace

TEST_CASE("H13: RFC 1122 3.2.2.2: the first hop's redirect is a route to that destination, for five minutes") {
  RoutedHost host;
  host.redirect(peer4, better);
  CHECK(host.gateway() == better);
  CHECK(host.gateway(addr("192.0.2.2")) == peer4);
  CHECK(host[stats::Icmp::InRedirects] == 1);
  CHECK(host[stats::Neighbor::redirects] == 1);
  host.advance(299s);
  CHECK(host.gateway() == better);
  host.advance(1s);
  CHECK(host.gateway() == peer4);
}

TEST_CASE("H13: RFC 1122 3.2.2.2: a redirect of another than the first hop, to another link, to ourselves or about what we did not send is refused") {
  RoutedHost host;
  host.redirect(addr("10.77.0.8"), better);
  host.redirect(peer4, addr("198.51.100.1"));
  host.redirect(peer4, host4);
  host.redirect(peer4, peer4);
  host.redirect(peer4, addr("10.77.0.255"));
  host.redirect(peer4, better, far_away, 1, addr("10.77.0.5"));
  CHECK(host.gateway() == peer4);
  CHECK(host.drops(stats::DropReason::redirect_refused) == 6);
  host.redirect(peer4, better, far_away, 4);  // no such code
  CHECK(host.drops(stats::DropReason::icmp_invalid) == 1);
  CHECK(host.gateway() == peer4);
}

TEST_CASE("H13: secure_redirects without shared_media: only gateways of default routes are believed") {
  RoutedHost host;
  host.ip.configure_redirects({.accept = true, .secure = true, .shared_media = false});
  host.redirect(peer4, better);
  CHECK(host.gateway() == peer4);
  REQUIRE(host.ip.add_route({.prefix = {addr("0.0.0.0"), 0}, .to = {.ifindex = 1, .gateway = better}, .metric = 5}));
  host.redirect(peer4, better);
  CHECK(host.gateway() == better);
}

TEST_CASE("H13: accept_redirects 0, and a route of the administrator's to that very destination") {
  RoutedHost host;
  host.ip.configure_redirects({.accept = false});
  host.redirect(peer4, better);
  CHECK(host.gateway() == peer4);
  host.ip.configure_redirects({});
  REQUIRE(host.ip.add_route({far_away, 32}, peer4, host.interface));
  host.redirect(peer4, better);
  CHECK(host.gateway() == peer4);
}

TEST_CASE("H3, H13: a socket that knows its way hears of a redirect, and of its end") {
  RoutedHost host;
  for (const auto& [address, last] : {std::pair{peer4, 1}, std::pair{better, 9}})
    REQUIRE(host.ip.neighbors().add_permanent(host.interface, address, MacAddress{{2, 0, 0, 0, 0, static_cast<std::uint8_t>(last)}}));
  ip::RouteCache cache;
  const auto goes_to = [&] {
    pkt::Packet datagram = host.pool.packet(counting(8));
    REQUIRE(host.ip.send(std::move(datagram), {.source = host4, .destination = far_away, .proto = 253, .route = &cache}) == ip::SendVerdict::sent);
    return int{host.wire.take_one()[5]};
  };
  CHECK(goes_to() == 1);
  host.redirect(peer4, better);
  CHECK(goes_to() == 9);
  host.advance(299s);
  CHECK(goes_to() == 9);
  host.advance(1s);
  CHECK(goes_to() == 1);
}

TEST_CASE("H13: a second redirect takes the place of the first, and 256 are kept") {
  RoutedHost host;
  host.redirect(peer4, better);
  host.redirect(better, addr("10.77.0.10"));
  CHECK(host.gateway() == addr("10.77.0.10"));
  for (int n = 0; n < 300; ++n)
    host.redirect(peer4, better, IpAddress::v4(192, 0, static_cast<std::uint8_t>(3 + n / 200), static_cast<std::uint8_t>(1 + n % 200)));
  CHECK(host.ip.routes().size() <= 256 + 8);
  CHECK(host.gateway() == peer4);
  CHECK(host.gateway(addr("192.0.4.90")) == better);
}
