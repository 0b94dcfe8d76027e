// SPDX-License-Identifier: BSD-3-Clause
// Memory to measure with. Called by the machine's measurement, the control loop and the cold cases.
#include "tests/bench/memory.hpp"

#include "tests/bench/timing.hpp"

#include <millrace/base/assert.hpp>
#include <millrace/base/rng.hpp>

#include <numeric>
#include <sys/mman.h>

namespace millrace::bench {

Region::Region(std::size_t bytes, bool huge_pages) : bytes_(bytes) {
  void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) throw std::bad_alloc();
  madvise(p, bytes, huge_pages ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  data_ = static_cast<std::uint8_t*>(p);
  for (std::size_t at = 0; at < bytes; at += line_bytes) data_[at] = 1;
}

Region::~Region() { munmap(data_, bytes_); }

Chase::Chase(std::uint8_t* memory, std::size_t bytes) {
  // Sattolo's shuffle: one cycle through all lines.
  std::vector<std::uint32_t> order(bytes / line_bytes);
  std::iota(order.begin(), order.end(), 0u);
  Rng rng(1);
  for (std::size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[rng.next() % i]);
  const auto line = [&](std::size_t i) { return reinterpret_cast<void**>(memory + order[i] * line_bytes); };
  for (std::size_t i = 0; i < order.size(); ++i) *line(i) = line((i + 1) % order.size());
  at_ = line(0);
}

void Chase::walk(std::size_t loads) {
  void** at = at_;
  for (std::size_t i = 0; i < loads; ++i) at = static_cast<void**>(*at);
  keep(at);
  at_ = at;
}

}  // namespace millrace::bench
