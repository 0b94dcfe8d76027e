// SPDX-License-Identifier: BSD-3-Clause
// mem, the rest: the copy kernels by size, and the lock of control paths beside rte_spinlock at 16 threads. Called by
// home.cpp; calls copy_bytes() and McsLock.
#include "tests/bench/bench.hpp"
#include "tests/bench/statistics.hpp"
#include "tests/bench/timing.hpp"

#include <millrace/base/copy.hpp>
#include <millrace/runtime/mcs_lock.hpp>

#include <rte_spinlock.h>

#include <algorithm>
#include <cstdio>
#include <thread>
#include <vector>

namespace millrace::bench {
namespace {

constexpr unsigned rounds = 31;

/// TSC ticks for a copy of `size` bytes, the buffers in cache, at offsets of a packet's payload.
double ticks_of(CopyKernel kernel, std::size_t size, std::vector<std::uint8_t>& to, std::vector<std::uint8_t>& from) {
  const std::size_t copies = std::max<std::size_t>(8, 262144 / size);
  const std::uint64_t start = tsc();
  for (std::size_t i = 0; i < copies; ++i) {
    copy_bytes(kernel, to.data() + 2, from.data() + 54, size);
    asm volatile("" : : : "memory");
  }
  return static_cast<double>(tsc() - start) / static_cast<double>(copies);
}

void run_copies(Bench& bench, std::size_t size) {
  std::vector<std::uint8_t> to(size + 64), from(size + 64, 1);
  std::vector<std::vector<double>> ticks(copy_kernels);
  for (unsigned round = 0; round < rounds; ++round)
    for (std::size_t k = 0; k < copy_kernels; ++k)
      if (is_supported(static_cast<CopyKernel>(k))) ticks[k].push_back(ticks_of(static_cast<CopyKernel>(k), size, to, from));
  std::string text = "copies of " + std::to_string(size) + " bytes, bytes a TSC cycle:";
  double best_other = 0;
  std::size_t best = 0;
  const auto chosen = static_cast<std::size_t>(chosen_copy_kernel());
  for (std::size_t k = 0; k < copy_kernels; ++k) {
    if (ticks[k].empty()) continue;
    const double m = median(ticks[k]);
    char cell[64];
    std::snprintf(cell, sizeof cell, " %s %.1f", name(static_cast<CopyKernel>(k)), static_cast<double>(size) / m);
    text += cell;
    if (k != chosen && (best_other == 0 || m < best_other)) best_other = m, best = k;
  }
  bench.report.note(text);
  const double ours = median(ticks[chosen]);
  bench.report.figure({.id = "mem",
                       .name = "copy:" + std::to_string(size) + ",kernel:" + name(static_cast<CopyKernel>(chosen)),
                       .ours = ns_of(static_cast<std::uint64_t>(ours * 1000)) / 1000,
                       .peer = ns_of(static_cast<std::uint64_t>(best_other * 1000)) / 1000,
                       .peer_name = name(static_cast<CopyKernel>(best)),
                       .ratio = best_other / ours,
                       .goal = Goal::ratio_at_least(0.9)});
}

/// Nanoseconds for each time that one of 16 threads has the lock.
template <class Locked>
double contended(Locked&& locked) {
  constexpr int threads = 16;
  constexpr int each = 5000;
  std::uint64_t sum = 0;
  std::vector<std::thread> running;
  const std::uint64_t start = tsc();
  for (int t = 0; t < threads; ++t)
    running.emplace_back([&] {
      for (int i = 0; i < each; ++i) locked([&] { ++sum; });
    });
  for (auto& thread : running) thread.join();
  return sum == threads * each ? ns_of(tsc() - start) / (threads * each) : 0;
}

void run_locks(Bench& bench) {
  runtime::McsLock mcs;
  rte_spinlock_t spin = RTE_SPINLOCK_INITIALIZER;
  std::vector<double> ours, peer, ratio;
  for (unsigned round = 0; round < 7; ++round) {
    ours.push_back(contended([&](auto&& f) {
      const runtime::McsLock::Guard guard(mcs);
      f();
    }));
    peer.push_back(contended([&](auto&& f) {
      rte_spinlock_lock(&spin);
      f();
      rte_spinlock_unlock(&spin);
    }));
    ratio.push_back(peer.back() / ours.back());
  }
  bench.report.figure({.id = "mem", .name = "lock:mcs,threads:16", .ours = median(ours), .peer = median(peer), .peer_name = "rte_spinlock",
                       .ratio = median(ratio), .goal = Goal::ratio_at_least(1)});
}

}  // namespace

void run_copies_and_locks(Bench& bench) {
  for (const std::size_t size : {64u, 256u, 1448u, 4096u, 65536u}) run_copies(bench, size);
  run_locks(bench);
}

}  // namespace millrace::bench
