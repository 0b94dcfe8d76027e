// SPDX-License-Identifier: BSD-3-Clause
#include "tests/unit/stack/dhcp/leased_host.hpp"

using namespace millrace;
using namespace millrace::test;

TEST_CASE("H16: RFC 2131 4.1: DISCOVER is sent again after 4, 8, 16, 32, then always 64 seconds, each a second more or less") {
  LeasedHost host;
  const Instant begin = host.env.now;
  const auto said = host.says(400s);
  REQUIRE(said.size() >= 8);
  CHECK(said[0].when - begin < 1s);
  const Duration pauses[] = {4s, 8s, 16s, 32s, 64s, 64s, 64s};
  bool is_exact = true;
  for (std::size_t i = 0; i < 7; ++i) {
    const Duration off = said[i + 1].when - said[i].when - pauses[i];
    CHECK(off >= -1s);
    CHECK(off <= 1s);
    is_exact = is_exact && off == 0s;
    CHECK(said[i + 1].message.xid == said[0].message.xid);
    const auto waited = std::chrono::duration_cast<std::chrono::seconds>(said[i + 1].when - said[0].when);
    CHECK(said[i + 1].message.secs == waited.count());
  }
  CHECK_FALSE(is_exact);
}

TEST_CASE("H16: RFC 2131 table 5: what a DISCOVER says") {
  LeasedHost host;
  const Said said = host.says_one(1s);
  CHECK(said.to == all_macs);
  const DhcpMessage& m = said.message;
  CHECK_FALSE(m.is_reply);
  CHECK(m.broadcast);
  CHECK(m.secs == 0);
  CHECK(m.ciaddr == nobody);
  CHECK(m.yiaddr == nobody);
  CHECK(m.chaddr == host_mac);
  CHECK(m.client_id == host_mac);
  CHECK_FALSE(m.requested);
  CHECK(m.max_message_bytes == 1500);
  CHECK(m.parameters == std::vector<std::uint8_t>{1, 121, 3, 6, 26, 28, 51, 58, 59});
}

TEST_CASE("H16: no buffer: what was not sent is sent later") {
  LeasedHost host;
  std::vector<pkt::Packet> all;
  while (pkt::Packet p = make_packet(host.env)) all.push_back(std::move(p));
  CHECK(host.says(2s).empty());
  for (pkt::Packet& p : all) consume(host.env, std::move(p), stats::Ledger::used);
  CHECK(host.says(5s).size() == 1);
}
