// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>

namespace millrace::gro {

/// What GRO asks of what comes behind it. Answered by the runtime, on the lcore that polls.
class Destination {
 public:
  /// Whether another lcore will read a packet's payload (receive_path X21). The packet is dissected, TCP or UDP.
  [[nodiscard]] virtual bool is_elsewhere(const pkt::Packet& packet) const = 0;

 protected:
  ~Destination() = default;
};

}  // namespace millrace::gro
