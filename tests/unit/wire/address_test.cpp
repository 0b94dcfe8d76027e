// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/address.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

#include <arpa/inet.h>

using namespace millrace;

namespace {

std::string through(std::string_view text) {
  const auto address = IpAddress::parse(text);
  return address ? address->to_string() : "no address";
}

std::string libc_text(const IpAddress& address) {
  char text[INET6_ADDRSTRLEN];
  return address.is_v4() ? inet_ntop(AF_INET, address.v4_bytes(), text, sizeof text)
                         : inet_ntop(AF_INET6, address.bytes.data(), text, sizeof text);
}

}  // namespace

TEST_CASE("MAC addresses to text and back") {
  const auto mac = MacAddress::parse("02:00:5e:Ab:cD:0f");
  REQUIRE(mac);
  CHECK(*mac == MacAddress{{0x02, 0x00, 0x5e, 0xab, 0xcd, 0x0f}});
  CHECK(mac->to_string() == "02:00:5e:ab:cd:0f");
  CHECK_FALSE(mac->is_multicast());
  CHECK(MacAddress::parse("ff:ff:ff:ff:ff:ff")->is_broadcast());
  for (const char* bad : {"", "02:00:5e:ab:cd", "02:00:5e:ab:cd:0f:", "02:00:5e:ab:cd:0g", "02-00-5e-ab-cd-0f",
                          "2:0:5e:ab:cd:0f", "02:00:5e:ab:cd:0f0", " 2:00:5e:ab:cd:0f"}) {
    INFO(bad);
    CHECK_FALSE(MacAddress::parse(bad));
  }
}

TEST_CASE("RFC 4291 section 2.2 texts are read, RFC 5952 section 4 texts are written") {
  CHECK(through("ABCD:EF01:2345:6789:ABCD:EF01:2345:6789") == "abcd:ef01:2345:6789:abcd:ef01:2345:6789");
  CHECK(through("2001:DB8:0:0:8:800:200C:417A") == "2001:db8::8:800:200c:417a");
  CHECK(through("FF01:0:0:0:0:0:0:101") == "ff01::101");
  CHECK(through("0:0:0:0:0:0:0:1") == "::1");
  CHECK(through("0:0:0:0:0:0:0:0") == "::");
  CHECK(through("::FFFF:129.144.52.38") == "129.144.52.38");
  CHECK(through("::13.1.68.3") == "::d01:4403");
  // RFC 5952 sections 1, 4.1, 4.2.2 and 4.2.3.
  CHECK(through("2001:0db8:0000:0000:0001:0000:0000:0001") == "2001:db8::1:0:0:1");
  CHECK(through("2001:db8::0:1") == "2001:db8::1");
  CHECK(through("2001:db8::1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");
  CHECK(through("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");
  CHECK(through("2001:0:0:1:0:0:0:1") == "2001:0:0:1::1");
  CHECK(through("2001:DB8::AAAA") == "2001:db8::aaaa");
  CHECK(through("1::") == "1::");
  CHECK(through("1:2:3:4:5:6:7::") == "1:2:3:4:5:6:7:0");
  CHECK(through("::2:3:4:5:6:7:8") == "0:2:3:4:5:6:7:8");
  CHECK(through("10.77.0.255") == "10.77.0.255");
  CHECK(through("0.0.0.0") == "0.0.0.0");
}

TEST_CASE("what is no address is refused") {
  for (const char* bad : {"",
                          "1",
                          "10.77.0",
                          "10.77.0.256",
                          "10.77.0.1.",
                          ".10.77.0.1",
                          "10.77.0.1.2",
                          "10.077.0.1",
                          "10..0.1",
                          "10.77.0.-1",
                          "10.77.0.1 ",
                          "0x0a.1.1.1",
                          ":",
                          ":::",
                          "1:2",
                          "::1::",
                          "1:2:3:4:5:6:7:8:9",
                          "1:2:3:4:5:6:7:8::",
                          "1::2:3:4:5:6:7:8",
                          "12345::",
                          "::g",
                          ":1:2:3:4:5:6:7",
                          "1:2:3:4:5:6:7:",
                          "fe80::1%eth0",
                          "[::1]",
                          "::1.2.3",
                          "::1.2.3.4:5",
                          "1.2.3.4::",
                          "1:2:3:4:5:6:7:1.2.3.4",
                          "::ffff:1.2.3.256",
                          " ::1",
                          "::1/64"}) {
    INFO(bad);
    CHECK_FALSE(IpAddress::parse(bad));
  }
}

TEST_CASE("random addresses survive text, and are written as the C library writes them") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 3000; ++i) {
    IpAddress address = rng.chance(0.3) ? test::random_v4(rng) : test::random_v6(rng);
    // Zero groups are what makes IPv6 text hard.
    if (!address.is_v4())
      for (std::size_t g = 0; g < 8; ++g)
        if (rng.chance(0.5)) store_be16(&address.bytes[2 * g], 0);
    const std::string text = address.to_string();
    INFO(text);
    CHECK(IpAddress::parse(text) == address);
    // The C library writes ::a.b.c.d for what has only its last four bytes set; RFC 5952 section 5 asks for it only
    // where the prefix is known to hold IPv4.
    const bool is_compatible = !address.is_v4() && load_be32(&address.bytes[0]) == 0 &&
                               load_be32(&address.bytes[4]) == 0 && load_be32(&address.bytes[8]) == 0;
    if (!is_compatible) CHECK(text == libc_text(address));
  }
}

