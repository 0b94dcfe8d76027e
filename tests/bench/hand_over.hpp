// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"

namespace millrace::bench {

/// Of B3: packets from one lcore to another, by our rings beside rte_ring.
void run_hand_over(Bench& bench);

}  // namespace millrace::bench
