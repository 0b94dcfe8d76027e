// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/rss.hpp"

#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <rte_ethdev.h>

using namespace millrace;

TEST_CASE("F3: fields and DPDK's hash types say the same") {
  for (unsigned bits = 0; bits < 16; ++bits) {
    const wire::RssFields fields{.tcp4 = (bits & 1) != 0, .udp4 = (bits & 2) != 0, .tcp6 = (bits & 4) != 0, .udp6 = (bits & 8) != 0};
    const std::uint64_t types = ethdev::rss_types(fields);
    CHECK(ethdev::rss_fields(types) == fields);
    CHECK((types & RTE_ETH_RSS_IP) == RTE_ETH_RSS_IP);
  }
}

TEST_CASE("F1, F2: a device's key and RETA are written, and read back from it") {
  test::TestPool pool;
  auto opened = ethdev::open({.name = "net_null5", .args = "no-rx=1", .rx_queues = 4, .pools = {&*pool}});
  REQUIRE(opened);
  port::Port& port = **opened;
  auto rss = port.rss();
  REQUIRE(rss);
  const std::size_t entries = rss->reta.size();
  CHECK(entries >= 64);
  const std::vector<std::uint32_t> weights{3, 1};
  rss->reta = wire::reta_weights(entries, weights);
  rss->key = wire::symmetric_rss_key(rss->key.size());
  REQUIRE(port.set_rss(*rss));
  const auto got = port.rss();
  REQUIRE(got);
  CHECK(got->reta == rss->reta);
  CHECK(got->key == rss->key);

  wire::Rss other = *rss;
  other.key.resize(52);
  const auto long_key = port.set_rss(other);
  REQUIRE_FALSE(long_key);
  CHECK(long_key.error().message.find("52 bytes; the device's has 40") != std::string::npos);
  other = *rss;
  other.reta.resize(8);
  const auto short_reta = port.set_rss(other);
  REQUIRE_FALSE(short_reta);
  CHECK(short_reta.error().message.find("8 entries; the device has") != std::string::npos);
}

TEST_CASE("F1: a device without RSS says so, and what to do instead") {
  test::TestPool pool;
  auto opened = ethdev::open({.name = "net_ring5", .pools = {&*pool}});
  REQUIRE(opened);
  CHECK_FALSE((*opened)->rss());
  const auto refused = (*opened)->set_rss({});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("rps_cpus") != std::string::npos);
}
