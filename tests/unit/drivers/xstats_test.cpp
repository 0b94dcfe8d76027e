// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/xstats.hpp"

#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <algorithm>
#include <memory>

using namespace millrace;

TEST_CASE("a device's counters have DPDK's names; no device has none") {
  test::TestPool pool;
  CHECK(ethdev::read_xstats(31).empty());
  const auto opened = ethdev::open({.name = "net_null7", .pools = {&*pool}});
  REQUIRE(opened);
  const auto all = (*opened)->xstats();
  CHECK(std::find(all.begin(), all.end(), std::pair<std::string, std::uint64_t>("rx_good_packets", 0)) != all.end());
}
