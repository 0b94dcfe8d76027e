// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/stack/tcp/isn.hpp>

#include "tests/support/catch.hpp"

using namespace millrace;

namespace {
const FlowKey flow{IpAddress::v4(10, 77, 0, 1), IpAddress::v4(10, 77, 0, 2), 80, 5000, 0, 6, 0};
Env env_at(Duration t) {
  Env env;
  env.now = Instant{t};
  env.secret = {1, 2};
  return env;
}
}  // namespace

TEST_CASE("RFC 6528: the ISN of a 4-tuple counts 4 us, so that incarnations do not overlap") {
  const tcp::Seq first = tcp::initial_sequence(env_at(5s), flow);
  CHECK(tcp::initial_sequence(env_at(5s), flow) == first);
  CHECK(tcp::initial_sequence(env_at(6s), flow) == first + 250'000);
}

TEST_CASE("RFC 6528: another tuple or another secret gives an unrelated ISN") {
  FlowKey other = flow;
  other.remote_port = 5001;
  Env env = env_at(5s);
  CHECK_FALSE(tcp::initial_sequence(env, other) == tcp::initial_sequence(env, flow));
  Env stranger = env;
  stranger.secret = {1, 3};
  CHECK_FALSE(tcp::initial_sequence(stranger, flow) == tcp::initial_sequence(env, flow));
  other = flow;
  other.stack = 1;
  CHECK_FALSE(tcp::initial_sequence(env, other) == tcp::initial_sequence(env, flow));
}

TEST_CASE("RFC 7323 7.1: the timestamp's offset belongs to the tuple and does not change with time") {
  CHECK(tcp::timestamp_offset(env_at(5s), flow) == tcp::timestamp_offset(env_at(500s), flow));
  CHECK_FALSE(tcp::timestamp_offset(env_at(5s), flow) == tcp::initial_sequence(env_at(0s), flow).value());
  CHECK(tcp::timestamp_clock(env_at(1234567us)) == 1234);
}

TEST_CASE("RFC 6056 3.3.3: the port offset depends on the destination") {
  FlowKey there = flow;
  there.local_port = 0;
  FlowKey elsewhere = there;
  elsewhere.remote = IpAddress::v4(10, 77, 0, 3);
  CHECK(tcp::port_offset(env_at(1s), there) == tcp::port_offset(env_at(2s), there));
  CHECK_FALSE(tcp::port_offset(env_at(1s), there) == tcp::port_offset(env_at(1s), elsewhere));
}
