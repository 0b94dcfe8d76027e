// SPDX-License-Identifier: BSD-3-Clause
// The registry of offloads for protocols of applications. Filled by Engine::register_offload(), asked by GRO and GSO.
// Clauses: receive_path E15; dev_add_offload() and inet_add_offload() of Linux.
#include <millrace/wire/packet_offload.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

namespace millrace::wire {
namespace {

constexpr std::uint16_t first_ethertype = 0x0600;  // below is an 802.3 length
constexpr std::array own_ethertypes{ethertype::ipv4, ethertype::arp, ethertype::vlan, ethertype::ipv6, ethertype::qinq};
constexpr std::array own_protocols{ip_proto::hop_by_hop, ip_proto::icmp,  ip_proto::tcp,  ip_proto::udp,
                                   ip_proto::routing,    ip_proto::fragment, ip_proto::icmp6, ip_proto::none, ip_proto::destination_options};

template <class Types>
bool has(const Types& types, std::uint16_t type) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

Result<void> check(const PacketOffload& offload) {
  const std::string type = std::to_string(offload.type);
  if (offload.key == PacketOffload::Key::ethertype) {
    if (offload.type < first_ethertype) return failure(EINVAL, "offload for EtherType " + type + ": must be 1536 (0x0600) or more; below is the length of an 802.3 frame");
    if (has(own_ethertypes, offload.type)) return failure(EINVAL, "offload for EtherType " + type + ": IPv4, IPv6, ARP and VLAN tags are Millrace's own; choose another, such as 0x88b5");
  } else {
    if (offload.type > 255) return failure(EINVAL, "offload for IP protocol " + type + ": must be 0..255");
    if (has(own_protocols, offload.type))
      return failure(EINVAL, "offload for IP protocol " + type + ": TCP, UDP, ICMP and IPv6's extension headers are Millrace's own; choose another, such as 253");
  }
  if (!offload.gro_receive && !offload.gso_segment) return failure(EINVAL, "offload for type " + type + ": must have gro_receive, gso_segment or both");
  if (!offload.gro_receive && (offload.gro_follows || offload.gro_complete))
    return failure(EINVAL, "offload for type " + type + ": gro_follows and gro_complete are called after gro_receive, which is missing");
  return {};
}

}  // namespace

Result<void> PacketOffloads::add(PacketOffload offload) {
  if (Result<void> valid = check(offload); !valid) return valid;
  const auto behind = std::upper_bound(sorted_.begin(), sorted_.end(), offload.priority,
                                       [](std::uint16_t priority, const auto& other) { return priority < other->priority; });
  sorted_.insert(behind, std::make_shared<const PacketOffload>(std::move(offload)));
  return {};
}

const PacketOffload* PacketOffloads::receiving(PacketOffload::Key key, std::uint16_t type) const {
  for (const auto& offload : sorted_)
    if (offload->key == key && offload->type == type && offload->gro_receive) return offload.get();
  return nullptr;
}

const PacketOffload* PacketOffloads::segmenting(PacketOffload::Key key, std::uint16_t type) const {
  for (const auto& offload : sorted_)
    if (offload->key == key && offload->type == type && offload->gso_segment) return offload.get();
  return nullptr;
}

}  // namespace millrace::wire
