// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/stack/tcp/seq.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::tcp {

/// What the application wrote and the peer has not acknowledged: payload only, in pool packets, so that a segment,
/// first sent or resent, refers to it without a copy. Sent and unsent bytes stand in one row; the TCB knows the border.
class SendBuffer {
 public:
  /// Before the first append().
  void start_at(Seq first) { end_ = first; }
  [[nodiscard]] Seq end() const { return end_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// Bytes of pool memory held, overhead included: what the send limit is compared with.
  [[nodiscard]] std::uint32_t memory() const { return count_ * packet_memory_; }

  /// Copies bytes in, in packets of `packet_bytes`, while memory() is below `limit` and the pool has packets; returns
  /// how many were taken. Bytes before `sent` are on their way, and their packet takes no more: so segments begin
  /// where packets begin.
  std::size_t append(Env& env, std::span<const std::uint8_t> bytes, std::uint32_t packet_bytes,
                     std::uint32_t limit, Seq sent);
  /// References to `length` bytes from `from`, all of which must be here; null when the pool is empty.
  [[nodiscard]] pkt::Packet slice(Env& env, Seq from, std::uint32_t length) const;
  /// Frees packets that end at or before `acked`.
  void release_before(Env& env, Seq acked);
  /// Ends every packet with `reason`.
  void clear(Env& env, stats::DropReason reason);

 private:
  // A ring: slots_.size() is a power of two; the i-th packet stands at (head_ + i) modulo it. cb[0] of a packet is
  // its first sequence number.
  [[nodiscard]] pkt::Packet& at(std::uint32_t i) { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  [[nodiscard]] const pkt::Packet& at(std::uint32_t i) const { return slots_[(head_ + i) & (slots_.size() - 1)]; }
  [[nodiscard]] std::uint32_t index_of(Seq seq) const;
  void push(pkt::Packet packet);
  void grow();

  std::vector<pkt::Packet> slots_;
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t packet_memory_ = 0;
  Seq end_;
};

}  // namespace millrace::tcp
