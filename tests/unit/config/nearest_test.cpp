// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/config/nearest.hpp>

#include "tests/support/catch.hpp"

#include <array>

using namespace millrace::config;

TEST_CASE("the nearest word is found within a third of the letters") {
  constexpr std::array<std::string_view, 5> words{"mtu", "rx_queues", "tx_queues", "addresses", "name"};
  CHECK(nearest("mut", words) == "mtu");
  CHECK(nearest("MTU", words) == "mtu");
  CHECK(nearest("rx_queue", words) == "rx_queues");
  CHECK(nearest("tx_qeues", words) == "tx_queues");
  CHECK(nearest("adresses", words) == "addresses");
  CHECK(nearest("adress", words).empty());
  CHECK(nearest("zzz", words).empty());
  CHECK(nearest("mu", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(1000, 'm'), words).empty());
  CHECK(did_you_mean("nmae", words) == "; did you mean name?");
  CHECK(did_you_mean("colour", words).empty());
}
