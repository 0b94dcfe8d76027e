// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/pkt/packet.hpp>
#include <millrace/runtime/vlan.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace millrace::runtime {

/// struct packet_type: who takes frames of one EtherType, or of all, on every lcore (receive_path G3).
struct PacketType {
  static constexpr std::uint16_t all = 3;  ///< ETH_P_ALL: every frame, before those that take its EtherType

  std::uint16_t type = 0;     ///< an EtherType, host order, or `all`
  std::uint16_t ifindex = 0;  ///< of one interface's frames; 0: of all
  std::string name;           ///< as /proc/net/ptype shows it
  /// Called on the lcore that received the frame, data() at its Ethernet header, Meta's offsets set. It owns the packet and
  /// ends it with env's consume() or drop(). The bytes may be shared with other handlers: not to be written. It must not
  /// add or remove handlers.
  std::function<void(Env&, pkt::Packet)> func;
  /// The same of several in order; empty: func for each (receive_path G1).
  std::function<void(Env&, pkt::PacketList&)> list_func;
};

/// What an rx_handler has done with a frame: rx_handler_result_t (receive_path G6).
enum class RxHandlerVerdict : std::uint8_t {
  consumed,  ///< it has taken the packet
  another,   ///< Meta::ifindex has changed: the frame goes round once more, as of that interface
  exact,     ///< only handlers of this very interface get it
  pass,      ///< go on as if there were no handler
};
/// Sees every frame of an interface after the taps and before the protocols. It takes the packet by moving it away.
using RxHandler = std::function<RxHandlerVerdict(Env&, pkt::Packet&)>;

/// Handlers of one lcore: ptype_all and ptype_base[] of net/core/dev.c. Those added later come first.
class PacketTypes {
 public:
  using Id = std::uint32_t;

  void add(Id id, PacketType handler);
  void remove(Id id);
  /// netdev_rx_handler_register() and _unregister(): one an interface. False: it has one already.
  bool set_rx_handler(std::uint16_t ifindex, RxHandler handler);
  void remove_rx_handler(std::uint16_t ifindex);
  [[nodiscard]] bool has_rx_handler(std::uint16_t ifindex) const { return ifindex < rx_handlers_.size() && rx_handlers_[ifindex]; }
  /// Whether a frame may meet more than one protocol's handler: else nobody need be asked.
  [[nodiscard]] bool is_wanted() const { return !taps_.empty() || handlers_.size() != protocols || rx_handler_count_ != 0 || !vlans_.empty(); }
  [[nodiscard]] Vlans& vlans() { return vlans_; }
  [[nodiscard]] const Vlans& vlans() const { return vlans_; }
  /// ip_rcv, arp_rcv and ipv6_rcv, the first to be added.
  static constexpr std::size_t protocols = 3;

  /// __netif_receive_skb_core() behind the timestamp: taps, VLAN device, rx_handler, handlers of the type. Each but the last gets a
  /// reference to the frame; the packet stays with the caller for the last, who is returned (receive_path G2, G4). Null:
  /// nobody wants it, or it is gone: an rx_handler has taken it, or its VLAN device was down.
  [[nodiscard]] const PacketType* receive(Env& env, pkt::Packet& packet);
  /// Gives a frame, or several, to a handler.
  static void deliver(Env& env, const PacketType& handler, pkt::PacketList& frames);

  /// In the order of /proc/net/ptype: of all frames first, then by type as they are asked.
  [[nodiscard]] std::vector<const PacketType*> all() const;

 private:
  struct Entry {
    Id id;
    PacketType handler;
  };
  enum class Which : std::uint8_t { any, this_interface };
  static void pass_on(Env& env, const pkt::Packet& packet, const PacketType*& last, const PacketType* next);
  static void match(Env& env, const pkt::Packet& packet, const std::vector<Entry>& entries, std::uint16_t type, Which which, const PacketType*& last);
  [[nodiscard]] bool enter_vlan(Env& env, pkt::Packet& packet, const PacketType*& last);
  [[nodiscard]] RxHandlerVerdict handle(Env& env, pkt::Packet& packet, const PacketType*& last) const;

  std::vector<Entry> taps_;      ///< ptype_all, later ones first
  std::vector<Entry> handlers_;  ///< ptype_base
  std::vector<RxHandler> rx_handlers_;  ///< by ifindex
  std::uint32_t rx_handler_count_ = 0;
  Vlans vlans_;
};

}  // namespace millrace::runtime
