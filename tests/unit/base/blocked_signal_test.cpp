// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/blocked_signal.hpp>

#include "tests/support/catch.hpp"

#include <cerrno>
#include <unistd.h>

using namespace millrace;

namespace {

int heard = 0;

int write_to_nobody() {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  close(ends[0]);
  const bool failed = write(ends[1], "x", 1) == -1 && errno == EPIPE;
  close(ends[1]);
  return failed ? 1 : 0;
}

}  // namespace

TEST_CASE("a blocked signal never comes, behind the scope neither; what comes outside of it does") {
  const auto before = std::signal(SIGPIPE, [](int) { ++heard; });
  heard = 0;
  {
    const BlockedSignal blocked(SIGPIPE);
    CHECK(write_to_nobody() == 1);
  }
  CHECK(heard == 0);
  CHECK(write_to_nobody() == 1);
  CHECK(heard == 1);
  std::signal(SIGPIPE, before);
}
