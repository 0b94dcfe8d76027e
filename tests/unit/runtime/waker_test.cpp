// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/waker.hpp>

#include "tests/support/catch.hpp"

#include <poll.h>
#include <unistd.h>

using namespace millrace;

namespace {

bool readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, 0) == 1;
}

}  // namespace

TEST_CASE("X20: nobody asleep costs no write") {
  runtime::Waker waker;
  CHECK_FALSE(waker.wake_if_asleep());
  CHECK_FALSE(readable(waker.fd()));
}

TEST_CASE("X20: who has announced itself is woken, and retracting ends that") {
  runtime::Waker waker;
  waker.announce();
  CHECK(waker.wake_if_asleep());
  CHECK(readable(waker.fd()));
  CHECK(waker.sleep(1s));  // returns at once: the event is there
  CHECK_FALSE(readable(waker.fd()));
  CHECK_FALSE(waker.wake_if_asleep());
  waker.announce();
  waker.retract();
  CHECK_FALSE(waker.wake_if_asleep());
}

TEST_CASE("a sleep without a wake-up ends with its time") {
  runtime::Waker waker;
  waker.announce();
  CHECK_FALSE(waker.sleep(1ms));
}

TEST_CASE("L1: one sleep costs one write, however many producers have something") {
  runtime::Waker waker;
  waker.announce();
  CHECK(waker.wake_if_asleep());
  CHECK_FALSE(waker.wake_if_asleep());
  CHECK_FALSE(waker.wake_if_asleep());
  std::uint64_t written = 0;
  REQUIRE(::read(waker.fd(), &written, sizeof written) == sizeof written);
  CHECK(written == 1);
  CHECK_FALSE(waker.retract_unwoken());  // it had been taken
  waker.announce();
  CHECK(waker.retract_unwoken());
}
