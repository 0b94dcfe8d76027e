// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <cstdlib>

namespace millrace::test {

/// The seed of every randomised test: MILLRACE_SEED, or 1. Tests show it on failure: INFO("MILLRACE_SEED=" << seed).
[[nodiscard]] inline std::uint64_t seed() {
  const char* text = std::getenv("MILLRACE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 1;
}

}  // namespace millrace::test
