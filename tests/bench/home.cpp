// SPDX-License-Identifier: BSD-3-Clause
// mem: packet buffers allocated on one lcore and freed on another, by way of pkt::Home and by the mempool alone, beside
// the pair on one lcore. Called by main; calls make_packet() and drop().
#include "tests/bench/bench.hpp"
#include "tests/bench/lines.hpp"
#include "tests/bench/statistics.hpp"
#include "tests/bench/timing.hpp"

#include <millrace/env/env.hpp>
#include <millrace/runtime/eal.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <sched.h>
#include <stdexcept>
#include <thread>
#include <vector>

namespace millrace::bench {
namespace {

constexpr std::uint32_t burst = 32;
constexpr std::uint32_t bursts_of_a_round = 4000;
constexpr std::uint32_t in_flight = 16;  // bursts on their way over, at most
constexpr unsigned rounds = 31;

enum Way : std::uint8_t { same_lcore, home, mempool };

std::unique_ptr<pkt::Pool> make_pool(const char* name) {
  auto pool = pkt::Pool::create({.name = name, .packets = 4095});
  if (!pool) throw std::runtime_error(pool.error().message);
  return std::move(*pool);
}

struct Lcore {
  Lcore(std::uint16_t id, pkt::Pool& pool) {
    env.pool = &pool;
    env.stats = &stats;
    env.lcore = id;
  }
  stats::LcoreStats stats;
  Env env;
};

/// Two lcores: this thread allocates, another frees what comes over.
class TwoLcores {
 public:
  explicit TwoLcores(int other_cpu) : other_([this, other_cpu] { free_what_comes(other_cpu); }) {}
  ~TwoLcores() {
    stop_.store(true);
    other_.join();
  }

  /// Nanoseconds a packet for its allocation and its freeing, the way over not counted.
  double round(Way way) {
    a_.env.home = way == home ? &home_a_ : nullptr;
    b_.env.home = way == home ? &home_b_ : nullptr;  // the other thread has nothing to free now
    free_ticks_.store(0);
    std::uint64_t ticks = 0;
    for (std::uint32_t i = 0; i < bursts_of_a_round; ++i) ticks += way == same_lcore ? pair() : hand_over();
    while (freed_.load(std::memory_order_acquire) != handed_) {
    }
    home_a_.collect();
    home_a_.flush();
    return ns_of(ticks + free_ticks_.load()) / (bursts_of_a_round * burst);
  }
  [[nodiscard]] std::uint32_t in_use() const { return pool_a_->in_use() - rings_.waiting(0); }

 private:
  std::uint64_t allocate() {
    const std::uint64_t start = tsc();
    if (a_.env.home != nullptr) a_.env.home->collect();
    for (pkt::Mbuf*& m : packets_) m = make_packet(a_.env).release();
    if (a_.env.home != nullptr) a_.env.home->flush();
    const std::uint64_t ticks = tsc() - start;
    for (pkt::Mbuf* m : packets_) m->data()[0] = 1;
    return ticks;
  }
  static std::uint64_t free(Lcore& lcore, std::array<pkt::Mbuf*, burst>& packets) {
    for (pkt::Mbuf* m : packets) lcore.env.now += Duration(m->data()[0] + m->meta.gso_segs);  // as who has worked on them
    const std::uint64_t start = tsc();
    for (pkt::Mbuf* m : packets) drop(lcore.env, pkt::Packet::adopt(m), stats::DropReason::no_stack);
    if (lcore.env.home != nullptr) lcore.env.home->flush();
    return tsc() - start;
  }
  std::uint64_t pair() { return allocate() + free(a_, packets_); }
  std::uint64_t hand_over() {
    while (handed_ - freed_.load(std::memory_order_acquire) >= in_flight) {
    }
    const std::uint64_t ticks = allocate();
    over_.enqueue(packets_.data(), burst);
    ++handed_;
    return ticks;
  }
  void free_what_comes(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    sched_setaffinity(0, sizeof set, &set);
    const runtime::ThreadRegistration registration;
    std::array<pkt::Mbuf*, burst> packets;
    while (!stop_.load(std::memory_order_relaxed)) {
      if (over_.size() < burst) continue;
      over_.dequeue(packets.data(), burst);
      const std::uint64_t ticks = free(b_, packets);
      free_ticks_.store(free_ticks_.load(std::memory_order_relaxed) + ticks, std::memory_order_relaxed);
      freed_.store(freed_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
  }

  std::unique_ptr<pkt::Pool> pool_a_ = make_pool("bench_home_a");
  std::unique_ptr<pkt::Pool> pool_b_ = make_pool("bench_home_b");
  Lcore a_{0, *pool_a_};
  Lcore b_{1, *pool_b_};
  std::array<const pkt::Pool*, 2> pools_{pool_a_.get(), pool_b_.get()};
  pkt::HomeRings rings_{pools_};
  pkt::Home home_a_{rings_, 0, a_.stats};
  pkt::Home home_b_{rings_, 1, b_.stats};
  SpscRing<pkt::Mbuf*> over_{2 * in_flight * burst};
  std::array<pkt::Mbuf*, burst> packets_{};
  std::uint64_t handed_ = 0;
  alignas(64) std::atomic<std::uint64_t> freed_{0};
  std::atomic<std::uint64_t> free_ticks_{0};
  std::atomic<bool> stop_{false};
  std::thread other_;
};

}  // namespace

void run_memory(Bench& bench) {
  bench.load.look();
  Figure beside_pair{.id = "mem", .name = "free:other_lcore,way:home,beside:same_lcore", .peer_name = "same_lcore", .goal = Goal::ratio_at_least(0.5)};
  Figure beside_pool{.id = "mem", .name = "free:other_lcore,way:home,beside:mempool", .peer_name = "rte_mempool", .goal = Goal::ratio_at_least(1)};
  if (bench.other_cpu < 0) beside_pair.skip = beside_pool.skip = "there is one CPU only";
  if (bench.other_cpu >= 0) {
    const runtime::ThreadRegistration registration;
    TwoLcores lcores(bench.other_cpu);
    std::vector<double> pair, by_home, by_pool, to_pair, to_pool;
    for (unsigned i = 0; i < rounds; ++i) {
      pair.push_back(lcores.round(same_lcore));
      by_home.push_back(lcores.round(home));
      by_pool.push_back(lcores.round(mempool));
      to_pair.push_back(pair.back() / by_home.back());
      to_pool.push_back(by_pool.back() / by_home.back());
    }
    if (lcores.in_use() != 0) return bench.report.failure("mem", beside_pair.name, "buffers are missing");
    beside_pair.ours = beside_pool.ours = median(by_home);
    beside_pair.peer = median(pair);
    beside_pool.peer = median(by_pool);
    beside_pair.ratio = median(to_pair);
    beside_pool.ratio = median(to_pool);
  }
  if (bench.other_cpu >= 0) {
    const LineMoves moves = measure_line_moves(bench.other_cpu);
    char text[200];
    std::snprintf(text, sizeof text, "a line to the other CPU and back: %.0f ns; to here with 63 others: %.1f ns, and a packet has two that both lcores touch",
                  moves.round_trip_ns, moves.together_ns);
    bench.report.note(text);
  }
  bench.report.note("ns a packet of one buffer: allocation on one lcore and freeing on another, the ring between them not counted");
  bench.report.figure(beside_pair);
  bench.report.figure(beside_pool);
  run_copies_and_locks(bench);
}

}  // namespace millrace::bench
