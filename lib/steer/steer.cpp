// SPDX-License-Identifier: BSD-3-Clause
// Which lcore processes a packet. Called by the receive path for each packet that GRO passes up; calls the owner
// tables and Toeplitz. receive_path F4-F6, F22; get_rps_cpu() of net/core/dev.c.
#include <millrace/steer/steer.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/wire/ethernet.hpp>
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

// Of an ICMP or ICMPv6 echo reply; 0: it is none.
std::uint16_t echo_id(std::uint8_t proto, Bytes l4) {
  if (l4.size() < 8) return 0;
  const bool v4 = proto == wire::ip_proto::icmp && l4[0] == wire::icmp4_type::echo_reply;
  const bool v6 = proto == wire::ip_proto::icmp6 && l4[0] == wire::icmp6_type::echo_reply;
  return v4 || v6 ? load_be16(&l4[4]) : std::uint16_t{0};
}

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
    if (!quoted) flow.echo_id = echo_id(meta.l4_proto, l4);
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

LcoreId rps_lcore(std::span<const LcoreId> map, std::uint32_t hash, const Directory& directory, LcoreId local) {
  if (map.empty() || (map.size() > 1 && hash == 0)) return local;
  const LcoreId chosen = map[rps_place(map.size(), hash)];
  return directory.is_online(chosen) ? chosen : local;
}

