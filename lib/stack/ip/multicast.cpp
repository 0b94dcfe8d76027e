// SPDX-License-Identifier: BSD-3-Clause
// Groups, as sockets and IP's input and output see them. Called by the transports through ip::Output, by input_v4.cpp,
// input_v6.cpp and output.cpp; calls group::Groups. ip_mc_find_dev, ip_mc_output (receive_path H11).
#include <millrace/stack/ip/stack.hpp>

#include <millrace/stack/neighbor/link_address.hpp>
#include <millrace/wire/ethernet.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::ip {

// The one that was named, or by which the group is reached, or the first that has an address of its family.
neighbor::Interface* Stack::group_interface(const IpAddress& group, std::uint16_t ifindex) const {
  if (ifindex != 0) return interface(ifindex);
  if (const NextHop* const hop = routes_.lookup(group); hop != nullptr && hop->ifindex != 0) return interface(hop->ifindex);
  const auto fits = [&](const neighbor::Interface* i) { return !i->is_loopback && neighbor::own_address_towards(*i, group).has_value(); };
  const auto first = std::find_if(interfaces_.begin(), interfaces_.end(), fits);
  return first != interfaces_.end() ? *first : nullptr;
}

int Stack::join_group(neighbor::Interface& interface, const IpAddress& group, std::uint64_t listener, group::Filter wanted) {
  return groups_.set(interface, group, listener, std::move(wanted));
}

// IGMP and MLD are about the group, whoever's datagrams are wanted of it.
bool Stack::is_wanted(const neighbor::Interface& interface, const IpAddress& group, const IpAddress& source, std::uint8_t proto) const {
  const bool is_about_groups = proto == (group.is_v4() ? wire::ip_proto::igmp : wire::ip_proto::hop_by_hop);
  return is_about_groups ? groups_.is_in(interface, group) : groups_.wants(interface, group, source);
}

// dev_loopback_xmit(): what is sent to a group that this host is in comes in, too, as if it had been on the link.
void Stack::loop_back(neighbor::Interface& out, const pkt::Packet& packet) {
  if (resteer_ == nullptr) return;
  pkt::Packet copy = make_packet(env_);
  if (!copy) return;
  const std::uint32_t length = packet.length();
  if (length > copy.tailroom()) return drop(env_, std::move(copy), stats::DropReason::no_buffer);
  packet.copy_out(0, {copy.append(static_cast<std::uint16_t>(length)), length});
  std::uint8_t* const link = copy.prepend(wire::ethernet_header_bytes);
  const bool v4 = packet.data()[0] >> 4 == 4;
  const IpAddress group = v4 ? IpAddress::v4_from(&packet.data()[16]) : IpAddress::v6_from(&packet.data()[24]);
  wire::emit(wire::EthernetHeader{wire::multicast_mac(group), out.mac, v4 ? wire::ethertype::ipv4 : wire::ethertype::ipv6}, link);
  copy.meta().ifindex = out.ifindex;
  copy.meta().tx_checksum = packet.meta().tx_checksum;
  resteer_->loop_back(std::move(copy));
}

}  // namespace millrace::ip
