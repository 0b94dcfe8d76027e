// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/pkt/packet.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace millrace {

/// An application's struct packet_type: takes frames of one EtherType, or of all, beside the stacks (receive_path G3).
struct PacketHandler {
  static constexpr std::uint16_t all = 0x0003;  ///< ETH_P_ALL

  std::uint16_t type = 0;  ///< an EtherType, 0x0600 or more, or `all`
  std::string port;        ///< only frames of that port; empty: of every interface, the loopback ones included
  std::string name;        ///< what proc_net_ptype() calls it, as Linux the function's symbol
  /// Called on the lcore that received the frame, which is as it is after GRO: data() at its Ethernet header, Meta's
  /// offsets set. It ends the packet with pkt::consume(). Others may share the bytes: they are not to be written.
  std::function<void(std::uint16_t lcore, pkt::Packet frame)> func;
};

/// rx_handler_result_t (receive_path G6).
enum class RxVerdict : std::uint8_t {
  consumed,  ///< the handler has moved the packet away, and ends it with pkt::consume()
  another,   ///< it has set Meta::ifindex to another interface (Engine::ifindex): the frame is received there instead
  exact,     ///< only handlers of this very port get the frame, not the stack
  pass,      ///< as if there were no handler
};
/// Sees every frame of a port, after what takes all frames and before the protocols; on the lcore that received it.
using RxHandler = std::function<RxVerdict(std::uint16_t lcore, pkt::Packet& frame)>;


/// What becomes of a frame that a port's early hook has seen: XDP_PASS, XDP_DROP, XDP_TX, XDP_REDIRECT (receive_path G11).
enum class XdpAction : std::uint8_t {
  pass,      ///< it goes on, to GRO
  drop,      ///< counted as drop.xdp_drop
  tx,        ///< back by the port from which it came
  redirect,  ///< out by the port whose number (Engine::ifindex) the hook has put into Meta::ifindex
};
/// Sees every frame of a port as the device brought it, on the lcore that polls it, before anything else looks; it may
/// rewrite the bytes, and take off or put on some at the front.
using XdpHook = std::function<XdpAction(std::uint16_t lcore, pkt::Packet& frame)>;

}  // namespace millrace
