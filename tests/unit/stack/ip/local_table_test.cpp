// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/ip/local_table.hpp>

#include <millrace/base/rng.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;
using Kind = ip::LocalTable::Kind;

namespace {

IpAddress addr(std::string_view text) { return *IpAddress::parse(text); }

}  // namespace

TEST_CASE("receive_path H4, H5: the local table holds a host's addresses and the broadcasts of its links") {
  neighbor::Interface eth0{.ifindex = 1, .name = "eth0", .addresses = {{addr("10.77.0.2"), 24}, {addr("192.0.2.4"), 31}, {addr("fd00::2"), 64}}};
  neighbor::Interface eth1{.ifindex = 2, .name = "eth1", .addresses = {{addr("10.77.0.255"), 16}}};
  std::vector<neighbor::Interface*> interfaces{&eth0, &eth1};
  ip::LocalTable table;
  CHECK(table.find(addr("10.77.0.2")) == Kind::none);
  table.rebuild(interfaces);
  CHECK(table.find(addr("10.77.0.2")) == Kind::local);
  CHECK(table.find(addr("fd00::2")) == Kind::local);
  CHECK(table.find(addr("10.77.255.255")) == Kind::broadcast);
  CHECK(table.find(addr("10.77.0.255")) == Kind::local);  // of eth0 a broadcast, but own before all
  CHECK(table.find(addr("255.255.255.255")) == Kind::broadcast);
  CHECK(table.find(addr("192.0.2.5")) == Kind::none);  // RFC 3021
  CHECK(table.find(addr("10.77.0.0")) == Kind::none);
  CHECK(table.find(addr("127.0.0.1")) == Kind::none);  // there is no lo
  eth0.addresses.erase(eth0.addresses.begin());
  table.rebuild(interfaces);
  CHECK(table.find(addr("10.77.0.2")) == Kind::none);
}

TEST_CASE("receive_path H4: all of 127.0.0.0/8 is lo's") {
  neighbor::Interface lo{.ifindex = 1, .name = "lo", .is_loopback = true, .addresses = {{addr("127.0.0.1"), 8}, {addr("::1"), 128}}};
  std::vector<neighbor::Interface*> interfaces{&lo};
  ip::LocalTable table;
  table.rebuild(interfaces);
  for (const char* own : {"127.0.0.1", "127.9.8.7", "::1"}) CHECK(table.find(addr(own)) == Kind::local);
  CHECK(table.find(addr("128.0.0.1")) == Kind::none);
}

TEST_CASE("receive_path H4: of thousands of addresses each is found, and no other") {
  Rng rng(5);
  neighbor::Interface eth0{.ifindex = 1, .name = "eth0"};
  for (std::uint32_t i = 0; i < 3000; ++i) {
    IpAddress v6 = addr("fd00::");
    store_be32(&v6.bytes[12], i);
    eth0.addresses.push_back({v6, 64});
  }
  std::vector<neighbor::Interface*> interfaces{&eth0};
  ip::LocalTable table;
  table.rebuild(interfaces);
  for (const IpPrefix& own : eth0.addresses) REQUIRE(table.find(own.address) == Kind::local);
  for (int i = 0; i < 3000; ++i) {
    IpAddress other = addr("fd00::");
    store_be32(&other.bytes[12], 3000 + static_cast<std::uint32_t>(rng.below(1000000)));
    REQUIRE(table.find(other) == Kind::none);
  }
}
