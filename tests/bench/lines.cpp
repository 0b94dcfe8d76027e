// SPDX-License-Identifier: BSD-3-Clause
// Lines on their way between two CPUs. Called by the benchmarks of what lcores share.
#include "tests/bench/lines.hpp"

#include "tests/bench/memory.hpp"
#include "tests/bench/statistics.hpp"
#include "tests/bench/timing.hpp"

#include <millrace/base/prefetch.hpp>

#include <atomic>
#include <memory>
#include <sched.h>
#include <thread>
#include <vector>

namespace millrace::bench {
namespace {

constexpr std::size_t packets = 32;
constexpr std::size_t packet_bytes = 39 * line_bytes;  // as buffers of 2 KB lie
constexpr std::size_t lines = 2 * packets;             // of each what struct rte_mbuf begins with, and Meta
constexpr int round_trips = 20'000;
constexpr int tries = 500;

struct alignas(line_bytes) Line {
  std::atomic<std::uint32_t> value{0};
};

struct Shared {
  [[nodiscard]] Line& line(std::size_t i) { return memory[i / 2 * packet_bytes / line_bytes + i % 2 * 2]; }
  std::vector<Line> memory = std::vector<Line>(packets * packet_bytes / line_bytes);
  Line turn;  ///< odd: the other's
};

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  sched_setaffinity(0, sizeof set, &set);
}

/// Reads all lines whenever it is its turn, after the round trips, which read none.
void answer(Shared& shared, int cpu) {
  pin(cpu);
  for (std::uint32_t turn = 1; turn < 2 * (round_trips + tries); turn += 2) {
    while (shared.turn.value.load(std::memory_order_acquire) != turn) {
    }
    std::uint32_t sum = 0;
    if (turn > 2 * round_trips)
      for (std::size_t n = 0; n < lines; ++n) sum += shared.line(n).value.load(std::memory_order_relaxed);
    keep(sum);
    shared.turn.value.store(turn + 1, std::memory_order_release);
  }
}

}  // namespace

LineMoves measure_line_moves(int other_cpu) {
  const auto shared = std::make_unique<Shared>();
  std::thread other([&] { answer(*shared, other_cpu); });
  std::uint32_t turn = 0;
  const auto ask = [&] {
    shared->turn.value.store(turn + 1, std::memory_order_release);
    turn += 2;
    while (shared->turn.value.load(std::memory_order_acquire) != turn) {
    }
  };
  LineMoves moves;
  moves.round_trip_ns = timed([&] { for (int i = 0; i < round_trips; ++i) ask(); }) / round_trips;
  std::vector<double> each;
  for (int i = 0; i < tries; ++i) {
    ask();
    each.push_back(timed([&] {
                     for (std::size_t n = 0; n < lines; ++n) prefetch_for_write(&shared->line(n));
                     for (std::size_t n = 0; n < lines; ++n) shared->line(n).value.store(turn, std::memory_order_relaxed);
                   }) /
                   lines);
  }
  other.join();
  moves.together_ns = median(each);
  return moves;
}

}  // namespace millrace::bench
