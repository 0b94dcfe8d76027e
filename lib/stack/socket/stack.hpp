// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/stack/addrconf/addrconf.hpp>
#include <millrace/stack/dhcp/dhcp.hpp>
#include <millrace/stack/icmp/icmp.hpp>
#include <millrace/stack/ip/stack.hpp>
#include <millrace/stack/raw/raw.hpp>
#include <millrace/stack/socket/sockets.hpp>
#include <millrace/stack/tcp/tcp.hpp>
#include <millrace/stack/udp/udp.hpp>
#include <millrace/steer/flow_table.hpp>

#include <list>

namespace millrace::socket {

/// One lcore's instance of a stack: every protocol of one IP host, wired together, with the sockets on top. The
/// instances of a stack on several lcores share nothing but their addresses.
class Stack {
 public:
  struct Options {
    std::uint16_t id = 0;
    std::uint8_t default_hop_limit = 64;
    ip::Routes* routes = nullptr;  ///< of the host, shared by its lcores; null: of this one alone
    ip::Forwarding forwarding;
    ip::EarlyDemux early_demux;
    ip::PathMtus::Options path_mtu;
    ip::Reassembly::Options fragments_v4;
    ip::Reassembly::Options fragments_v6{.timeout = std::chrono::seconds(60)};
    ip::RedirectPolicy redirects;
    neighbor::Options neighbor;
    group::Options group;
    addrconf::Options addrconf;
    icmp::RateLimit::Options icmp;
    icmp::RateLimit* icmp_limit = nullptr;  ///< of the host, as `routes`
    udp::Options udp;
    tcp::Config tcp;
  };
  /// `flows` is the lcore's flow table, shared by its stacks (FlowKey::stack tells them apart).
  Stack(Env& env, steer::FlowTable& flows, const Options& options);
  ~Stack();

  /// Set-up: adds an interface; `interface.output` outlives the stack.
  [[nodiscard]] Result<neighbor::Interface*> add_interface(neighbor::Interface interface);
  [[nodiscard]] std::uint16_t id() const { return id_; }
  [[nodiscard]] ip::Stack& ip() { return ip_; }
  [[nodiscard]] addrconf::Addrconf& addrconf() { return addrconf_; }
  [[nodiscard]] dhcp::Dhcp& dhcp() { return dhcp_; }
  [[nodiscard]] udp::Udp& udp() { return udp_; }
  [[nodiscard]] tcp::Tcp& tcp() { return tcp_; }
  [[nodiscard]] raw::Raw& raw() { return raw_; }
  [[nodiscard]] Sockets& sockets() { return sockets_; }

  /// A received frame: the ptype dispatch of __netif_receive_skb_core().
  void receive(pkt::Packet frame);
  /// The same of several of one interface, in order: ip_list_rcv().
  void receive(pkt::PacketList& frames);
  /// End of a burst, of a batch of timers, of the application's calls: sends what they caused.
  void flush();
  /// Aborts every connection, gives leases back and frees every packet; the lcore has stopped.
  void shut_down();

 private:
  Env& env_;
  const std::uint16_t id_;
  std::list<neighbor::Interface> interfaces_;  // a list: others hold references
  ip::Stack ip_;
  addrconf::Addrconf addrconf_;
  icmp::Icmp icmp_;
  udp::Udp udp_;
  dhcp::Dhcp dhcp_;
  tcp::Tcp tcp_;
  raw::Raw raw_;
  Sockets sockets_;
};

}  // namespace millrace::socket
