// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/bench/bench.hpp"

namespace millrace::bench {

/// UDP echo over virtio-user, the other side being this program's vhost ports, beside testpmd, which swaps addresses. Called by
/// run_udp.
void run_udp_vhost(Bench& bench);

}  // namespace millrace::bench
