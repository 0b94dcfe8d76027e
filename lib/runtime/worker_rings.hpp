// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/spsc_ring.hpp>
#include <millrace/pkt/packet.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

namespace millrace::runtime {

/// The rings over which lcores hand packets to each other: one SPSC ring for each (source, target) pair. The source
/// alone enqueues, the target alone dequeues.
class WorkerRings {
 public:
  /// Rings for `lcores` lcores; each holds `capacity` packets (rounded up to a power of two).
  WorkerRings(std::uint16_t lcores, std::uint32_t capacity);
  /// Frees what is still queued; every lcore has stopped.
  ~WorkerRings();

  /// A ring's content, oldest first, after both sides have stopped.
  template <class F>
  void drain(F&& f) {
    for (auto& ring : rings_) {
      if (!ring) continue;
      pkt::Mbuf* m;
      while (ring->dequeue(&m, 1) == 1) f(pkt::Packet::adopt(m));
    }
  }

  [[nodiscard]] std::uint16_t lcores() const { return lcores_; }

  /// Source side: the packet is queued for `target`, or comes back when the ring is full.
  [[nodiscard]] pkt::Packet enqueue(std::uint16_t source, std::uint16_t target, pkt::Packet packet) {
    pkt::Mbuf* m = packet.release();
    if (ring(source, target).enqueue(m)) return {};
    return pkt::Packet::adopt(m);
  }

  /// Target side: up to `count` packets from one source.
  std::uint32_t dequeue(std::uint16_t source, std::uint16_t target, pkt::Mbuf** into, std::uint32_t count) {
    return ring(source, target).dequeue(into, count);
  }

  /// Packets that one source has handed to `target` and that wait.
  [[nodiscard]] std::uint32_t waiting(std::uint16_t source, std::uint16_t target) const {
    return rings_[index(source, target)]->size();
  }
  /// Packets waiting for `target` over all sources; any of the two sides may ask.
  [[nodiscard]] std::uint32_t waiting(std::uint16_t target) const {
    std::uint32_t sum = 0;
    for (std::uint16_t source = 0; source < lcores_; ++source)
      if (source != target) sum += rings_[index(source, target)]->size();
    return sum;
  }

 private:
  [[nodiscard]] std::size_t index(std::uint16_t source, std::uint16_t target) const {
    return std::size_t{source} * lcores_ + target;
  }
  SpscRing<pkt::Mbuf*>& ring(std::uint16_t source, std::uint16_t target) { return *rings_[index(source, target)]; }

  std::uint16_t lcores_;
  std::vector<std::unique_ptr<SpscRing<pkt::Mbuf*>>> rings_;
};

}  // namespace millrace::runtime
