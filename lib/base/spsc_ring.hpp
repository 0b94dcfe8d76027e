// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>

namespace millrace {

/// Single producer, single consumer, bounded; no lock and no read-modify-write. Capacity is rounded up to
/// a power of two. The producer calls enqueue(), the consumer dequeue(); size() may be read by either.
template <class T>
class SpscRing {
 public:
  explicit SpscRing(std::uint32_t capacity)
      : mask_(std::bit_ceil(capacity < 2 ? 2u : capacity) - 1), slots_(std::make_unique<T[]>(mask_ + 1)) {}

  [[nodiscard]] std::uint32_t capacity() const { return mask_ + 1; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::uint32_t size() const {
    return tail_.load(std::memory_order_acquire) - head_.load(std::memory_order_acquire);
  }

  /// Moves up to `count` items in; returns how many were taken. What was not taken stays with the caller.
  std::uint32_t enqueue(T* items, std::uint32_t count) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    std::uint32_t free = capacity() - (tail - head_seen_);
    if (free < count) {
      head_seen_ = head_.load(std::memory_order_acquire);
      free = capacity() - (tail - head_seen_);
    }
    const std::uint32_t n = count < free ? count : free;
    for (std::uint32_t i = 0; i < n; ++i) slots_[(tail + i) & mask_] = std::move(items[i]);
    tail_.store(tail + n, std::memory_order_release);
    return n;
  }
  bool enqueue(T item) { return enqueue(&item, 1) == 1; }

  /// Moves up to `count` items out; returns how many.
  std::uint32_t dequeue(T* items, std::uint32_t count) {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    std::uint32_t ready = tail_seen_ - head;
    if (ready < count) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      ready = tail_seen_ - head;
    }
    const std::uint32_t n = count < ready ? count : ready;
    for (std::uint32_t i = 0; i < n; ++i) items[i] = std::move(slots_[(head + i) & mask_]);
    head_.store(head + n, std::memory_order_release);
    return n;
  }

 private:
  const std::uint32_t mask_;
  const std::unique_ptr<T[]> slots_;
  // Each side keeps a copy of the other's index on its own line, and looks at the real one only when it must.
  alignas(64) std::atomic<std::uint32_t> tail_{0};
  std::uint32_t head_seen_ = 0;
  alignas(64) std::atomic<std::uint32_t> head_{0};
  std::uint32_t tail_seen_ = 0;
};

}  // namespace millrace
