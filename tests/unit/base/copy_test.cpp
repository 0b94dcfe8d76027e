// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/copy.hpp>

#include <millrace/base/rng.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

#include <cstdlib>
#include <string>
#include <vector>

using namespace millrace;

TEST_CASE("O8: every copy kernel gives the same bytes at random sizes and offsets, and writes none beside them") {
  const std::uint64_t seed = test::seed();
  INFO("MILLRACE_SEED=" << seed);
  Rng rng(seed);
  constexpr std::size_t longest = 5000;
  std::vector<std::uint8_t> from(longest + 200), to, expected;
  int ran = 0;
  for (std::size_t k = 0; k < copy_kernels; ++k) {
    const auto kernel = static_cast<CopyKernel>(k);
    if (!is_supported(kernel)) continue;
    ++ran;
    for (int round = 0; round < 3000; ++round) {
      // Every short length, then any.
      const std::size_t n = round < 300 ? static_cast<std::size_t>(round) : rng.below(longest + 1);
      const std::size_t source = rng.below(100), target = rng.below(100);
      for (std::size_t i = 0; i < n; ++i) from[source + i] = static_cast<std::uint8_t>(rng.next());
      to.assign(longest + 200, 0xa5);
      expected = to;
      std::copy_n(from.begin() + static_cast<std::ptrdiff_t>(source), n, expected.begin() + static_cast<std::ptrdiff_t>(target));
      copy_bytes(kernel, to.data() + target, from.data() + source, n);
      if (to != expected) FAIL(name(kernel) << ": " << n << " bytes from offset " << source << " to offset " << target);
    }
  }
  CHECK(ran >= 2);  // memcpy, and rep movsb on every x86-64
}

TEST_CASE("O8: memcpy is what is used unless the environment names another kernel that the machine has") {
  unsetenv("MILLRACE_COPY");
  CHECK(chosen_copy_kernel() == CopyKernel::memcpy);
  for (std::size_t k = 0; k < copy_kernels; ++k) {
    const auto kernel = static_cast<CopyKernel>(k);
    setenv("MILLRACE_COPY", name(kernel), 1);
    CHECK(chosen_copy_kernel() == (is_supported(kernel) ? kernel : CopyKernel::memcpy));
  }
  setenv("MILLRACE_COPY", "dma", 1);
  CHECK(chosen_copy_kernel() == CopyKernel::memcpy);
  unsetenv("MILLRACE_COPY");
}
