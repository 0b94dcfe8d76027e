// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace millrace::stats {

/// One counter: a single writer (the lcore that owns it), any number of readers. A relaxed load and store,
/// so no locked instruction and no data race.
class Counter {
 public:
  void add(std::uint64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What a .def line says of a counter.
struct CounterInfo {
  const char* name;  ///< Linux's name where Linux has the counter
  const char* help;
};

/// The counters of one .def file, indexed by its enum, whose last enumerator is `count_`.
template <class Enum>
class CounterBlock {
 public:
  static constexpr std::size_t size = static_cast<std::size_t>(Enum::count_);

  void add(Enum which, std::uint64_t n = 1) { counters_[static_cast<std::size_t>(which)].add(n); }
  [[nodiscard]] std::uint64_t value(Enum which) const { return counters_[static_cast<std::size_t>(which)].value(); }
  [[nodiscard]] std::uint64_t operator[](Enum which) const { return value(which); }

 private:
  std::array<Counter, size> counters_;
};

}  // namespace millrace::stats
