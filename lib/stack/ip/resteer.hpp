// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>

namespace millrace::ip {

/// Knows which lcore has the socket for a datagram. Fragments are steered by their addresses and meet on one lcore
/// (receive_path F6), which need not be the one that has the socket of the whole. The runtime implements it.
class Resteer {
 public:
  virtual ~Resteer() = default;
  /// Hands a datagram that has become whole, a frame again, with Meta::is_reassembled, to the lcore that has its
  /// socket. Returns it when that is this one.
  [[nodiscard]] virtual pkt::Packet resteer(pkt::Packet frame) = 0;
  /// Takes a frame that this host sent to a group it is in: to be received, as PacketType::loopback, by every lcore.
  virtual void loop_back(pkt::Packet frame) = 0;
};

}  // namespace millrace::ip
