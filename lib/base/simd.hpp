// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace millrace {

/// Instruction sets for which there is code of its own, each with those before it. `sse` is what every x86-64-v2 machine
/// has.
enum class Simd : std::uint8_t { scalar, sse, avx2, avx512 };

/// "scalar", "sse", "avx2" or "avx512".
[[nodiscard]] const char* name(Simd level);
[[nodiscard]] std::optional<Simd> parse_simd(std::string_view word);

/// The highest level that MILLRACE_SIMD in the environment allows: every choice between variants goes by it and by what
/// the CPU has. avx512 when it is not set; a word that is none of the four is complained of once, and counts as not set.
/// The environment is read once in a process.
[[nodiscard]] Simd simd_bound();

}  // namespace millrace
