// SPDX-License-Identifier: BSD-3-Clause
// Which variant of the burst path runs here. Called by Gro's constructor, the engine's report and tests.
#include <millrace/gro/simd.hpp>

#include <millrace/base/simd.hpp>

namespace millrace::gro {

bool is_supported(Variant variant) {
#if defined(__x86_64__)
  switch (variant) {
    case Variant::scalar: return true;
    case Variant::sse: return __builtin_cpu_supports("sse4.1") != 0;
    case Variant::avx2: return __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi2") != 0;
    case Variant::avx512:
      return is_supported(Variant::avx2) && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0;
  }
  return false;
#else
  return variant == Variant::scalar;
#endif
}

Variant best_variant() {
  static const Variant best = [] {
    auto variant = static_cast<Variant>(simd_bound());
    while (!is_supported(variant)) variant = static_cast<Variant>(static_cast<std::uint8_t>(variant) - 1);
    return variant;
  }();
  return best;
}

const char* name(Variant variant) {
  switch (variant) {
    case Variant::scalar: return "scalar";
    case Variant::sse: return "sse";
    case Variant::avx2: return "avx2";
    case Variant::avx512: break;
  }
  return "avx512";
}

}  // namespace millrace::gro
