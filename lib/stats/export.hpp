// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stats/lcore_stats.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace millrace::stats {

/// Every export shows each counter of each .def, summed over the lcores given. Control path: they allocate. Any thread.

enum class Show : std::uint8_t { all, non_zero };

/// "group.name  value  help", one line each, in columns.
[[nodiscard]] std::string to_text(std::span<const LcoreStats* const> lcores, Show show = Show::all);

/// {"group": {"name": value, ...}, ...} in declaration order; indent < 0: one line.
[[nodiscard]] std::string to_json(std::span<const LcoreStats* const> lcores, int indent = -1);

/// Prometheus text exposition format 0.0.4: millrace_<group>_<name>_total with HELP and TYPE.
[[nodiscard]] std::string to_prometheus(std::span<const LcoreStats* const> lcores);

/// One row of softnet_stat: an online lcore and how many packets wait in its backlog now.
struct SoftnetRow {
  const LcoreStats* stats = nullptr;
  std::uint32_t lcore = 0;
  std::uint32_t input_qlen = 0;    ///< on the rings towards it
  std::uint32_t process_qlen = 0;  ///< taken off the rings, not yet delivered
};
/// /proc/net/softnet_stat: 15 columns of %08x for each row, as softnet_seq_show() of Linux 6.18 prints them; values
/// are cut to 32 bits as there.
[[nodiscard]] std::string to_softnet_stat(std::span<const SoftnetRow> rows);

}  // namespace millrace::stats
