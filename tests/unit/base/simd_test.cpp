// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/simd.hpp>

#include "tests/support/catch.hpp"

#include <cstdlib>

using namespace millrace;

TEST_CASE("levels are ordered, each has a name, and its name is the level") {
  Simd before = Simd::scalar;
  for (const char* word : {"scalar", "sse", "avx2", "avx512"}) {
    const auto level = parse_simd(word);
    REQUIRE(level);
    CHECK(name(*level) == std::string_view(word));
    CHECK(*level >= before);
    before = *level;
  }
  CHECK_FALSE(parse_simd("avx"));
  CHECK_FALSE(parse_simd(""));
}

TEST_CASE("MILLRACE_SIMD is the bound; without it there is none") {
  const char* text = std::getenv("MILLRACE_SIMD");
  CHECK(simd_bound() == parse_simd(text != nullptr ? text : "avx512").value_or(Simd::avx512));
}
