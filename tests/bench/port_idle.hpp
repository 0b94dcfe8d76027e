// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"

namespace millrace::bench {

/// The second half of B5: what an idle lcore costs, and how fast it is awake.
void run_idle(Bench& bench);

}  // namespace millrace::bench
