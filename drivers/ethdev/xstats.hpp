// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stats/dev_stats.hpp>

#include <cstdint>

namespace millrace::ethdev {

/// A device's extended statistics by DPDK's names; none when it has none.
[[nodiscard]] stats::NamedValues read_xstats(std::uint16_t port_id);

}  // namespace millrace::ethdev
