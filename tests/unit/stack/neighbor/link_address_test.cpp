// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/neighbor/link_address.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/scripted_host.hpp"

using namespace millrace;
using test::addr;

namespace {

neighbor::Interface interface_with(std::initializer_list<const char*> prefixes) {
  neighbor::Interface interface;
  for (const char* text : prefixes) interface.addresses.push_back(*IpPrefix::parse(text));
  return interface;
}

}  // namespace

TEST_CASE("RFC 919, RFC 3021: what a broadcast address is depends on the prefix") {
  const auto interface = interface_with({"10.77.0.2/24", "192.0.2.5/30", "198.51.100.0/31", "fd00:77::2/64"});
  for (const char* yes : {"255.255.255.255", "10.77.0.255", "192.0.2.7"})
    CHECK(neighbor::is_broadcast(interface, addr(yes)));
  for (const char* no : {"10.77.0.254", "10.77.1.255", "198.51.100.1", "192.0.2.255", "ff02::1"})
    CHECK_FALSE(neighbor::is_broadcast(interface, addr(no)));
}

TEST_CASE("RFC 1112 6.4, RFC 2464 7: group addresses map to group MACs") {
  const auto interface = interface_with({"10.77.0.2/24"});
  CHECK(neighbor::group_mac(interface, addr("224.128.1.2")) == MacAddress{{0x01, 0x00, 0x5e, 0x00, 0x01, 0x02}});
  CHECK(neighbor::group_mac(interface, addr("ff02::1:ff00:2")) == MacAddress{{0x33, 0x33, 0xff, 0x00, 0x00, 0x02}});
  CHECK(neighbor::group_mac(interface, addr("10.77.0.255")) == neighbor::broadcast_mac);
  CHECK_FALSE(neighbor::group_mac(interface, addr("10.77.0.1")));
  CHECK_FALSE(neighbor::group_mac(interface, addr("fd00:77::1")));
}

TEST_CASE("RFC 6724 5: the own address shares family, scope, then prefix") {
  const auto interface = interface_with({"10.0.0.1/8", "10.77.0.2/24", "fe80::2/64", "fd00:77::2/64", "fd00:78::2/64"});
  CHECK(neighbor::own_address_towards(interface, addr("10.77.0.9")) == addr("10.0.0.1"));  // both hold it: the first
  CHECK(neighbor::own_address_towards(interface, addr("192.0.2.1")) == addr("10.0.0.1"));
  CHECK(neighbor::own_address_towards(interface, addr("fe80::9")) == addr("fe80::2"));
  CHECK(neighbor::own_address_towards(interface, addr("ff02::1")) == addr("fe80::2"));
  CHECK(neighbor::own_address_towards(interface, addr("fd00:78::9")) == addr("fd00:78::2"));
  CHECK(neighbor::own_address_towards(interface, addr("2001:db8::1")) == addr("fd00:77::2"));
  CHECK_FALSE(neighbor::own_address_towards(interface_with({"10.0.0.1/8"}), addr("fe80::9")));
}
