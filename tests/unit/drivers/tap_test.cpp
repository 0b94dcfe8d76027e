// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/tap.hpp"

#include "tests/support/catch.hpp"

#include <cerrno>
#include <csignal>

using namespace millrace;

namespace {

void on_signal(int) {}

void (*handler_of(int signal))(int) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

}  // namespace

TEST_CASE("the names that mean DPDK's TAP driver") {
  CHECK(ethdev::is_tap("net_tap0"));
  CHECK_FALSE(ethdev::is_tap("net_ring0"));
  CHECK_FALSE(ethdev::is_tap("my_net_tap0"));
}

TEST_CASE("an interface name that the kernel cannot hold is told before anything is made") {
  const auto done = ethdev::check_tap("net_tap0", "mac=fixed,iface=a-name-of-17-char");
  REQUIRE_FALSE(done);
  CHECK(done.error().code == ENAMETOOLONG);
  CHECK(done.error().message.find("a-name-of-17-char") != std::string::npos);
}

TEST_CASE("real-time signals are hidden from the driver for a while and given back as they were") {
  const int taken = SIGRTMIN + 3;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigaction(taken, &action, nullptr);
  {
    const ethdev::WithoutTapSignal hidden;
    for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) CHECK(handler_of(signal) != SIG_DFL);
    CHECK(handler_of(taken) == on_signal);
  }
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) CHECK((handler_of(signal) == SIG_DFL) == (signal != taken));
  signal(taken, SIG_DFL);
}
