// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/addrconf/addrconf.hpp>
#include <millrace/wire/icmp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

namespace millrace::test {

// 02:00:00:00:00:02 as a modified EUI-64.
inline const IpAddress own_link = addr("fe80::ff:fe00:2"), own_slaac = addr("fd00:77::ff:fe00:2");
inline const IpAddress router = peer_link, all_nodes6 = addr("ff02::1"), all_routers6 = addr("ff02::2");
inline const IpPrefix prefix77{addr("fd00:77::"), 64};

/// What the host asked of its neighbours in IPv6, as it was on the wire.
struct Question {
  std::uint8_t type = 0;
  IpAddress source, destination, target;
  Instant when{};
};

/// A host whose interface has IPv4 from the start and configures its IPv6 itself.
struct ConfiguredHost : ScriptedHost {
  explicit ConfiguredHost(const addrconf::Options& options = {}, std::vector<IpPrefix> configured = {}) : addrconf(env, ip, options) {
    interface.addresses = {{host4, 24}};
    interface.autoconf = true;
    for (const IpPrefix& stale : {IpPrefix{host6, 64}, IpPrefix{host_link, 64}}) static_cast<void>(ip.remove_route(stale));
    ip.addresses_changed();
    (void)wire.take();
    addrconf.start(interface, configured);
  }
  addrconf::Addrconf addrconf;

  /// Lets time pass and returns what was asked meanwhile; MLD is passed over.
  std::vector<Question> asks(Duration time) {
    std::vector<Question> questions;
    const Instant end = env.now + time;
    for (Instant next = env.now; next <= end; next = std::min(std::max(env.now + 1ns, wheel.next_expiry()), std::max(end, env.now + 1ns))) {
      advance(next - env.now);
      for (const Bytes& frame : wire.take()) {
        const Bytes packet = behind(frame, 14);
        const auto v6 = wire::Ipv6View::parse(packet);
        if (!v6 || v6->next_header() != wire::ip_proto::icmp6) continue;
        CHECK(v6->hop_limit() == 255);
        CHECK(has_right_checksums(frame));
        Question q{frame[54], v6->source(), v6->destination(), {}, env.now};
        if (q.type == wire::icmp6_type::neighbor_solicitation) q.target = IpAddress::v6_from(&frame[62]);
        questions.push_back(q);
      }
    }
    return questions;
  }
  void says(const wire::RouterAdvertisement& ra, const IpAddress& from = router, std::uint8_t hop_limit = 255) {
    receives(nd_frame(ra, from, all_nodes6, hop_limit));
  }
  [[nodiscard]] std::optional<addrconf::AddressRow> row(const IpAddress& address) const {
    for (const auto& r : addrconf.addresses())
      if (r.address.address == address) return r;
    return std::nullopt;
  }
  [[nodiscard]] bool has(const IpAddress& address) const { return interface.has_address(address) && ip.is_local(address); }
  [[nodiscard]] const ip::NextHop* route(const IpAddress& to) const { return ip.routes().lookup(to); }
};

/// One of a router for half an hour, with one prefix.
inline wire::RouterAdvertisement advertisement(std::uint32_t valid_s = 86400, std::uint32_t preferred_s = 14400) {
  wire::RouterAdvertisement ra{.router_lifetime_s = 1800, .source_link = peer_mac, .prefix_count = 1};
  ra.prefixes[0] = {.prefix = prefix77, .on_link = true, .autonomous = true, .valid_lifetime_s = valid_s, .preferred_lifetime_s = preferred_s};
  return ra;
}

}  // namespace millrace::test