TEST_CASE("any text is either refused or equal to what the C library reads") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  constexpr std::string_view alphabet = "::::0012afF.";
  int accepted = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    for (std::uint32_t n = rng.below(16); n > 0; --n) text += alphabet[rng.below(alphabet.size())];
    std::array<std::uint8_t, 16> expected{};
    const bool has_colon = text.find(':') != std::string::npos;
    const bool is_valid = has_colon ? inet_pton(AF_INET6, text.c_str(), expected.data()) == 1
                                    : inet_pton(AF_INET, text.c_str(), &expected[12]) == 1;
    if (!has_colon) expected[10] = expected[11] = 0xff;
    const auto address = IpAddress::parse(text);
    INFO(text);
    REQUIRE(address.has_value() == is_valid);
    if (!is_valid) continue;
    ++accepted;
    CHECK(address->bytes == expected);
  }
  CHECK(accepted > 100);
}

TEST_CASE("prefixes") {
  CHECK(IpPrefix::parse("10.77.0.2/24")->to_string() == "10.77.0.2/24");
  CHECK(IpPrefix::parse("fd00:77::2/64")->to_string() == "fd00:77::2/64");
  CHECK(IpPrefix::parse("::/0")->length == 0);
  for (const char* bad : {"10.77.0.2", "10.77.0.2/", "10.77.0.2/33", "fd00::/129", "/24", "10.77.0.2/2x",
                          "10.77.0.2/-1", "10.77.0.2/024", "10.77.0.2/24/"}) {
    INFO(bad);
    CHECK_FALSE(IpPrefix::parse(bad));
  }
  const auto holds = [](const char* prefix, const char* address) {
    return IpPrefix::parse(prefix)->contains(*IpAddress::parse(address));
  };
  CHECK(holds("10.77.0.2/24", "10.77.0.255"));
  CHECK_FALSE(holds("10.77.0.2/24", "10.77.1.0"));
  CHECK(holds("10.77.0.0/23", "10.77.1.0"));
  CHECK_FALSE(holds("10.77.0.0/23", "10.77.2.0"));
  CHECK(holds("10.77.0.2/32", "10.77.0.2"));
  CHECK_FALSE(holds("10.77.0.2/32", "10.77.0.3"));
  CHECK(holds("0.0.0.0/0", "255.255.255.255"));
  CHECK_FALSE(holds("0.0.0.0/0", "::1"));
  CHECK_FALSE(holds("::/0", "10.77.0.1"));
  CHECK(holds("fd00:77::/63", "fd00:77:0:1::"));
  CHECK_FALSE(holds("fd00:77::/64", "fd00:77:0:1::"));
  CHECK(holds("::/0", "fd00::1"));
  CHECK(holds("fd00::1/128", "fd00::1"));
}

TEST_CASE("endpoints") {
  const auto v4 = Endpoint::parse("10.77.0.2:80");
  REQUIRE(v4);
  CHECK(*v4 == Endpoint{IpAddress::v4(10, 77, 0, 2), 80});
  CHECK(v4->to_string() == "10.77.0.2:80");
  const auto v6 = Endpoint::parse("[fd00:77::2]:65535");
  REQUIRE(v6);
  CHECK(v6->port == 65535);
  CHECK(v6->to_string() == "[fd00:77::2]:65535");
  CHECK(Endpoint::parse("0.0.0.0:0"));
  for (const char* bad :
       {"10.77.0.2", "10.77.0.2:", "10.77.0.2:65536", "10.77.0.2:8a", "fd00:77::2:80", "[fd00:77::2]", "[10.77.0.2]:80",
        "[fd00:77::2]80", "[fd00:77::2:80", ":80", "[]:80", "10.77.0.2:080", "10.77.0.2:-1"}) {
    INFO(bad);
    CHECK_FALSE(Endpoint::parse(bad));
  }
}

TEST_CASE("kinds of addresses") {
  const auto ip = [](const char* text) { return *IpAddress::parse(text); };
  CHECK(ip("0.0.0.0").is_unspecified());
  CHECK(ip("::").is_unspecified());
  CHECK_FALSE(ip("::1").is_unspecified());
  CHECK_FALSE(ip("1::").is_unspecified());
  CHECK(ip("224.0.0.1").is_multicast());
  CHECK(ip("ff02::1").is_multicast());
  CHECK_FALSE(ip("fe80::1").is_multicast());
  CHECK(ip("127.0.0.1").is_loopback());
  CHECK(ip("::1").is_loopback());
  CHECK(ip("febf::1").is_link_local());
  CHECK_FALSE(ip("fec0::1").is_link_local());
  CHECK(ip("1.2.3.4").v4_number() == 0x01020304);
}
