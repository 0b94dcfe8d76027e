// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/source_address.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;

namespace {

IpAddress addr(std::string_view text) { return *IpAddress::parse(text); }

struct Host {
  neighbor::Interface lo{.ifindex = 9, .name = "lo", .is_loopback = true, .addresses = {{addr("127.0.0.1"), 8}, {addr("::1"), 128}}};
  neighbor::Interface eth0{.ifindex = 1, .name = "eth0"};
  neighbor::Interface eth1{.ifindex = 2, .name = "eth1"};
  std::vector<neighbor::Interface*> all{&lo, &eth0, &eth1};

  Host(std::initializer_list<const char*> of_eth0, std::initializer_list<const char*> of_eth1 = {}) {
    for (const char* text : of_eth0) eth0.addresses.push_back(*IpPrefix::parse(text));
    for (const char* text : of_eth1) eth1.addresses.push_back(*IpPrefix::parse(text));
  }
  std::string source(std::string_view destination, std::string_view next_hop = {}) const {
    const auto chosen = ip::choose_source(all, eth0, addr(destination), addr(next_hop.empty() ? destination : next_hop));
    return chosen ? chosen->to_string() : "none";
  }
};

}  // namespace

// The examples of RFC 6724 section 10.1 that need no mobility and no temporary addresses.
TEST_CASE("H4, RFC 6724 10.1: its examples") {
  CHECK(Host({"2001:db8:3::2/64", "fe80::1/64"}).source("2001:db8:1::1") == "2001:db8:3::2");   // rule 2
  CHECK(Host({"2001:db8:1::2/64", "fe80::1/64"}).source("ff05::1") == "2001:db8:1::2");         // rule 2
  CHECK(Host({"fe80::2/64", "2001:db8:1::2/64"}).source("fe80::1") == "fe80::2");                // rule 2
  CHECK(Host({"2001:db8:1::2/64", "2001:db8:3::2/64"}).source("2001:db8:1::1") == "2001:db8:1::2");   // rule 8
  CHECK(Host({"2001:db8:3::2/64", "2001:db8:1::2/64"}).source("2001:db8:1::1") == "2001:db8:1::2");   // rule 8, in the other order
  CHECK(Host({"2002:c633:6401::d5e3:7953:13eb:22e8/64", "2001:db8:1::2/64"}).source("2002:c633:6401::1") == "2002:c633:6401:0:d5e3:7953:13eb:22e8");  // rule 6
}

TEST_CASE("H4, RFC 6724 5: an address of the interface that it leaves by, else one of another; a link-local one of its own link only") {
  const Host both({"2001:db8:1::2/64"}, {"2001:db8:9::2/64"});
  CHECK(both.source("2001:db8:9::1") == "2001:db8:1::2");  // rule 5 before rule 8
  CHECK(Host({"fe80::2/64"}, {"2001:db8:9::2/64", "fe80::9/64"}).source("2001:db8:5::1") == "2001:db8:9::2");
  CHECK(Host({"10.77.0.2/24"}, {"fe80::9/64"}).source("2001:db8::1") == "none");
  CHECK(Host({"10.77.0.2/24"}, {"2001:db8:9::2/64"}).source("ff02::1") == "none");
}

TEST_CASE("H4, RFC 6724 5 rule 6: a unique local destination is spoken to from a unique local address, whichever is first") {
  CHECK(Host({"2001:db8::2/64", "fd00:77::2/64"}).source("fd00:99::1") == "fd00:77::2");
  CHECK(Host({"fd00:77::2/64", "2001:db8::2/64"}).source("2001:470::1") == "2001:db8::2");
  CHECK(Host({"2002:c633:6401::1/48", "2a00::2/64"}).source("2003::1") == "2a00::2");  // though the other is closer
  CHECK(Host({"fd00:77::2/64", "fd00:78::2/64"}).source("fd00:99::1") == "fd00:77::2");  // as long: the first
}

TEST_CASE("H4: IPv4 speaks from the prefix that the next hop is on, else from the first address of the interface, else of the host") {
  const Host host({"10.77.0.2/24", "192.0.2.2/24"}, {"198.51.100.2/24"});
  CHECK(host.source("192.0.2.9") == "192.0.2.2");
  CHECK(host.source("203.0.113.1", "192.0.2.1") == "192.0.2.2");
  CHECK(host.source("203.0.113.1", "203.0.113.1") == "10.77.0.2");
  CHECK(Host({"fd00::2/64"}, {"198.51.100.2/24"}).source("203.0.113.1") == "198.51.100.2");
  CHECK(Host({"fd00::2/64"}).source("203.0.113.1") == "none");
}
