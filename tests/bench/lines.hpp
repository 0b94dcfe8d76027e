// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace millrace::bench {

/// What it costs to write lines that another CPU has: the bound of whatever two lcores share. Virtual CPUs move: figures
/// differ by four times within minutes.
struct LineMoves {
  double round_trip_ns = 0;  ///< one line, there and back
  double together_ns = 0;    ///< each of 64 lines that were asked for at once, to this CPU
};
/// Between the calling thread's CPU and `other_cpu`.
[[nodiscard]] LineMoves measure_line_moves(int other_cpu);

}  // namespace millrace::bench
