// SPDX-License-Identifier: BSD-3-Clause
// What MILLRACE_SIMD allows. Called by the choices between variants in wire, gro and their tests.
#include <millrace/base/simd.hpp>

#include <millrace/base/log.hpp>

#include <cstdlib>
#include <string>

namespace millrace {

const char* name(Simd level) {
  switch (level) {
    case Simd::scalar: return "scalar";
    case Simd::sse: return "sse";
    case Simd::avx2: return "avx2";
    case Simd::avx512: break;
  }
  return "avx512";
}

std::optional<Simd> parse_simd(std::string_view word) {
  for (const Simd level : {Simd::scalar, Simd::sse, Simd::avx2, Simd::avx512})
    if (word == name(level)) return level;
  return std::nullopt;
}

Simd simd_bound() {
  static const Simd bound = [] {
    const char* const text = std::getenv("MILLRACE_SIMD");
    if (text == nullptr) return Simd::avx512;
    if (const auto level = parse_simd(text)) return *level;
    log(LogLevel::warn, "MILLRACE_SIMD=" + std::string(text) + " is not known and bounds nothing; write scalar, sse, avx2 or avx512");
    return Simd::avx512;
  }();
  return bound;
}

}  // namespace millrace
