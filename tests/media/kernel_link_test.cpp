// SPDX-License-Identifier: BSD-3-Clause
// Whose link a port on a kernel's interface has: that of the interface that it was made on.
#include "tests/media/kernel.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <sched.h>

#include <thread>

using namespace millrace;
using namespace millrace::media;

namespace {

/// What the link is to a thread in a network namespace of its own, where an interface of the same index is up.
bool is_up_elsewhere(const port::Port& port, int index) {
  bool up = false;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) != 0) return;
    test::KernelInterface last("lo");
    for (int pair = 0; last.index() < index; ++pair) {
      test::KernelInterface other("other" + std::to_string(pair));
      last = test::KernelInterface("more" + std::to_string(pair));
      test::make_veth(other.name(), last.name());
      for (test::KernelInterface* const end : {&last, &other}) end->set_up(true);
    }
    up = port.link().up;
  }).join();
  return up;
}

}  // namespace

TEST_CASE("the link is that of the interface the port was made on, whichever namespace asks, and down when it is no more") {
  static_cast<void>(conformance::subjects());  // EAL
  test::KernelInterface near("near");
  test::KernelInterface far("far");
  test::make_veth(near.name(), far.name());
  near.set_up(true);
  far.set_up(true);
  const int index = near.index();
  {
    test::TestPool pool;
    const auto opened = ethdev::open({.name = "net_af_packet9", .args = "iface=near", .pools = {&*pool}});
    REQUIRE(opened);
    const port::Port& port = **opened;
    CHECK(wait_until([&] { return port.link().up; }));
    CHECK(is_up_elsewhere(port, index));
    far.set_up(false);
    CHECK(wait_until([&] { return !port.link().up; }));
    CHECK_FALSE(is_up_elsewhere(port, index));
    far.set_up(true);
    CHECK(wait_until([&] { return port.link().up; }));
    near.remove();
    CHECK_FALSE(port.link().up);
  }
}
