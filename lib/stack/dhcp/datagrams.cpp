// SPDX-License-Identifier: BSD-3-Clause
// How the clients' datagrams come in and go out. Called by udp::Udp, by IP's hook and by the clients; calls the clients, or the
// relay to their lcore. RFC 2131 section 4.1.
#include <millrace/stack/dhcp/dhcp.hpp>

#include <millrace/wire/checksum.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/udp.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace millrace::dhcp {
namespace {

constexpr std::uint32_t hook_id = std::numeric_limits<std::uint32_t>::max();  // no other has it
constexpr int before_all = std::numeric_limits<int>::min();

bool is_checksum_right(const pkt::Packet& packet, const wire::Ipv4View& ip, std::span<const std::uint8_t> datagram, std::uint16_t field) {
  if (field == 0 || packet.meta().checksum == pkt::ChecksumVerdict::good || packet.meta().checksum == pkt::ChecksumVerdict::partial) return true;
  wire::Sum sum = wire::pseudo_header(ip.source(), ip.destination(), wire::ip_proto::udp, static_cast<std::uint32_t>(datagram.size()));
  sum.add(datagram);
  return sum.is_valid();
}

}  // namespace

void Dhcp::on_readable(udp::Socket& socket) {
  while (pkt::Packet datagram = udp_.take(socket)) {
    Heard heard{.ifindex = datagram.meta().ifindex, .v4 = &socket == socket_, .message = std::vector<std::uint8_t>(datagram.length())};
    datagram.copy_out(0, heard.message);
    const bool by_all = datagram.meta().type != pkt::PacketType::host;
    consume(env_, std::move(datagram), stats::Ledger::delivered);
    hear(std::move(heard), by_all);
  }
}

// Broadcasts come to every lcore; what comes to one alone is for the one that speaks.
void Dhcp::hear(Heard heard, bool by_all) {
  const neighbor::Interface* const interface = ip_.interface(heard.ifindex);
  if (interface == nullptr) return;
  if (interface->speaks) {
    hear(heard);
  } else if (!by_all && relay_ != nullptr) {
    relay_->tell_speaker(std::move(heard));
  }
}

void Dhcp::hear(const Heard& heard) {
  if (heard.v4) {
    if (Link* const link = link_of(heard.ifindex); link != nullptr && link->client) link->client->receive(heard.message);
    return;
  }
  for (Link6& link : links6_)
    if (link.interface->ifindex == heard.ifindex && link.client) link.client->receive(heard.message);
}

// Answers are asked to be broadcast, and UDP hears those. Servers that pay no heed send to the address that they offer, which
// is nobody's yet: to take these from IP there is a hook while an interface waits for an address, and only then.
void Dhcp::hook_unicast() {
  const bool waits = std::any_of(links_.begin(), links_.end(), [](const Link& link) { return !link.settings.address; });
  if (waits == is_hooked_) return;
  is_hooked_ = waits;
  if (waits) {
    ip_.hooks().add(hook_id, ip::Hook::pre_routing, before_all, [this](const ip::HookState& state, pkt::Packet& packet) { return take_unicast(state, packet); });
  } else {
    ip_.hooks().remove(hook_id);
    ip_.forget_idle_hooks();
  }
}

ip::HookVerdict Dhcp::take_unicast(const ip::HookState& state, pkt::Packet& packet) {
  constexpr auto pass = ip::HookVerdict::accept;
  const std::span<const std::uint8_t> bytes = packet.data();
  const auto ip = wire::Ipv4View::parse(bytes);
  if (!ip || ip->proto() != wire::ip_proto::udp || ip->is_fragment() || packet.meta().type != pkt::PacketType::host || bytes.size() != packet.length()) return pass;
  const auto udp = wire::UdpView::parse(bytes.subspan(ip->header_length()));
  if (!udp || udp->destination_port() != wire::dhcp_client_port) return pass;
  const Link* const link = link_of(state.in->ifindex);
  if (link == nullptr || link->settings.address || ip_.is_local(ip->destination()) || ip_.is_broadcast(ip->destination())) return pass;
  const std::span<const std::uint8_t> datagram = bytes.subspan(ip->header_length());
  if (udp->length() < wire::udp_header_bytes || udp->length() > datagram.size()) return pass;
  if (!is_checksum_right(packet, *ip, datagram.first(udp->length()), udp->checksum())) return pass;
  const auto message = datagram.first(udp->length()).subspan(wire::udp_header_bytes);
  Heard heard{.ifindex = state.in->ifindex, .v4 = true, .message = {message.begin(), message.end()}};
  consume(env_, std::move(packet), stats::Ledger::used);
  hear(std::move(heard), false);
  return ip::HookVerdict::stolen;
}

void Dhcp::send_to_server(const IpAddress& own, const IpAddress& server, std::span<const std::uint8_t> message) {
  const Endpoint to{server, wire::dhcp_server_port};
  if (socket_ != nullptr) udp_.send_to(*socket_, message, &to, {.source = own});  // what is lost is sent again
}

void Dhcp::send_to_dhcp6_servers(neighbor::Interface& interface, const IpAddress& own, std::span<const std::uint8_t> message) {
  const Endpoint to{wire::all_dhcp6_servers, wire::dhcp6_server_port};
  if (socket6_ == nullptr) return;
  socket6_->multicast_v6.ifindex = interface.ifindex;
  udp_.send_to(*socket6_, message, &to, {.source = own});
}

}  // namespace millrace::dhcp
