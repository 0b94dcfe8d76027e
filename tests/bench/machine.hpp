// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>

namespace millrace::bench {

/// What the memory of this machine does, measured at the start of each run; the floors are made of it.
struct Machine {
  double line_ns = 0;        ///< one line from beyond L2, waited for
  double overlapped_ns = 0;  ///< the same, many under way at once
  double far_line_ns = 0;    ///< from beyond every cache
  double far_overlapped_ns = 0;
  std::size_t l2_bytes = 0;  ///< by latency
  double copy_near_ns = 0;   ///< 1448 bytes, both sides in L2
  double copy_far_ns = 0;    ///< the same, the source beyond every cache
};

/// The set that "beyond L2" and "cold" are measured with.
inline constexpr std::size_t cold_bytes = std::size_t{8} << 20;

[[nodiscard]] Machine measure_machine(bool huge_pages);
/// What it found, and what no code can go below because of it.
void print(const Machine& machine);

}  // namespace millrace::bench
