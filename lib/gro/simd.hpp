// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace millrace::gro {

/// How the headers of a burst are compared; all give the same answers. In the order of millrace::Simd.
enum class Variant : std::uint8_t {
  scalar,  ///< words, portable
  sse,     ///< what every x86-64-v2 machine has
  avx2,
  avx512,
};

/// The widest variant that this machine runs; MILLRACE_SIMD sets an upper bound (base/simd.hpp).
[[nodiscard]] Variant best_variant();
/// Whether this machine runs `variant`.
[[nodiscard]] bool is_supported(Variant variant);
/// "scalar", "sse", "avx2" or "avx512".
[[nodiscard]] const char* name(Variant variant);

}  // namespace millrace::gro
