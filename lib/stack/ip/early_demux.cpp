// SPDX-License-Identifier: BSD-3-Clause
// What sockets know of routes, so that packets of established flows need none looked up. Called by input and output; calls
// the transports. tcp_v4_early_demux, udp_v4_early_demux, sk_dst_check (receive_path H3).
#include <millrace/stack/ip/stack.hpp>

#include <millrace/wire/protocol.hpp>

namespace millrace::ip {

Demuxed Stack::demux(std::span<const std::uint8_t> transport, std::uint8_t proto, const IpAddress& local, const IpAddress& remote) {
  const bool is_wanted = (proto == wire::ip_proto::tcp && early_demux_.tcp) || (proto == wire::ip_proto::udp && early_demux_.udp);
  if (!is_wanted || transport.size() < 4 || protocols_[proto] == nullptr) return {};
  return protocols_[proto]->early_demux({local, remote, load_be16(&transport[2]), load_be16(transport.data())});
}

// dst_check(), and that it came in by the same interface as those before.
bool Stack::is_current(const Demuxed& demuxed, const neighbor::Interface& interface) const {
  return demuxed.route != nullptr && demuxed.route->generation == generation() && demuxed.route->ifindex == interface.ifindex;
}

void Stack::remember(const Demuxed& demuxed, const neighbor::Interface& interface) {
  if (demuxed.route != nullptr) *demuxed.route = {generation(), interface.ifindex};
}

std::optional<Stack::Hop> Stack::cached_route(RouteCache& cache, const IpAddress& destination, const IpAddress& source) {
  if (cache.generation == generation()) return Hop{cache.interface, cache.next_hop, cache.source};
  const auto hop = route_to(destination, source);
  if (hop) cache = {hop->interface, hop->next_hop, hop->source, generation()};
  return hop;
}

}  // namespace millrace::ip
