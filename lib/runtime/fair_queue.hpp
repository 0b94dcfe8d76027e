// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/env/env.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <memory>

namespace millrace::runtime {

/// Frames that wait for a device which is behind, by flow: each has its turn (deficit round robin, a quantum of bytes), and a
/// flow that begins to send comes before those that have been sending. What Linux's fq_codel does, without CoDel (receive_path
/// I5). When it is full the flow with the most bytes loses its oldest frame.
class FairQueue {
 public:
  static constexpr std::uint32_t flows = 1024;
  static constexpr std::int32_t quantum = 1514;  ///< psched_mtu() of Ethernet

  /// Drops what it holds.
  ~FairQueue();
  explicit FairQueue(Env& env);
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  [[nodiscard]] bool empty() const { return frames_ == 0; }
  [[nodiscard]] std::uint32_t size() const { return frames_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// Bytes of one flow that wait; flows share their place with one in 1024 others.
  [[nodiscard]] std::uint32_t bytes_of(const FlowKey& sender) const { return flows_[place_of(sender)].bytes; }

  void push(pkt::Packet frame);
  /// The next frame in turn; null when there is none.
  [[nodiscard]] pkt::Packet pop();
  /// The oldest frame of the flow that has the most bytes, for who has to make room; not empty.
  [[nodiscard]] pkt::Packet pop_of_largest();

 private:
  struct Flow {
    pkt::PacketList frames;
    std::uint32_t bytes = 0;
    std::int32_t deficit = 0;
    ListHook turn;
  };
  using Turns = List<Flow, &Flow::turn>;

  [[nodiscard]] std::uint32_t place_of(const FlowKey& sender) const;
  [[nodiscard]] std::uint32_t place_of(const pkt::Packet& frame) const;
  pkt::Packet take(Flow& flow);

  Env& env_;
  std::unique_ptr<Flow[]> flows_;
  Turns new_;
  Turns old_;
  std::uint32_t frames_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace millrace::runtime
