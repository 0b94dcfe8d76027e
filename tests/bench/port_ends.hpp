// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/port/port.hpp>

#include <cstdint>

namespace millrace::bench {

/// One queue pair of a port and what an lcore gives to it: what the loops of B5 turn on.
struct PortEnds {
  static constexpr std::uint16_t burst_size = 32;

  Env& env;
  port::RxQueue& rx;
  port::TxQueue& tx;
};

}  // namespace millrace::bench
