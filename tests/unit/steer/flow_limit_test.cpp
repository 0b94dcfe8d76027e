// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/steer/flow_limit.hpp>

#include "tests/support/catch.hpp"

using millrace::steer::FlowLimit;

TEST_CASE("F16: a flow may have 64 of the last 128 packets; the next is over, whatever became of it") {
  FlowLimit limit(4096);
  for (int i = 0; i < 64; ++i) CHECK_FALSE(limit.is_over(7));
  for (int i = 0; i < 64; ++i) CHECK(limit.is_over(7));
  // All 128 are its own. Each packet of another flow pushes one of them out of the history.
  for (std::uint32_t i = 0; i < 63; ++i) CHECK_FALSE(limit.is_over(1000 + i));
  CHECK(limit.is_over(7));  // 65 left, the oldest goes, one comes: 65
  CHECK_FALSE(limit.is_over(2000));
  CHECK_FALSE(limit.is_over(7));  // 64
}

TEST_CASE("F16: flows that share a bucket are one flow") {
  FlowLimit limit(4);
  for (std::uint32_t i = 0; i < 64; ++i) CHECK_FALSE(limit.is_over(4 * i + 1));
  CHECK(limit.is_over(1));
  CHECK_FALSE(limit.is_over(2));
}

TEST_CASE("F16: bucket 0 counts like any other from the first packet on") {
  FlowLimit limit(16);
  for (int i = 0; i < 64; ++i) CHECK_FALSE(limit.is_over(16));
  CHECK(limit.is_over(16));
}
