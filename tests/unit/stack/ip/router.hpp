// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/catch.hpp"
#include "tests/unit/stack/ip/recorder.hpp"

namespace millrace::test {

inline const IpAddress far4 = addr("10.78.0.9"), far6 = addr("fd00:78::9");
inline constexpr MacAddress router_mac{{2, 0, 0, 0, 1, 2}}, far_mac{{2, 0, 0, 0, 1, 9}};

/// Between the link of the peer and another one, where `far` is.
struct Router : RecordingHost {
  Router() {
    REQUIRE(ip.add_interface(eth1));
    for (const IpAddress& address : {far4, far6}) REQUIRE(ip.neighbors().add_permanent(eth1, address, far_mac));
    ip.configure_forwarding({.v4 = true, .v6 = true});
  }
  Wire far{env};
  neighbor::Interface eth1{.ifindex = 2,
                           .name = "eth1",
                           .mac = router_mac,
                           .addresses = {{addr("10.78.0.1"), 24}, {addr("fd00:78::1"), 64}, {addr("fe80::12"), 64}},
                           .output = &far};
};

// From the peer to `far`.
inline Bytes to_far4(wire::Ipv4Header header, const Bytes& payload = counting(64)) {
  if (header.source.is_unspecified()) header.source = peer4;
  if (header.destination.is_unspecified()) header.destination = far4;
  header.proto = test_proto;
  return ipv4_frame(header, payload);
}

inline Bytes to_far6(std::uint8_t hop_limit = 64, const Bytes& payload = counting(64), const IpAddress& from = peer6, const IpAddress& to = far6) {
  return ipv6_frame({.source = from, .destination = to, .next_header = test_proto, .hop_limit = hop_limit}, payload);
}

}  // namespace millrace::test