Directory::Directory(std::vector<FlowTable*> tables) : tables_(std::move(tables)), hash_(0) {
  const auto table = std::find_if(tables_.begin(), tables_.end(), [](const FlowTable* t) { return t != nullptr; });
  if (table != tables_.end()) hash_ = (*table)->hash();
  for (const FlowTable* other : tables_) MR_ASSERT(other == nullptr || other->hash() == hash_);
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

std::uint16_t Steer::stack_of(const pkt::Packet& packet) const {
  const pkt::Meta& meta = packet.meta();
  if (const std::uint16_t id = vlan_stacks_.empty() ? std::uint16_t{0} : wire::vlan_id(packet.data().data(), meta.l3_offset); id != 0)
    for (const VlanStack& vlan : vlan_stacks_)
      if (vlan.ifindex == meta.ifindex && vlan.id == id) return vlan.stack;
  return stack_of(meta);
}

Steer::Queue& Steer::queue(std::uint16_t ifindex, std::uint16_t rx_queue) {
  auto& queues = interface(ifindex).queues;
  if (rx_queue >= queues.size()) queues.resize(std::size_t{rx_queue} + 1);
  return queues[rx_queue];
}

const Steer::Queue* Steer::find_queue(const pkt::Meta& meta) const {
  if (meta.ifindex >= interfaces_.size() || meta.rx_queue >= interfaces_[meta.ifindex].queues.size()) return nullptr;
  return &interfaces_[meta.ifindex].queues[meta.rx_queue];
}

void Steer::set_rps(std::uint16_t ifindex, std::uint16_t rx_queue, const RpsMap& map) {
  queue(ifindex, rx_queue).rps = map;
  look_for_rps();
}

void Steer::set_rps_flow_cnt(std::uint16_t ifindex, std::uint16_t rx_queue, std::uint32_t entries) {
  queue(ifindex, rx_queue).flows = DevFlows(entries);
  look_for_rps();
}

void Steer::look_for_rps() {
  const auto has_rps = [](const Queue& queue) { return !queue.rps.lcores().empty() || queue.flows.is_on(); };
  rps_needed_ = std::any_of(interfaces_.begin(), interfaces_.end(),
                            [&](const Interface& i) { return std::any_of(i.queues.begin(), i.queues.end(), has_rps); });
}

std::uint32_t Steer::count_hash(Env& env, const pkt::Packet& packet, const Flow& flow) const {
  const bool from_port = has_port_hash(packet, flow) && !interfaces_[packet.meta().ifindex].ntuple;
  env.stats->steer.add(from_port ? stats::Steer::hash_hardware : stats::Steer::hash_software);
  return from_port ? not_zero(packet.mbuf().rss_hash) : flow_hash(flow.key, toeplitz_);
}

// What rps_cpus says.
LcoreId Steer::suggest(Env& env, const pkt::Packet& packet, const std::optional<Flow>& flow, const Queue* queue) const {
  if (queue == nullptr) return env.lcore;
  const std::uint32_t hash = queue->rps.lcores().size() > 1 && flow ? count_hash(env, packet, *flow) : 0;
  return rps_lcore(queue->rps.lcores(), hash, directory_, env.lcore);
}

// Who has a socket for the flow, which is not local's own: the suggested lcore if it is one of several.
Steer::Decision Steer::settle(LcoreId local, const Flow& flow, LcoreId suggested) const {
  if (const auto owner = directory_.other_owner(flow.key, local, suggested)) return {*owner, stats::Steer::owner};
  return flow.is_quoted ? Decision{suggested, stats::Steer::rps} : without_owner(flow.key, suggested);
}

// Where nobody listens the packet would be answered by RST or port unreachable, though another lcore has the socket.
Steer::Decision Steer::without_owner(const FlowKey& key, LcoreId suggested) const {
  const LcoreId bound = directory_.bound(key, suggested).value_or(suggested);
  return {bound, bound == suggested ? stats::Steer::rps : stats::Steer::bound};
}

// An echo reply goes to the lcore of the ping socket that asked.
Steer::Decision Steer::answer_of(const Flow& flow, LcoreId suggested) const {
  FlowKey key = flow.key;
  key.local_port = flow.echo_id;
  return without_owner(key, suggested);
}

// RFS: a UDP flow goes where it is read, of the lcores that have a socket for it, in order.
Steer::Decision Steer::follow(Env& env, pkt::Packet& packet, const Flow& flow, Queue& queue) {
  const LcoreId local = env.lcore;
  const std::uint32_t hash = count_hash(env, packet, flow);
  packet.mbuf().rss_hash = hash;
  packet.mbuf().ol_flags |= pkt::flag::rx_rss_hash;

  const bool is_own = owns(local, flow.key);
  const auto plain = [&]() -> Decision {
    if (is_own) return {local, stats::Steer::local};
    return settle(local, flow, rps_lcore(queue.rps.lcores(), hash, directory_, local));
  };
  const SockFlows* const flows = sock_flows_ != nullptr ? sock_flows_->read() : nullptr;
  const auto desired = flows != nullptr ? flows->desired(hash) : std::nullopt;
  const bool is_read = desired && owns(*desired, flow.key);

  DevFlow& entry = queue.flows.at(hash);
  if (entry.hash != hash) {
    // Another flow's, of which packets are under way or a rule is in use, keeps it. This one stays where it went without.
    if (!queue.flows.may_have(hash, *hand_over_)) return plain();
    const LcoreId went_to = plain().lcore;
    entry = {.hash = hash, .last_qtail = hand_over_->queued(went_to), .lcore = went_to};
  }
  Decision wanted = is_read ? Decision{*desired, stats::Steer::rfs} : plain();
  if (wanted.lcore != entry.lcore) {
    // Where no socket is any more nothing waits to be delivered in order.
    const bool may_move = entry.is_drained(*hand_over_) || !(owns(entry.lcore, flow.key) || directory_.bound(flow.key, entry.lcore) == entry.lcore);
    env.stats->steer.add(may_move ? stats::Steer::rfs_moves : stats::Steer::rfs_waits);
    if (may_move) {
      entry.last_qtail = hand_over_->delivered(wanted.lcore);
      entry.lcore = wanted.lcore;
      entry.asked = false;
    }
    wanted.lcore = entry.lcore;
  }
  if (is_read && entry.lcore == *desired && entry.lcore != local && !entry.asked) ask_for_rule(packet, flow, entry);
  wanted.flow = &entry;
  return wanted;
}

Steer::Choice Steer::choose(Env& env, pkt::Packet& packet) {
  const LcoreId local = env.lcore;
  Decision decision{local, stats::Steer::local};
  if (directory_.size() > 1) {
    const pkt::Meta& meta = packet.meta();
    const std::optional<Flow> flow = read_flow(packet, stack_of(packet));
    Queue* const queue = find_queue(meta);
    if (!switches_.empty() && flow && is_parked(meta, *flow)) return {.lcore = local, .is_parked = true};
    if (!flow || !flow->is_exact) {
      decision = {suggest(env, packet, flow, queue), stats::Steer::rps};
      if (flow && flow->echo_id != 0) decision = answer_of(*flow, decision.lcore);
    } else if (queue != nullptr && queue->flows.is_on() && hand_over_ != nullptr && flow->key.proto == wire::ip_proto::udp && !flow->is_quoted) {
      decision = follow(env, packet, *flow, *queue);
    } else {
      const LcoreId suggested = suggest(env, packet, flow, queue);
      if (suggested != local && owns(suggested, flow->key)) decision = {suggested, stats::Steer::owner};
      else if (!owns(local, flow->key)) decision = settle(local, *flow, suggested);
    }
  }
  env.stats->steer.add(decision.lcore == local ? stats::Steer::local : decision.why);
  return {.lcore = decision.lcore, .flow = decision.flow};
}

bool Steer::leads_elsewhere(const Env& env, const pkt::Packet& packet) const {
  if (directory_.size() == 1) return false;
  const std::optional<Flow> flow = read_flow(packet, stack_of(packet));
  if (!flow || owns(env.lcore, flow->key)) return false;
  const Queue* const queue = find_queue(packet.meta());
  const std::uint32_t hash = queue != nullptr && queue->rps.lcores().size() > 1 ? hash_of(packet) : 0;
  const LcoreId suggested = queue != nullptr ? rps_lcore(queue->rps.lcores(), hash, directory_, env.lcore) : env.lcore;
  return settle(env.lcore, *flow, suggested).lcore != env.lcore;
}

}  // namespace millrace::steer
