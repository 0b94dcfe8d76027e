// SPDX-License-Identifier: BSD-3-Clause
// The control loop that guards the rounds. Called by compare.cpp.
#include "tests/bench/control.hpp"

#include "tests/bench/timing.hpp"

#include <unistd.h>

namespace millrace::bench {
namespace {

constexpr std::size_t multiplications = 20'000;
constexpr double cycles_of_one = 3;
constexpr std::size_t loads = 2'000;

std::size_t half_of_l2() {
  const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);
  return l2 > 0 ? static_cast<std::size_t>(l2) / 2 : std::size_t{256} << 10;
}

std::uint64_t chain_ticks() {
  std::uint64_t x = 3;
  std::uint64_t factor = 0x9e3779b97f4a7c15;
  keep(factor);
  const std::uint64_t start = tsc();
  for (std::size_t i = 0; i < multiplications; ++i) x *= factor;
  keep(x);
  return tsc() - start;
}

}  // namespace

double core_per_tsc() { return cycles_of_one * multiplications / static_cast<double>(chain_ticks()); }

Control::Control(bool huge_pages) : region_(half_of_l2(), huge_pages), chase_(region_.data(), region_.size()) {}

Control::Reading Control::read() {
  // What ran before has emptied the cache: that is its right, and not to be seen here.
  for (std::size_t at = 0; at < region_.size(); at += line_bytes) keep(region_.data()[at]);
  chase_.walk(region_.size() / line_bytes);
  const std::uint64_t chain = chain_ticks();
  const double walk = timed([&] { chase_.walk(loads); });
  return {.core_per_tsc = cycles_of_one * multiplications / static_cast<double>(chain), .ns = ns_of(chain) + walk};
}

}  // namespace millrace::bench
