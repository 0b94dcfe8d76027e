// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace millrace::capture {

/// Records of any length between one producer and one consumer, each in one piece; bounded, no lock, no
/// read-modify-write. Producer: reserve(), fill, commit(). Consumer: front(), then pop().
class ByteRing {
 public:
  /// Capacity is rounded up to a power of two. A record of up to a quarter of it always fits into an empty ring.
  explicit ByteRing(std::uint32_t capacity)
      : capacity_(std::bit_ceil(capacity < 4096 ? 4096u : capacity)),
        bytes_(std::make_unique<std::uint64_t[]>(capacity_ / 8)) {}

  /// Room for a record of `length` bytes, aligned to 8, or null when there is none now. Forgotten unless committed.
  [[nodiscard]] std::uint8_t* reserve(std::uint32_t length) {
    if (length > capacity_ - prefix) return nullptr;
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    const std::uint32_t need = footprint(length);
    const std::uint32_t to_end = capacity_ - position(tail);
    skipped_ = need <= to_end ? 0 : to_end;
    if (!has_room(tail, skipped_ + need)) return nullptr;
    return at(tail + skipped_) + prefix;
  }

  /// Hands over what was reserved last; `length` may be less than was asked for.
  void commit(std::uint32_t length) {
    const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (skipped_ != 0) write_prefix(tail, skip);
    write_prefix(tail + skipped_, length);
    tail_.store(tail + skipped_ + footprint(length), std::memory_order_release);
  }

  /// The oldest record, or an empty span when there is none.
  [[nodiscard]] std::span<const std::uint8_t> front() {
    std::uint64_t head = head_.load(std::memory_order_relaxed);
    if (tail_.load(std::memory_order_acquire) == head) return {};
    if (read_prefix(head) == skip) {
      head += capacity_ - position(head);
      head_.store(head, std::memory_order_release);
    }
    return {at(head) + prefix, read_prefix(head)};
  }

  /// Frees the record that front() returned.
  void pop() {
    const std::uint64_t head = head_.load(std::memory_order_relaxed);
    head_.store(head + footprint(read_prefix(head)), std::memory_order_release);
  }

 private:
  static constexpr std::uint32_t prefix = 8;  // the length, padded so that records stay aligned
  static constexpr std::uint32_t skip = 0xffffffff;
  static std::uint32_t footprint(std::uint32_t length) { return (prefix + length + 7) & ~7u; }

  [[nodiscard]] std::uint32_t position(std::uint64_t index) const {
    return static_cast<std::uint32_t>(index & (capacity_ - 1));
  }
  [[nodiscard]] std::uint8_t* at(std::uint64_t index) {
    return reinterpret_cast<std::uint8_t*>(bytes_.get()) + position(index);
  }
  void write_prefix(std::uint64_t index, std::uint32_t value) { std::memcpy(at(index), &value, sizeof value); }
  [[nodiscard]] std::uint32_t read_prefix(std::uint64_t index) {
    std::uint32_t value;
    std::memcpy(&value, at(index), sizeof value);
    return value;
  }
  [[nodiscard]] bool has_room(std::uint64_t tail, std::uint32_t need) {
    if (tail + need - head_seen_ <= capacity_) return true;
    head_seen_ = head_.load(std::memory_order_acquire);
    return tail + need - head_seen_ <= capacity_;
  }

  const std::uint32_t capacity_;
  const std::unique_ptr<std::uint64_t[]> bytes_;
  alignas(64) std::atomic<std::uint64_t> tail_{0};
  std::uint64_t head_seen_ = 0;  // producer's copy
  std::uint32_t skipped_ = 0;    // bytes left unused before the end, by the reservation under way
  alignas(64) std::atomic<std::uint64_t> head_{0};
};

}  // namespace millrace::capture
