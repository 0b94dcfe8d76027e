// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/port/port.hpp>

#include "tests/support/eal.hpp"
#include "tests/support/raw_frame.hpp"

#include <functional>
#include <memory>

namespace millrace::test {

/// One side of a port under test: EAL started by runtime/eal, a pool that must be full again, an Env.
struct Host {
  explicit Host(std::uint32_t packets = 1023, std::uint16_t data_room = 2048);

  /// Sends one packet; fails the test when the port does not take it.
  void send(port::Port& port, pkt::Packet packet, std::uint16_t queue = 0);
  /// The next packet from any queue, waiting up to two seconds; null when none came.
  [[nodiscard]] pkt::Packet receive(port::Port& port);
  /// A packet that asks for its checksum, cut into buffers of `piece` bytes behind the first `first` of the payload.
  [[nodiscard]] pkt::Packet unfinished(const RawFrame& frame, std::size_t first, std::size_t piece);

  TestPool pool;
  std::unique_ptr<stats::LcoreStats> stats = std::make_unique<stats::LcoreStats>();
  Env env;
  pkt::PacketList arrived;  ///< received, but not yet asked for
};

/// Receives ten packets that `send` brings one by one, each after its queue's interrupt told of it within two seconds;
/// an idle queue must have none.
void wakes_by_interrupt(Host& host, port::Port& port, const std::function<void()>& send);

}  // namespace millrace::test
