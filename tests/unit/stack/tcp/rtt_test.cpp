// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/tcp/rtt.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;

TEST_CASE("RFC 6298 2.1: one second until something is measured") {
  const tcp::RttEstimator rtt{tcp::Config{}};
  CHECK(rtt.rto() == 1s);
  CHECK_FALSE(rtt.measured());
}

TEST_CASE("RFC 6298 2.2 and 2.3: SRTT, RTTVAR, and Linux's floor under the variance") {
  tcp::RttEstimator rtt{tcp::Config{}};
  rtt.sample(100ms);
  CHECK(rtt.srtt() == 100ms);
  CHECK(rtt.rttvar() == 50ms);
  CHECK(rtt.rto() == 300ms);
  rtt.sample(180ms);
  CHECK(rtt.srtt() == 110ms);
  CHECK(rtt.rttvar() == 57500us);
  CHECK(rtt.rto() == 110ms + 230ms);
  for (int i = 0; i < 200; ++i) rtt.sample(1ms);
  CHECK(rtt.rto() < 203ms);
  CHECK(rtt.rto() >= 201ms);
}

TEST_CASE("RFC 6298 5.5: the timeout doubles up to 120 s; a sample ends the back-off") {
  tcp::RttEstimator rtt{tcp::Config{}};
  rtt.back_off();
  CHECK(rtt.rto() == 2s);
  for (int i = 0; i < 40; ++i) rtt.back_off();
  CHECK(rtt.rto() == 120s);
  rtt.sample(100ms);
  CHECK(rtt.rto() == 300ms);
}

TEST_CASE("RFC 6298 5.7: a lost SYN without a measurement makes it 3 s") {
  tcp::RttEstimator rtt{tcp::Config{}};
  rtt.back_off();
  rtt.syn_was_lost();
  CHECK(rtt.rto() == 3s);
  rtt.sample(100ms);
  rtt.syn_was_lost();
  CHECK(rtt.rto() == 300ms);
}
