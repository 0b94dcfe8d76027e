// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/dhcp6.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

const MacAddress mac = *MacAddress::parse("02:00:00:00:00:02");

}  // namespace

TEST_CASE("a DHCPv6 Information-request, byte for byte (RFC 8415 sections 8 and 21)") {
  const Dhcp6Message request{.xid = 0x123456, .client_id = duid_ll(mac), .requested = {23, 32, 83}, .elapsed_cs = 7};
  const auto bytes = make_dhcp6(request);
  CHECK(bytes == hex("0b123456 0001000a 00030001020000000002 00060006 001700200053 00080002 0007"));
  CHECK(Dhcp6Message::parse(bytes) == request);
  CHECK(all_dhcp6_servers == *IpAddress::parse("ff02::1:2"));
}

TEST_CASE("a DHCPv6 reply with everything that a host takes is read as it was written") {
  const Dhcp6Message reply{.type = dhcp6_type::reply,
                           .xid = 1,
                           .client_id = duid_ll(mac),
                           .server_id = {0, 1, 9},
                           .status = 0,
                           .name_servers = {*IpAddress::parse("fd00:77::53"), *IpAddress::parse("fd00:77::54")},
                           .refresh_s = 600,
                           .inf_max_rt_s = 3600};
  const auto bytes = make_dhcp6(reply);
  CHECK(Dhcp6Message::parse(bytes) == reply);
  // Everything shorter is refused, except where the cut falls between two of its options.
  const std::vector<std::size_t> whole{4, 18, 25, 31, 67, 75, 83};
  test::for_each_truncation(bytes, [&](auto cut) {
    INFO(cut.size());
    CHECK(Dhcp6Message::parse(cut).has_value() == (std::find(whole.begin(), whole.end(), cut.size()) != whole.end()));
  });
}

TEST_CASE("H17, DHCPv6: relays' messages are not for hosts; an option of a wrong length is not there; of a repeated one the first counts") {
  CHECK_FALSE(Dhcp6Message::parse(hex("0c000000")));
  CHECK_FALSE(Dhcp6Message::parse(hex("0d000000")));
  const auto odd = Dhcp6Message::parse(hex("07000001 00170003 010203 00060001 17 00080001 00 000d0001 00 00200003 000000 00530005 0000000000"));
  REQUIRE(odd);
  CHECK(*odd == Dhcp6Message{.type = 7, .xid = 1});
  test::Bytes long_duid = hex("07000001 00010083");
  long_duid.resize(8 + 0x83, 1);
  CHECK(Dhcp6Message::parse(long_duid)->client_id.empty());
  const auto twice = Dhcp6Message::parse(hex("07000001 00200004 00000258 00200004 00000e10 000d0002 0001 000d0004 00006869"));
  REQUIRE(twice);
  CHECK(twice->refresh_s == 600u);
  CHECK(twice->status == 1);
}

TEST_CASE("H17, DHCPv6: a list of name servers has a bound") {
  test::Bytes many = hex("07000001 0017 0200");
  many.resize(8 + 0x200, 0xfd);
  CHECK(Dhcp6Message::parse(many)->name_servers.size() == dhcp6_max_name_servers);
}

TEST_CASE("H17, DHCPv6: whatever is read is written and read again") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 2000; ++i) {
    test::Bytes bytes = test::random_bytes(rng, 4);
    while (rng.below(6) != 0) {
      const std::uint8_t codes[] = {1, 2, 6, 8, 13, 23, 32, 83, 99};
      const std::size_t length = rng.below(40);
      for (const std::size_t byte : {std::size_t{0}, std::size_t{codes[rng.below(sizeof codes)]}, std::size_t{0}, length})
        bytes.push_back(static_cast<std::uint8_t>(byte));
      for (const std::uint8_t byte : test::random_bytes(rng, length)) bytes.push_back(byte);
    }
    const auto message = Dhcp6Message::parse(bytes);
    if (message) CHECK(Dhcp6Message::parse(make_dhcp6(*message)) == message);
  }
}
