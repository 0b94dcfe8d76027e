// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"
#include "tests/bench/port_loops.hpp"
#include "tests/bench/port_ring.hpp"

namespace millrace::bench {

// B5 beside testpmd's io mode. Called by run_port.

/// Time of our two loops on a net_ring device, testpmd having one of its own.
void run_testpmd_ring(Bench& bench, PortRing& ring, PollLoop& loop);
/// The same, in instructions.
void run_testpmd_instructions(Bench& bench);
/// Time on virtio-user ports, whose vhost ends are worked by another CPU.
void run_testpmd_virtio(Bench& bench);

}  // namespace millrace::bench
