// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/tcp/newreno.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;
using tcp::NewReno;

namespace {
tcp::AckSample acked(std::uint32_t bytes, bool limited = true) {
  return {.now = Instant{}, .acked = bytes, .in_flight = bytes, .round_trip = std::nullopt, .cwnd_limited = limited};
}
}  // namespace

TEST_CASE("RFC 5681 3.1: slow start grows by what is acknowledged") {
  NewReno cc(1000, 10000);
  cc.on_ack(acked(1000));
  CHECK(cc.cwnd() == 11000);
  cc.on_ack(acked(10000));
  CHECK(cc.cwnd() == 21000);
}

TEST_CASE("RFC 7661: a window that is not used does not grow") {
  NewReno cc(1000, 10000);
  cc.on_ack(acked(1000, false));
  CHECK(cc.cwnd() == 10000);
}

TEST_CASE("RFC 5681 3.1: congestion avoidance grows by one segment per window") {
  NewReno cc(1000, 10000);
  cc.on_loss(10000);
  cc.on_recovered(10000);
  REQUIRE(cc.cwnd() == 5000);
  for (int i = 0; i < 4; ++i) cc.on_ack(acked(1000));
  CHECK(cc.cwnd() == 5000);
  cc.on_ack(acked(1000));
  CHECK(cc.cwnd() == 6000);
}

TEST_CASE("RFC 5681 3.2 and RFC 6582 3.2: inflation, partial ACK, deflation") {
  NewReno cc(1000, 20000);
  cc.on_loss(20000);
  CHECK(cc.ssthresh() == 10000);
  CHECK(cc.cwnd() == 13000);
  cc.on_dup_ack();
  CHECK(cc.cwnd() == 14000);
  cc.on_partial_ack(3000);
  CHECK(cc.cwnd() == 12000);
  cc.on_recovered(4000);
  CHECK(cc.cwnd() == 5000);  // min(ssthresh, max(FlightSize, SMSS) + SMSS)
  NewReno full(1000, 20000);
  full.on_loss(20000);
  full.on_recovered(18000);
  CHECK(full.cwnd() == 10000);
}

TEST_CASE("RFC 5681 3.1: a timeout leaves one segment; the threshold falls once") {
  NewReno cc(1000, 20000);
  cc.on_rto(20000, true);
  CHECK(cc.cwnd() == 1000);
  CHECK(cc.ssthresh() == 10000);
  cc.on_rto(1000, false);
  CHECK(cc.ssthresh() == 10000);
  cc.on_rto(1000, true);
  CHECK(cc.ssthresh() == 2000);  // never below two segments
}

TEST_CASE("RFC 5681 4.1: after idling no more than the initial window") {
  NewReno cc(1000, 10000);
  cc.on_ack(acked(10000));
  cc.on_idle();
  CHECK(cc.cwnd() == 10000);
}
