// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/gro/simd.hpp>

#include "tests/support/catch.hpp"

#include <string>

using namespace millrace;

TEST_CASE("B2: the chosen variant runs here and has a name; scalar runs everywhere") {
  CHECK(gro::is_supported(gro::best_variant()));
  CHECK(gro::is_supported(gro::Variant::scalar));
  CHECK(std::string(gro::name(gro::Variant::scalar)) == "scalar");
  CHECK(std::string(gro::name(gro::Variant::sse)) == "sse");
  CHECK(std::string(gro::name(gro::Variant::avx2)) == "avx2");
  CHECK(std::string(gro::name(gro::Variant::avx512)) == "avx512");
}
