// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/spsc_ring.hpp>
#include <millrace/pkt/packet.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace millrace::runtime {

/// The rings over which lcores hand packets to each other, and each to itself (netif_rx): one SPSC ring for each
/// (source, target) pair. The source alone enqueues and grows, the target alone dequeues.
class WorkerRings {
 public:
  /// Where the counts of queued and delivered packets begin: they wrap soon after, not in the field.
  static constexpr std::uint32_t first_count = 0u - 1000;

  /// Rings for `lcores` lcores; each holds `capacity` packets (rounded up to a power of two).
  WorkerRings(std::uint16_t lcores, std::uint32_t capacity);
  /// Frees what is still queued; every lcore has stopped.
  ~WorkerRings();

  /// A ring's content, oldest first, after both sides have stopped.
  template <class F>
  void drain(F&& f) {
    for (auto& pair : pairs_) {
      pair->ring.publish();
      pkt::Mbuf* m;
      while (pair->ring.dequeue(&m, 1) == 1) f(pkt::Packet::adopt(m));
    }
  }

  [[nodiscard]] std::uint16_t lcores() const { return lcores_; }

  /// Source side: the packet is queued for `target`, which sees it after publish(); or it comes back when the ring is full.
  [[nodiscard]] pkt::Packet enqueue(std::uint16_t source, std::uint16_t target, pkt::Packet packet) {
    pkt::Mbuf* m = packet.release();
    if (pair(source, target).ring.put(m)) return {};
    return pkt::Packet::adopt(m);
  }
  /// Source side: at the end of a burst, before `target` is woken.
  void publish(std::uint16_t source, std::uint16_t target) { pair(source, target).ring.publish(); }
  /// Source side: all its rings hold `capacity` packets from now on, if they did not.
  void grow(std::uint16_t source, std::uint32_t capacity) {
    for (std::uint16_t target = 0; target < lcores_; ++target) pair(source, target).ring.grow(capacity);
  }

  /// Target side: up to `count` packets from one source.
  std::uint32_t dequeue(std::uint16_t source, std::uint16_t target, pkt::Mbuf** into, std::uint32_t count) {
    return pair(source, target).ring.dequeue(into, count);
  }
  /// Target side: that many of the packets that it took from `source` have been delivered or dropped.
  void add_delivered(std::uint16_t source, std::uint16_t target, std::uint32_t count) {
    std::atomic<std::uint32_t>& delivered = pair(source, target).delivered;
    delivered.store(delivered.load(std::memory_order_relaxed) + count, std::memory_order_release);
  }

  /// Source side: packets that `source` has ever queued for `target`, and how many of them have been delivered (not only dequeued);
  /// both wrap (receive_path F8).
  [[nodiscard]] std::uint32_t queued(std::uint16_t source, std::uint16_t target) const { return pair(source, target).ring.put_tail(); }
  [[nodiscard]] std::uint32_t delivered(std::uint16_t source, std::uint16_t target) const {
    return pair(source, target).delivered.load(std::memory_order_acquire);
  }

  /// Packets that one source has handed to `target` and that wait.
  [[nodiscard]] std::uint32_t waiting(std::uint16_t source, std::uint16_t target) const { return pair(source, target).ring.size(); }
  /// Packets waiting for `target` over all sources; any of the two sides may ask.
  [[nodiscard]] std::uint32_t waiting(std::uint16_t target) const {
    std::uint32_t sum = 0;
    for (std::uint16_t source = 0; source < lcores_; ++source) sum += pair(source, target).ring.size();
    return sum;
  }

 private:
  struct Pair {
    explicit Pair(std::uint32_t capacity) : ring(capacity, first_count) {}
    SpscRing<pkt::Mbuf*> ring;
    alignas(64) std::atomic<std::uint32_t> delivered{first_count};
  };
  [[nodiscard]] Pair& pair(std::uint16_t source, std::uint16_t target) const {
    return *pairs_[std::size_t{source} * lcores_ + target];
  }

  std::uint16_t lcores_;
  std::vector<std::unique_ptr<Pair>> pairs_;
};

}  // namespace millrace::runtime
