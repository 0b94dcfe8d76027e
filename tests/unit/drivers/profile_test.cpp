// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/profile.hpp"

#include "tests/support/catch.hpp"

using namespace millrace;

TEST_CASE("net_tap has a profile of its own, an unknown driver is believed") {
  CHECK(ethdev::profile_of("net_tap").equal_queues);
  CHECK(ethdev::profile_of("net_tap").software_checksums);
  CHECK_FALSE(ethdev::profile_of("net_of_tomorrow").equal_queues);
  CHECK_FALSE(ethdev::profile_of("net_of_tomorrow").software_checksums);
  CHECK_FALSE(ethdev::profile_of("net_of_tomorrow").filters_nothing);
  CHECK_FALSE(ethdev::profile_of("net_of_tomorrow").ring_holds_one_frame);
}
