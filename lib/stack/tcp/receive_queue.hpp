// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/pkt/rx_stamp.hpp>
#include <millrace/stack/tcp/seq.hpp>

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::tcp {

/// Received payload: what is in order and waits for the application, and what arrived too early. Packets are kept as
/// they came, merged ones too, without a copy; only payloads that waste their buffers are put together.
class ReceiveQueue {
 public:
  /// In-order bytes not read yet.
  [[nodiscard]] std::uint32_t bytes() const { return bytes_; }
  /// Pool memory of both parts, overhead included: what the receive buffer's limit is compared with.
  [[nodiscard]] std::uint32_t memory() const { return memory_; }
  [[nodiscard]] bool has_early() const { return !early_.empty(); }

  /// Adds the next payload in order. With `compact`, small payloads share a buffer.
  void push(Env& env, pkt::Packet payload, bool compact);
  /// Keeps payload that begins at `seq`, beyond a gap. What is there already is dropped (tcp_duplicate). Returns
  /// false when all of it was.
  bool push_early(Env& env, Seq seq, pkt::Packet payload);
  /// Moves what follows `next` without a gap to the in-order part; returns how many bytes.
  std::uint32_t pull(Env& env, Seq next);

  /// Copies bytes out to the application and frees what was copied. `received`: when the last packet read from came.
  std::size_t read(Env& env, std::span<std::uint8_t> into, pkt::RxTimes* received = nullptr);
  /// The next in-order payload, whole; null when there is none.
  [[nodiscard]] pkt::Packet pop();

  void drop_early(Env& env, stats::DropReason reason);
  void clear(Env& env, stats::DropReason reason);

 private:
  void insert_early(Env& env, std::size_t at, Seq seq, pkt::Packet payload);
  void append(pkt::Packet payload);
  void append_compact();

  pkt::PacketList in_order_;
  pkt::Packet compact_;               // small payloads, copied; stands behind in_order_
  std::vector<pkt::Packet> early_;    // by sequence number (cb[0]), without overlap
  std::uint32_t bytes_ = 0;
  std::uint32_t memory_ = 0;
};

}  // namespace millrace::tcp
