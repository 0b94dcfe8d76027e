// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <rte_cycles.h>

#include <cstdint>

namespace millrace::bench {

/// The time stamp counter, read after everything before it has been done.
[[nodiscard]] inline std::uint64_t tsc() { return rte_rdtsc_precise(); }
[[nodiscard]] inline double ns_of(std::uint64_t ticks) {
  return static_cast<double>(ticks) * 1e9 / static_cast<double>(rte_get_tsc_hz());
}
/// Nanoseconds that f() takes.
template <class F>
[[nodiscard]] double timed(F&& f) {
  const std::uint64_t start = tsc();
  f();
  return ns_of(tsc() - start);
}

/// Keeps the compiler from dropping the work that led to `value`.
template <class T>
inline void keep(T& value) {
  asm volatile("" : "+r"(value) : : "memory");
}

}  // namespace millrace::bench
