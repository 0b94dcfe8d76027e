// SPDX-License-Identifier: BSD-3-Clause
// Which lcore processes a packet. Called by the receive path for each packet that GRO passes up; calls the owner
// tables and Toeplitz. receive_path F4-F6, F22; get_rps_cpu() of net/core/dev.c.
#include <millrace/steer/steer.hpp>

#include <millrace/wire/dissect.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

#include <algorithm>

namespace millrace::steer {
namespace {

using Bytes = std::span<const std::uint8_t>;

bool has_ports(std::uint8_t proto) { return proto == wire::ip_proto::tcp || proto == wire::ip_proto::udp; }

/// The datagram that an ICMP error quotes was sent from here, so its source is local. Only the first 8 bytes behind
/// its IP header are sure to be there (RFC 792): enough for the ports.
Flow flow_of_quoted(const IpAddress& source, const IpAddress& destination, std::uint8_t proto, Bytes l4) {
  Flow flow{.key = {.local = source, .remote = destination, .proto = proto}, .is_quoted = true};
  if (!has_ports(proto) || l4.size() < 4) return flow;
  flow.key.local_port = load_be16(l4.data());
  flow.key.remote_port = load_be16(l4.data() + 2);
  flow.is_exact = true;
  return flow;
}

std::optional<Flow> read_quoted_v4(Bytes icmp) {
  const auto message = wire::Icmp4View::parse(icmp);
  if (!message || !message->is_error()) return std::nullopt;
  const auto ip = wire::Ipv4View::parse(message->body());
  if (!ip) return std::nullopt;
  const Bytes l4 = ip->fragment_offset() == 0 ? message->body().subspan(ip->header_length()) : Bytes{};
  return flow_of_quoted(ip->source(), ip->destination(), ip->proto(), l4);
}

std::optional<Flow> read_quoted_v6(Bytes icmp) {
  const auto message = wire::Icmp6View::parse(icmp);
  if (!message || !message->is_error()) return std::nullopt;
  const auto ip = wire::Ipv6View::parse(message->body());
  // An IPv4-mapped address would pass for an IPv4 flow of another's.
  if (!ip || ip->source().is_v4() || ip->destination().is_v4()) return std::nullopt;
  const wire::Ipv6Walk walk = wire::walk_ipv6(message->body());
  const bool complete = walk.status == wire::Ipv6Walk::Status::complete;
  const Bytes l4 = complete ? message->body().subspan(walk.offset) : Bytes{};
  return flow_of_quoted(ip->source(), ip->destination(), walk.proto, l4);
}

/// A port hashes tuples of TCP and UDP as Toeplitz would; of the rest it is not told what it hashed.
bool has_port_hash(const pkt::Packet& packet, const Flow& flow) {
  return (packet.mbuf().ol_flags & pkt::flag::rx_rss_hash) != 0 && flow.is_exact && !flow.is_quoted;
}

/// 0 says "no hash", so a hash that happens to be 0 is 1.
std::uint32_t not_zero(std::uint32_t hash) { return hash != 0 ? hash : 1; }

}  // namespace

std::optional<Flow> read_flow(const pkt::Packet& packet, std::uint16_t stack) {
  const pkt::Meta& meta = packet.meta();
  const wire::Layers layers{.ethertype = meta.ethertype,
                            .l3_offset = meta.l3_offset,
                            .l4_offset = meta.l4_offset,
                            .payload_offset = meta.payload_offset,
                            .l4_proto = meta.l4_proto};
  Flow flow{.key = wire::flow_key(packet.data(), layers)};
  if (flow.key == FlowKey{}) return std::nullopt;
  if (meta.l4_offset != 0 && meta.l4_offset < packet.data().size()) {
    const Bytes l4 = packet.data().subspan(meta.l4_offset);
    std::optional<Flow> quoted;
    if (meta.l4_proto == wire::ip_proto::icmp) quoted = read_quoted_v4(l4);
    if (meta.l4_proto == wire::ip_proto::icmp6) quoted = read_quoted_v6(l4);
    flow.is_exact = has_ports(meta.l4_proto);
    if (quoted) flow = *quoted;
  }
  flow.key.stack = stack;
  return flow;
}

std::uint32_t flow_hash(const FlowKey& key, const Toeplitz& toeplitz) {
  if (key.local.is_v4()) {
    Ipv4Tuple tuple;
    std::memcpy(&tuple.bytes[0], key.remote.v4_bytes(), 4);
    std::memcpy(&tuple.bytes[4], key.local.v4_bytes(), 4);
    store_be16(&tuple.bytes[8], key.remote_port);
    store_be16(&tuple.bytes[10], key.local_port);
    return not_zero(toeplitz.hash(tuple));
  }
  Ipv6Tuple tuple;
  std::memcpy(&tuple.bytes[0], key.remote.bytes.data(), 16);
  std::memcpy(&tuple.bytes[16], key.local.bytes.data(), 16);
  store_be16(&tuple.bytes[32], key.remote_port);
  store_be16(&tuple.bytes[34], key.local_port);
  return not_zero(toeplitz.hash(tuple));
}

std::uint32_t flow_hash(const pkt::Packet& packet, const Toeplitz& toeplitz) {
  const std::optional<Flow> flow = read_flow(packet);
  if (!flow) return 0;
  return has_port_hash(packet, *flow) ? not_zero(packet.mbuf().rss_hash) : flow_hash(flow->key, toeplitz);
}

LcoreId rps_lcore(const RpsMap& map, std::uint32_t hash, const Directory& directory, LcoreId local) {
  const auto lcores = map.lcores();
  if (lcores.empty()) return local;
  if (lcores.size() > 1 && hash == 0) return local;
  const LcoreId chosen = lcores[(std::uint64_t{hash} * lcores.size()) >> 32];
  return directory.is_online(chosen) ? chosen : local;
}

std::optional<LcoreId> Directory::other_owner(const FlowKey& key, LcoreId self, LcoreId first) const {
  const auto owns = [&](LcoreId lcore) { return lcore != self && is_online(lcore) && tables_[lcore]->contains(key); };
  if (owns(first)) return first;
  for (LcoreId lcore = 0; lcore < size(); ++lcore)
    if (lcore != first && owns(lcore)) return lcore;
  return std::nullopt;
}

std::optional<LcoreId> Directory::bound(const FlowKey& flow, LcoreId first) const {
  const FlowKey exact = bound_key({flow.local, flow.local_port}, flow.proto, flow.stack);
  FlowKey wildcard = exact;
  wildcard.local = flow.local.is_v4() ? IpAddress::v4(0, 0, 0, 0) : IpAddress{};
  for (LcoreId step = 0; step < size(); ++step) {
    const auto lcore = static_cast<LcoreId>((first + step) % size());
    if (is_online(lcore) && (tables_[lcore]->contains(wildcard) || tables_[lcore]->contains(exact))) return lcore;
  }
  return std::nullopt;
}

Steer::Interface& Steer::interface(std::uint16_t ifindex) {
  if (ifindex >= interfaces_.size()) interfaces_.resize(std::size_t{ifindex} + 1);
  return interfaces_[ifindex];
}

void Steer::set_stack(std::uint16_t ifindex, std::uint16_t stack) { interface(ifindex).stack = stack; }

void Steer::set_rps(std::uint16_t ifindex, std::uint16_t rx_queue, const RpsMap& map) {
  auto& rps = interface(ifindex).rps;
  if (rx_queue >= rps.size()) rps.resize(std::size_t{rx_queue} + 1);
  rps[rx_queue] = map;
}

LcoreId Steer::suggest(Env& env, const pkt::Packet& packet, const std::optional<Flow>& flow) const {
  const pkt::Meta& meta = packet.meta();
  if (meta.ifindex >= interfaces_.size() || meta.rx_queue >= interfaces_[meta.ifindex].rps.size()) return env.lcore;
  const RpsMap& map = interfaces_[meta.ifindex].rps[meta.rx_queue];
  std::uint32_t hash = 0;
  if (map.lcores().size() > 1 && flow) {
    const bool from_port = has_port_hash(packet, *flow);
    env.stats->steer.add(from_port ? stats::Steer::hash_hardware : stats::Steer::hash_software);
    hash = from_port ? not_zero(packet.mbuf().rss_hash) : flow_hash(flow->key, toeplitz_);
  }
  return rps_lcore(map, hash, directory_, env.lcore);
}

// The flow is not this lcore's own.
Steer::Choice Steer::without_own(Env& env, const pkt::Packet& packet, const std::optional<Flow>& flow) const {
  const LcoreId suggested = suggest(env, packet, flow);
  if (!flow || !flow->is_exact) return {suggested, stats::Steer::rps};
  if (const auto owner = directory_.other_owner(flow->key, env.lcore, suggested)) return {*owner, stats::Steer::owner};
  if (flow->is_quoted) return {suggested, stats::Steer::rps};
  // Where nobody listens the packet would be answered by RST or port unreachable, though another lcore has the socket.
  const LcoreId bound = directory_.bound(flow->key, suggested).value_or(suggested);
  return {bound, bound == suggested ? stats::Steer::rps : stats::Steer::bound};
}

LcoreId Steer::choose(Env& env, const pkt::Packet& packet) const {
  const LcoreId local = env.lcore;
  Choice choice{local, stats::Steer::local};
  if (directory_.size() > 1) {
    const std::uint16_t ifindex = packet.meta().ifindex;
    const std::optional<Flow> flow = read_flow(packet, ifindex < interfaces_.size() ? interfaces_[ifindex].stack : 0);
    const bool own = flow && flow->is_exact && directory_.is_online(local) && directory_.table(local)->find(flow->key) != nullptr;
    if (!own) choice = without_own(env, packet, flow);
  }
  env.stats->steer.add(choice.lcore == local ? stats::Steer::local : choice.why);
  return choice.lcore;
}

}  // namespace millrace::steer
