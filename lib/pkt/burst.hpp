// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>

#include <array>

namespace millrace::pkt {

/// Up to `capacity` packets, owned, in order: what one poll brings and one transmit takes.
class Burst {
 public:
  static constexpr std::uint16_t capacity = 64;

  Burst() = default;
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;
  ~Burst() { take_all([](Packet lost) {}); }

  [[nodiscard]] std::uint16_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] bool full() const { return count_ == capacity; }
  [[nodiscard]] std::uint16_t room() const { return static_cast<std::uint16_t>(capacity - count_); }

  /// Adds at the end; must not be full.
  void push(Packet packet) {
    MR_ASSERT(count_ < capacity);
    slots_[count_++] = packet.release();
  }
  /// Borrowed: the i-th packet stays in the burst.
  [[nodiscard]] Mbuf& operator[](std::uint16_t i) const { return *slots_[i]; }

  /// Shows every packet, in order, to f(Packet&), which leaves it there.
  template <class F>
  void for_each(F&& f) {
    for (std::uint16_t i = 0; i < count_; ++i) {
      Packet packet = Packet::adopt(slots_[i]);
      f(packet);
      slots_[i] = packet.release();
    }
  }
  /// Hands every packet, in order, to f(Packet) and leaves the burst empty.
  template <class F>
  void take_all(F&& f) {
    for (std::uint16_t i = 0; i < count_; ++i) f(Packet::adopt(slots_[i]));
    count_ = 0;
  }

  /// For drivers: the free part of the array, then commit(n) what was written there.
  [[nodiscard]] Mbuf** spare() { return slots_.data() + count_; }
  void commit(std::uint16_t n) { count_ = static_cast<std::uint16_t>(count_ + n); }
  /// For drivers: the array, then drop_front(n) what the device took over.
  [[nodiscard]] Mbuf** slots() { return slots_.data(); }
  void drop_front(std::uint16_t n) {
    for (std::uint16_t i = n; i < count_; ++i) slots_[i - n] = slots_[i];
    count_ = static_cast<std::uint16_t>(count_ - n);
  }

 private:
  std::uint16_t count_ = 0;
  std::array<Mbuf*, capacity> slots_;
};

}  // namespace millrace::pkt
