// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/event_set.hpp>

#include "tests/support/catch.hpp"

#include <sys/eventfd.h>
#include <unistd.h>
#include <vector>

using namespace millrace;

TEST_CASE("an event ends the wait and is told of once, though nobody reads it off") {
  runtime::EventSet set;
  const int fd = eventfd(0, EFD_NONBLOCK);
  REQUIRE(set.add(fd, 42));
  std::vector<std::uint64_t> seen;
  const auto note = [&](std::uint64_t token) { seen.push_back(token); };
  CHECK(set.wait(0ns, note) == 0);
  CHECK(set.wait(1ms, note) == 0);
  const std::uint64_t one = 1;
  for (int i = 0; i < 2; ++i) {
    REQUIRE(write(fd, &one, sizeof one) == sizeof one);
    CHECK(set.wait(10s, note) == 1);
    CHECK(set.wait(0ns, note) == 0);
  }
  CHECK(seen == std::vector<std::uint64_t>{42, 42});
  set.remove(fd);
  REQUIRE(write(fd, &one, sizeof one) == sizeof one);
  CHECK(set.wait(0ns, note) == 0);
  close(fd);
  CHECK_FALSE(set.add(-1, 1));
}
