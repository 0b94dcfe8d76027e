// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/wire/dhcp.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/unit/wire/bytes.hpp"

using namespace millrace;
using namespace millrace::wire;
using test::hex;

namespace {

using Bytes = std::vector<std::uint8_t>;

IpAddress addr(std::string_view text) { return *IpAddress::parse(text); }

/// Header and cookie of a reply, then `options`.
Bytes reply_with(const Bytes& options, const Bytes& in_file = {}, const Bytes& in_sname = {}) {
  Bytes message(240);
  message[0] = 2;
  message[1] = 1;
  message[2] = 6;
  store_be32(&message[236], 0x63825363);
  std::copy(in_sname.begin(), in_sname.end(), message.begin() + 44);
  std::copy(in_file.begin(), in_file.end(), message.begin() + 108);
  for (const std::uint8_t byte : options) message.push_back(byte);
  return message;
}

DhcpMessage parsed(const Bytes& options) {
  const auto message = DhcpMessage::parse(reply_with(options));
  REQUIRE(message);
  return *message;
}

Bytes joined(Bytes a, const Bytes& b) {
  for (const std::uint8_t byte : b) a.push_back(byte);
  return a;
}

const Bytes type_ack = hex("350105");

}  // namespace

TEST_CASE("a DHCP request, byte for byte (RFC 2131 section 2)") {
  const DhcpMessage request{.type = DhcpType::request,
                            .broadcast = true,
                            .xid = 0x01020304,
                            .secs = 7,
                            .ciaddr = addr("10.77.0.2"),
                            .chaddr = *MacAddress::parse("02:00:00:00:00:02"),
                            .client_id = *MacAddress::parse("02:00:00:00:00:02"),
                            .requested = addr("10.77.0.50"),
                            .server_id = addr("10.77.0.1"),
                            .parameters = {1, 121, 3},
                            .max_message_bytes = 1500};
  const Bytes bytes = make_dhcp(request);
  CHECK(bytes.size() == 300);
  Bytes expected = hex("01010600 01020304 0007 8000 0a4d0002 00000000 00000000 00000000 020000000002");
  expected.resize(236);
  expected = joined(expected, hex("63825363 350103 3d0701020000000002 32040a4d0032 36040a4d0001 390205dc 3703017903 ff"));
  expected.resize(300);
  CHECK(bytes == expected);
  CHECK(DhcpMessage::parse(bytes) == request);
}

TEST_CASE("a DHCP acknowledgement with everything that a host takes is read as it was written") {
  DhcpMessage ack{.type = DhcpType::ack,
                  .is_reply = true,
                  .xid = 9,
                  .yiaddr = addr("10.77.0.50"),
                  .chaddr = *MacAddress::parse("02:00:00:00:00:02"),
                  .server_id = addr("10.77.0.1"),
                  .subnet_mask = addr("255.255.255.0"),
                  .broadcast_address = addr("10.77.0.255"),
                  .routers = {addr("10.77.0.1"), addr("10.77.0.2")},
                  .name_servers = {addr("10.77.0.53")},
                  .routes = {{{addr("0.0.0.0"), 0}, addr("10.77.0.1")}, {{addr("10.128.0.0"), 9}, addr("0.0.0.0")}, {{addr("10.1.2.3"), 32}, addr("10.77.0.1")}},
                  .mtu = 1400,
                  .lease_s = 3600,
                  .renewal_s = 1800,
                  .rebinding_s = dhcp_infinity};
  CHECK(DhcpMessage::parse(make_dhcp(ack)) == ack);
  // RFC 3396: 60 routes do not fit into one option of 255 bytes.
  ack.routes.clear();
  for (std::uint8_t i = 0; i < 60; ++i) ack.routes.push_back({{IpAddress::v4(10, i, 0, 0), 16}, addr("10.77.0.1")});
  CHECK(DhcpMessage::parse(make_dhcp(ack)) == ack);
}

TEST_CASE("H16, DHCP: RFC 3442 section 2: destination descriptors have as many bytes as their mask reaches; host bits are passed over") {
  const DhcpMessage m = parsed(joined(type_ack, hex("7914 00 0a4d0001 09 0aff 0a4d0001 18 0a0102 00000000")));
  REQUIRE(m.routes.size() == 3);
  CHECK(m.routes[0] == ClasslessRoute{{addr("0.0.0.0"), 0}, addr("10.77.0.1")});
  CHECK(m.routes[1] == ClasslessRoute{{addr("10.128.0.0"), 9}, addr("10.77.0.1")});
  CHECK(m.routes[2] == ClasslessRoute{{addr("10.1.2.0"), 24}, addr("0.0.0.0")});
}

TEST_CASE("H16, DHCP: a malformed list of classless routes is none") {
  for (const char* bad : {"7904 00 0a4d00", "7909 21 0a010203 0a4d0001", "7906 00 0a4d0001 18", "7907 18 0a0102 0a4d00"}) {
    INFO(bad);
    CHECK(parsed(joined(type_ack, hex(bad))).routes.empty());
  }
}

