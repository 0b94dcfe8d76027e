// SPDX-License-Identifier: BSD-3-Clause
// millrace::gro::Gro agrees with the oracle on generated frames that meet every condition of the table. Calls
// Differential.
#include "tests/oracle/gro_real.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"

#include <cstdio>

using namespace millrace;

namespace {

constexpr std::size_t frames_of_a_run = 500;

/// Prints how often each condition was met, and each run that differs.
void compare(std::size_t frames, std::uint64_t least) {
  INFO("MILLRACE_SEED=" << test::seed());
  oracle::Differential differential;
  oracle::Coverage coverage;
  int failed = 0;
  for (std::uint64_t i = 0; i * frames_of_a_run < frames && failed < 8; ++i) {
    const oracle::Run run = oracle::generate(test::seed() * 1'000'003 + i, frames_of_a_run, coverage);
    const auto difference = differential.first_difference(run);
    if (!difference) continue;
    const oracle::Run few = differential.shortest(run);
    std::printf("FAILED %s\n%s\n", differential.first_difference(few).value_or(*difference).c_str(),
                oracle::print(few).c_str());
    ++failed;
  }
  for (const auto& [condition, times] : coverage.counts())
    std::printf("%8llu  %s\n", static_cast<unsigned long long>(times), condition.c_str());
  CHECK(failed == 0);
  for (const std::string& condition : coverage.unmet(oracle::all_conditions(), least))
    FAIL_CHECK("met too rarely: " << condition);
}

}  // namespace

TEST_CASE("D10 D12 E4 E5 E6 E7 E8 E9 E10 E12 E13 E14 X18 X19 GRO agrees with the oracle on 20,000 frames") {
  compare(20'000, 3);
}

TEST_CASE("GRO agrees with the oracle on a million frames", "[.]") { compare(1'000'000, 100); }
