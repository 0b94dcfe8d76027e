// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/prefetch.hpp>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace millrace {

/// Single producer, single consumer, bounded; no lock and no read-modify-write. Capacity is rounded up to
/// a power of two. The producer calls enqueue(), put(), publish() and grow(), the consumer dequeue(); the rest may be read by
/// either, and by anyone else as of some moment ago.
template <class T>
class SpscRing {
 public:
  /// Counting begins at `first`.
  explicit SpscRing(std::uint32_t capacity, std::uint32_t first = 0)
      : tail_(first), head_(first), in_(new Storage(capacity)), put_(first), head_seen_(first), out_(in_), tail_seen_(first) {}
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

  /// The producer's: the same with what is put and not published yet.
  [[nodiscard]] std::uint32_t put_tail() const { return put_; }

  /// Moves an item in that nobody sees before publish(). False when there is no room; the item stays with the caller then.
  bool put(T& item) { return put(&item, 1) == 1; }
  /// The same of up to `count` items; returns how many were taken.
  std::uint32_t put(T* items, std::uint32_t count) {
    const std::uint32_t n = std::min(count, room(count));
    T* const slots = in_->slots.get();
    const std::uint32_t mask = in_->mask;
    const std::uint32_t first = put_;
    for (std::uint32_t i = 0; i < n; ++i) slots[(first + i) & mask] = std::move(items[i]);
    put_ = first + n;
    return n;
  }
  /// Shows what was put: once for many items, since each time the consumer has to fetch the line anew.
  void publish() {
    if (tail_.load(std::memory_order_relaxed) != put_) tail_.store(put_, std::memory_order_release);
  }

  /// Fetches what putting `count` items and showing them will write, which the consumer has read meanwhile.
  void prefetch_room(std::uint32_t count) const {
    prefetch_for_write(&tail_);
    constexpr std::uint32_t items_of_a_line = 64 / sizeof(T) > 0 ? 64 / sizeof(T) : 1;
    for (std::uint32_t i = 0; i < count; i += items_of_a_line) prefetch_for_write(&in_->slots[(put_ + i) & in_->mask]);
  }

  /// Moves up to `count` items in, and shows them; returns how many were taken. What was not taken stays with the caller.
  std::uint32_t enqueue(T* items, std::uint32_t count) {
    const std::uint32_t n = put(items, count);
    publish();
    return n;
  }
  bool enqueue(T item) { return enqueue(&item, 1) == 1; }

  /// Makes room for `capacity` items, if there is not so much already. What is queued stays where it is; the consumer
  /// goes over to the larger room behind it.
  void grow(std::uint32_t capacity) {
    if (capacity <= this->capacity()) return;
    auto* larger = new Storage(capacity);
    in_->end = put_;
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
    const std::uint32_t n = std::min(count, ready);
    if (out_->next.load(std::memory_order_acquire) == nullptr) {
      T* const slots = out_->slots.get();
      const std::uint32_t mask = out_->mask;
      for (std::uint32_t i = 0; i < n; ++i) items[i] = std::move(slots[(head + i) & mask]);
    } else {
      for (std::uint32_t i = 0; i < n; ++i) items[i] = std::move(slot_of(head + i));
    }
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
  /// Free places, exactly if there are fewer than `wanted`.
  std::uint32_t room(std::uint32_t wanted) {
    if (capacity() - (put_ - head_seen_) < wanted) head_seen_ = head_.load(std::memory_order_acquire);
    return capacity() - (put_ - head_seen_);
  }
  // Whoever has seen an item in the tail also sees the storage that it went to.
  T& slot_of(std::uint32_t position) {
    for (Storage* next = out_->next.load(std::memory_order_acquire); next != nullptr && position - out_->end < 1u << 31;
         next = out_->next.load(std::memory_order_acquire))
      delete std::exchange(out_, next);
    return out_->slots[position & out_->mask];
  }

  // What both sides touch has lines of its own. Each side keeps a copy of the other's index, and looks at the real one only
  // when it must.
  alignas(64) std::atomic<std::uint32_t> tail_;
  alignas(64) std::atomic<std::uint32_t> head_;
  alignas(64) Storage* in_;  // the producer's
  std::uint32_t put_;
  std::uint32_t head_seen_;
  alignas(64) Storage* out_;  // the consumer's
  std::uint32_t tail_seen_;
};

}  // namespace millrace