TEST_CASE("H16, DHCP: RFC 2132 9.3, RFC 3396 5: options go on in file, then in sname, where the first field says so") {
  const Bytes file = hex("36040a4d0001 7903 000a4d ff"), sname = hex("7902 0001 ff");
  const auto both = DhcpMessage::parse(reply_with(joined(type_ack, hex("340103 ff")), file, sname));
  REQUIRE(both);
  CHECK(both->server_id == addr("10.77.0.1"));
  REQUIRE(both->routes.size() == 1);  // its pieces are in two fields
  CHECK(both->routes[0] == ClasslessRoute{{addr("0.0.0.0"), 0}, addr("10.77.0.1")});
  const auto only_file = DhcpMessage::parse(reply_with(joined(type_ack, hex("340101 ff")), file, hex("ff")));
  REQUIRE(only_file);
  CHECK(only_file->server_id == addr("10.77.0.1"));
  CHECK(only_file->routes.empty());
  const auto only_sname = DhcpMessage::parse(reply_with(joined(type_ack, hex("340102 ff")), file, hex("33040000 0e10 ff")));
  REQUIRE(only_sname);
  CHECK_FALSE(only_sname->server_id);
  CHECK(only_sname->lease_s == 3600u);
  const auto neither = DhcpMessage::parse(reply_with(joined(type_ack, hex("ff")), file, sname));
  REQUIRE(neither);
  CHECK_FALSE(neither->server_id);
  // The field that is spilt over does not say where it goes on: no loop.
  const auto loop = DhcpMessage::parse(reply_with(joined(type_ack, hex("340101 ff")), hex("340103 ff"), hex("36040a4d0001 ff")));
  REQUIRE(loop);
  CHECK_FALSE(loop->server_id);
  // An option does not reach from one field into the next.
  Bytes too_far(128);
  too_far[126] = 54;
  too_far[127] = 4;
  CHECK_FALSE(DhcpMessage::parse(reply_with(joined(type_ack, hex("340101 ff")), too_far)));
}

TEST_CASE("H16, DHCP: RFC 3396: pieces of an option are one, in their order; options need no end") {
  const DhcpMessage m = parsed(joined(type_ack, hex("33020000 36040a4d0001 00 00 33020e10")));
  CHECK(m.lease_s == 3600u);
  CHECK(m.server_id == addr("10.77.0.1"));
}

TEST_CASE("H16, DHCP: an option of a wrong length is not there") {
  const DhcpMessage m = parsed(joined(type_ack, hex("3303000e10 3605 0a4d000101 0103ffffff 0305 0a4d000101 0603 0a4d00 1a03 057800 3a00 3d0502000102 03")));
  CHECK_FALSE(m.lease_s);
  CHECK_FALSE(m.server_id);
  CHECK_FALSE(m.subnet_mask);
  CHECK(m.routers.empty());
  CHECK(m.name_servers.empty());
  CHECK_FALSE(m.mtu);
  CHECK_FALSE(m.renewal_s);
  CHECK_FALSE(m.client_id);
}

TEST_CASE("H16, DHCP: lists have bounds") {
  Bytes options = type_ack;
  for (int i = 0; i < 20; ++i) options = joined(options, hex("06040a4d0001"));
  for (int i = 0; i < 80; ++i) options = joined(options, hex("7905000a4d0001"));
  CHECK(parsed(options).name_servers.size() == dhcp_max_addresses);
  CHECK(parsed(options).routes.size() == dhcp_max_routes);
}

TEST_CASE("H16, DHCP: what is no message of this kind is refused") {
  const Bytes good = reply_with(type_ack);
  CHECK(DhcpMessage::parse(good));
  for (const std::size_t at : {0, 1, 2, 236, 239}) {
    Bytes bad = good;
    bad[at] ^= 0x40;
    CHECK_FALSE(DhcpMessage::parse(bad));
  }
  CHECK_FALSE(DhcpMessage::parse(reply_with({})));
  for (const char* type : {"350100", "350109", "35020505"}) CHECK_FALSE(DhcpMessage::parse(reply_with(hex(type))));
  for (const char* cut : {"36", "3604", "36040a4d00"}) CHECK_FALSE(DhcpMessage::parse(reply_with(joined(type_ack, hex(cut)))));
  test::for_each_truncation(good, [](auto cut) { CHECK(DhcpMessage::parse(cut).has_value() == (cut.size() == 243)); });
}

TEST_CASE("H16, DHCP: whatever is read is written and read again") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  for (int i = 0; i < 2000; ++i) {
    Bytes options = type_ack;
    while (rng.below(8) != 0) {
      const std::uint8_t codes[] = {1, 3, 6, 26, 28, 50, 51, 54, 55, 57, 58, 59, 61, 121, 12};
      const std::size_t length = rng.below(12);
      options.push_back(codes[rng.below(sizeof codes)]);
      options.push_back(static_cast<std::uint8_t>(length));
      options = joined(options, test::random_bytes(rng, length));
    }
    const auto message = DhcpMessage::parse(reply_with(options));
    if (message) CHECK(DhcpMessage::parse(make_dhcp(*message)) == message);
  }
}
