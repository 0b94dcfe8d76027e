// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace {

/// The number of the lowest bit that is set; one is.
[[nodiscard]] inline std::size_t lowest_bit(std::uint32_t bits) { return static_cast<unsigned>(std::countr_zero(bits)); }

/// Calls f(i) for each bit i that is set, the lowest first.
template <class F>
void for_each_bit(std::uint32_t bits, F&& f) {
  for (; bits != 0; bits &= bits - 1) f(lowest_bit(bits));
}

}  // namespace millrace
