// SPDX-License-Identifier: BSD-3-Clause
// The protocols of one host, wired together. Called by runtime::Receive (frames) and runtime::Lcore (flush); calls the
// neighbours (ARP) and IP.
#include <millrace/stack/socket/stack.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/protocol.hpp>

namespace millrace::socket {

Stack::Stack(Env& env, steer::FlowTable& flows, const Options& options)
    : env_(env),
      id_(options.id),
      ip_(env, options.neighbor, options.routes),
      addrconf_(env, ip_, options.addrconf),
      icmp_(env, ip_, options.icmp, options.icmp_limit),
      udp_(env, ip_, options.udp),
      dhcp_(env, ip_, udp_, addrconf_),
      tcp_(env, ip_, flows, options.id, options.tcp),
      raw_(env, ip_),
      sockets_(env, tcp_, udp_, raw_, flows, options.id) {
  ip_.set_raw(&raw_);
  ip_.set_default_hop_limit(options.default_hop_limit);
  ip_.configure_forwarding(options.forwarding);
  ip_.configure_early_demux(options.early_demux);
  ip_.configure_path_mtu(options.path_mtu);
  ip_.configure_redirects(options.redirects);
  ip_.groups().configure(options.group);
  ip_.configure_reassembly(options.fragments_v4, options.fragments_v6);
  ip_.add_protocol(wire::ip_proto::udp, udp_);
  ip_.add_protocol(wire::ip_proto::tcp, tcp_);
}

Stack::~Stack() = default;

Result<neighbor::Interface*> Stack::add_interface(neighbor::Interface interface) {
  interfaces_.push_back(std::move(interface));
  if (Result<void> added = ip_.add_interface(interfaces_.back()); !added) return tl::unexpected(added.error());
  return &interfaces_.back();
}

void Stack::receive(pkt::Packet frame) {
  const pkt::Meta& meta = frame.meta();
  if (meta.type == pkt::PacketType::other_host) return drop(env_, std::move(frame), stats::DropReason::other_host);
  if (wire::vlan_id(frame.data().data(), meta.l3_offset) != 0) return drop(env_, std::move(frame), stats::DropReason::unknown_vlan);
  switch (meta.ethertype) {
    case wire::ethertype::ipv4:
    case wire::ethertype::ipv6: return ip_.input(std::move(frame));
    case wire::ethertype::arp:
      if (neighbor::Interface* interface = ip_.interface(meta.ifindex))
        return ip_.neighbors().receive_arp(*interface, std::move(frame));
      [[fallthrough]];
    default: return drop(env_, std::move(frame), stats::DropReason::unknown_ethertype);
  }
}

void Stack::receive(pkt::PacketList& frames) {
  while (!frames.empty()) {
    if (ip_.input_known(frames) == 0) receive(frames.pop_front());
  }
}

void Stack::flush() {
  tcp_.flush();
  sockets_.sweep();
}

void Stack::shut_down() {
  sockets_.shut_down();
  tcp_.shutdown_all();
  dhcp_.shut_down();
}

}  // namespace millrace::socket
