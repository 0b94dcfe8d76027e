// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/device_args.hpp"

#include "tests/support/catch.hpp"

using millrace::ethdev::argument;

TEST_CASE("device arguments: a value is what stands behind its whole key, up to the next comma") {
  CHECK(argument("iface=mr0,mac=fixed", "iface") == "mr0");
  CHECK(argument("iface=mr0,mac=fixed", "mac") == "fixed");
  CHECK(argument("path=/run/server=1/socket,queues=2", "server").empty());
  CHECK(argument("xpath=/a,path=/b", "path") == "/b");
  CHECK(argument("path=,queues=2", "path").empty());
  CHECK(argument("", "path").empty());
}
