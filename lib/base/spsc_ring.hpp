// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace millrace {

/// Single producer, single consumer, bounded; no lock and no read-modify-write. Capacity is rounded up to
/// a power of two. The producer calls enqueue() and grow(), the consumer dequeue(); the rest may be read by either, and
/// by anyone else as of some moment ago.
template <class T>
class SpscRing {
 public:
  /// Counting begins at `first`.
  explicit SpscRing(std::uint32_t capacity, std::uint32_t first = 0)
      : in_(new Storage(capacity)), tail_(first), head_seen_(first), out_(in_), head_(first), tail_seen_(first) {}
  ~SpscRing() {
    // Oldest first: those before out_ have gone already.
    for (Storage* s = out_; s != nullptr;) delete std::exchange(s, s->next.load(std::memory_order_relaxed));
  }
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  /// The producer's.
  [[nodiscard]] std::uint32_t capacity() const { return in_->mask + 1; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::uint32_t size() const {
    return tail_.load(std::memory_order_acquire) - head_.load(std::memory_order_acquire);
  }
  /// Items ever moved in; wraps.
  [[nodiscard]] std::uint32_t tail() const { return tail_.load(std::memory_order_acquire); }

  /// Moves up to `count` items in; returns how many were taken. What was not taken stays with the caller.
  std::uint32_t enqueue(T* items, std::uint32_t count) {
    const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    std::uint32_t free = capacity() - (tail - head_seen_);
    if (free < count) {
      head_seen_ = head_.load(std::memory_order_acquire);
      free = capacity() - (tail - head_seen_);
    }
    const std::uint32_t n = count < free ? count : free;
    for (std::uint32_t i = 0; i < n; ++i) in_->slots[(tail + i) & in_->mask] = std::move(items[i]);
    tail_.store(tail + n, std::memory_order_release);
    return n;
  }
  bool enqueue(T item) { return enqueue(&item, 1) == 1; }

  /// Makes room for `capacity` items, if there is not so much already. What is queued stays where it is; the consumer
  /// goes over to the larger room behind it.
  void grow(std::uint32_t capacity) {
    if (capacity <= this->capacity()) return;
    auto* larger = new Storage(capacity);
    in_->end = tail_.load(std::memory_order_relaxed);
    in_->next.store(larger, std::memory_order_release);
    in_ = larger;
  }

  /// Moves up to `count` items out; returns how many.
  std::uint32_t dequeue(T* items, std::uint32_t count) {
    const std::uint32_t head = head_.load(std::memory_order_relaxed);
    std::uint32_t ready = tail_seen_ - head;
    if (ready < count) {
      tail_seen_ = tail_.load(std::memory_order_acquire);
      ready = tail_seen_ - head;
    }
    const std::uint32_t n = count < ready ? count : ready;
    for (std::uint32_t i = 0; i < n; ++i) items[i] = std::move(slot_of(head + i));
    head_.store(head + n, std::memory_order_release);
    return n;
  }

 private:
  struct Storage {
    explicit Storage(std::uint32_t capacity) : mask(std::bit_ceil(capacity < 2 ? 2u : capacity) - 1), slots(std::make_unique<T[]>(mask + 1)) {}
    const std::uint32_t mask;
    const std::unique_ptr<T[]> slots;
    std::atomic<Storage*> next{nullptr};  ///< where the items from `end` on are
    std::uint32_t end = 0;
  };
  // Whoever has seen an item in the tail also sees the storage that it went to.
  T& slot_of(std::uint32_t position) {
    for (Storage* next = out_->next.load(std::memory_order_acquire); next != nullptr && position - out_->end < 1u << 31;
         next = out_->next.load(std::memory_order_acquire))
      delete std::exchange(out_, next);
    return out_->slots[position & out_->mask];
  }

  // Each side keeps a copy of the other's index on its own line, and looks at the real one only when it must.
  alignas(64) Storage* in_;
  std::atomic<std::uint32_t> tail_;
  std::uint32_t head_seen_;
  alignas(64) Storage* out_;
  std::atomic<std::uint32_t> head_;
  std::uint32_t tail_seen_;
};

}  // namespace millrace
