// SPDX-License-Identifier: BSD-3-Clause
// B3: packets handed from one lcore to another, whose headers the other one reads: runtime::WorkerRings, as Receive fills
// and Backlog empties them, beside rte_ring. Called by steer.cpp.
#include "tests/bench/hand_over.hpp"

#include "tests/bench/statistics.hpp"
#include "tests/bench/steer_peer.hpp"
#include "tests/bench/timing.hpp"

#include <millrace/pkt/pool.hpp>
#include <millrace/runtime/worker_rings.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <sched.h>
#include <stdexcept>
#include <thread>
#include <vector>

namespace millrace::bench {
namespace {

constexpr std::uint32_t burst = 32;
constexpr std::uint32_t in_flight = 512;
constexpr std::uint32_t packets_of_a_round = 256 * 1024;
constexpr unsigned rounds = 21;

enum class Way : std::uint8_t { none, ours, peer };

/// This thread hands the same packets over again and again, another takes them and reads their headers.
class TwoLcores {
 public:
  explicit TwoLcores(int other_cpu) {
    auto pool = pkt::Pool::create({.name = "bench_over", .packets = 2047, .data_room = 512});
    if (!pool) throw std::runtime_error(pool.error().message);
    pool_ = std::move(*pool);
    for (std::uint32_t i = 0; i < in_flight; ++i) {
      pkt::Packet packet = pool_->allocate();
      packet.append(64)[14] = static_cast<std::uint8_t>(i);
      packet.meta().l3_offset = 14;
      packets_.push_back(packet.release());
    }
    other_ = std::thread([this, other_cpu] { take(other_cpu); });
  }
  ~TwoLcores() {
    stop_.store(true);
    other_.join();
    for (pkt::Mbuf* m : packets_) pkt::consume(pkt::Packet::adopt(m));
  }

  /// Nanoseconds a packet.
  double round(Way way) {
    const std::uint64_t start_at = taken_.load(std::memory_order_acquire);
    way_.store(way, std::memory_order_release);
    const double ns = timed([&] {
      for (std::uint32_t sent = 0; sent < packets_of_a_round; sent += burst) {
        while (start_at + sent + burst - taken_.load(std::memory_order_acquire) > in_flight) {
        }
        hand_over(way, &packets_[sent % in_flight]);
      }
      while (taken_.load(std::memory_order_acquire) != start_at + packets_of_a_round) {
      }
    });
    return ns / packets_of_a_round;
  }
  /// Of all bytes that were read; each packet has its own.
  [[nodiscard]] std::uint64_t sum() const { return sum_.load(); }

 private:
  void hand_over(Way way, pkt::Mbuf** from) {
    if (way == Way::peer) {
      ring_.enqueue(reinterpret_cast<void**>(from), burst);
      return;
    }
    for (std::uint32_t i = 0; i < burst; ++i) static_cast<void>(rings_.enqueue(0, 1, pkt::Packet::adopt(from[i])).release());
    rings_.publish(0, 1);
  }
  std::uint32_t dequeue(Way way, pkt::Mbuf** into) {
    if (way == Way::peer) return ring_.dequeue(reinterpret_cast<void**>(into), burst);
    return rings_.dequeue(0, 1, into, burst / 2);
  }
  void take(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(static_cast<unsigned>(cpu), &set);
    sched_setaffinity(0, sizeof set, &set);
    std::array<pkt::Mbuf*, burst> batch;
    while (!stop_.load(std::memory_order_relaxed)) {
      const Way way = way_.load(std::memory_order_acquire);
      const std::uint32_t n = dequeue(way, batch.data());
      if (n == 0) continue;
      for (std::uint32_t i = 0; i < n; ++i) {
        __builtin_prefetch(batch[i]->data());
        __builtin_prefetch(&batch[i]->meta);
      }
      std::uint64_t sum = sum_.load(std::memory_order_relaxed);
      for (std::uint32_t i = 0; i < n; ++i) sum += batch[i]->data()[batch[i]->meta.l3_offset];
      sum_.store(sum, std::memory_order_relaxed);
      if (way == Way::ours) rings_.add_delivered(0, 1, n);
      taken_.store(taken_.load(std::memory_order_relaxed) + n, std::memory_order_release);
    }
  }

  std::unique_ptr<pkt::Pool> pool_;
  std::vector<pkt::Mbuf*> packets_;
  runtime::WorkerRings rings_{2, 1024};
  peer::Ring ring_{1024};
  alignas(64) std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> sum_{0};
  alignas(64) std::atomic<Way> way_{Way::none};
  std::atomic<bool> stop_{false};
  std::thread other_;
};

}  // namespace

void run_hand_over(Bench& bench) {
  bench.load.look();
  Figure figure{.id = "B3", .name = "hand_over:two_lcores,burst:32", .peer_name = "rte_ring+touch", .goal = Goal::ratio_at_least(1)};
  if (bench.other_cpu < 0) {
    figure.skip = "there is one CPU only";
    return bench.report.figure(figure);
  }
  TwoLcores lcores(bench.other_cpu);
  std::vector<double> ours, peer, ratios;
  std::uint64_t expected = 0;
  for (std::uint32_t i = 0; i < packets_of_a_round; ++i) expected += static_cast<std::uint8_t>(i % in_flight);
  for (unsigned i = 0; i < rounds; ++i) {
    for (const Way way : {Way::ours, Way::peer}) {
      const std::uint64_t before = lcores.sum();
      (way == Way::ours ? ours : peer).push_back(lcores.round(way));
      if (lcores.sum() - before != expected) return bench.report.failure("B3", figure.name, "not every packet was read");
    }
    ratios.push_back(peer.back() / ours.back());
  }
  figure.ours = median(ours);
  figure.peer = median(peer);
  figure.ratio = median(ratios);
  bench.report.note("ns a packet from one lcore to another, which reads its header");
  bench.report.figure(figure);
}

}  // namespace millrace::bench
