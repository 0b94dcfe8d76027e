// SPDX-License-Identifier: BSD-3-Clause
// The match table. Called by Hooks as one of its functions; pure but for its counts. ipt_do_table of
// net/ipv4/netfilter/ip_tables.c (receive_path H2).
#include <millrace/stack/ip/rule_table.hpp>

#include <millrace/base/words.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

namespace millrace::ip {

RuleTable::Words RuleTable::words_of(const IpAddress& address) { return {load64(&address.bytes[0]), load64(&address.bytes[8])}; }

void RuleTable::set_prefix(const IpPrefix& prefix, Words& value, Words& mask) {
  IpAddress bits{};
  const unsigned length = prefix.length + (prefix.address.is_v4() ? 96u : 0u);
  for (unsigned bit = 0; bit < length; ++bit) bits.bytes[bit / 8] = static_cast<std::uint8_t>(bits.bytes[bit / 8] | 0x80u >> (bit % 8));
  mask = words_of(bits);
  const Words all = words_of(prefix.address);
  value = {all.high & mask.high, all.low & mask.low};
}

RuleTable::RuleTable(std::span<const Rule> rules) : counts_(rules.size()) {
  for (const Rule& rule : rules) {
    Compiled c{};
    if (rule.source) set_prefix(*rule.source, c.source, c.source_mask);
    if (rule.destination) set_prefix(*rule.destination, c.destination, c.destination_mask);
    const auto& either = rule.source ? rule.source : rule.destination;
    c.version = static_cast<std::uint8_t>(!either ? 0 : either->address.is_v4() ? 4 : 6);
    c.source_ports = rule.source_ports.value_or(Rule::Ports{});
    c.destination_ports = rule.destination_ports.value_or(Rule::Ports{});
    c.wants_ports = rule.source_ports || rule.destination_ports;
    c.in = rule.in;
    c.out = rule.out;
    c.proto = rule.proto;
    c.verdict = rule.verdict;
    rules_.push_back(c);
  }
}

bool RuleTable::Compiled::fits(const Seen& seen) const {
  const auto differs = [](const Words& address, const Words& wanted, const Words& mask) {
    return (((address.high & mask.high) ^ wanted.high) | ((address.low & mask.low) ^ wanted.low)) != 0;
  };
  const auto lies_in = [](std::uint16_t port, const Rule::Ports& ports) { return port >= ports.first && port <= ports.last; };
  if (differs(seen.source, source, source_mask) || differs(seen.destination, destination, destination_mask)) return false;
  if ((version != 0 && version != seen.version) || (proto != 0 && proto != seen.proto)) return false;
  if ((in != 0 && in != seen.in) || (out != 0 && out != seen.out)) return false;
  return !wants_ports || (seen.has_ports && lies_in(seen.source_port, source_ports) && lies_in(seen.destination_port, destination_ports));
}

RuleTable::Seen RuleTable::see(const HookState& state, const pkt::Packet& packet) {
  Seen seen;
  if (state.in != nullptr) seen.in = state.in->ifindex;
  if (state.out != nullptr) seen.out = state.out->ifindex;
  const std::span<const std::uint8_t> bytes = packet.data();
  std::size_t transport = bytes.size();
  if (const auto v4 = wire::Ipv4View::parse(bytes)) {
    seen.source = words_of(v4->source());
    seen.destination = words_of(v4->destination());
    seen.version = 4;
    seen.proto = v4->proto();
    if (v4->fragment_offset() == 0) transport = v4->header_length();
  } else if (const auto v6 = wire::Ipv6View::parse(bytes)) {
    const wire::Ipv6Walk walk = wire::walk_ipv6(bytes);
    seen.source = words_of(v6->source());
    seen.destination = words_of(v6->destination());
    seen.version = 6;
    seen.proto = walk.proto;
    const bool is_first = walk.status == wire::Ipv6Walk::Status::fragment && wire::Ipv6FragmentHeader::parse(bytes.subspan(walk.fragment_at))->offset == 0;
    if (walk.status == wire::Ipv6Walk::Status::complete || is_first) transport = walk.offset;
  }
  const bool is_ported = seen.proto == wire::ip_proto::tcp || seen.proto == wire::ip_proto::udp;
  if (is_ported && transport + 4 <= bytes.size()) {
    seen.has_ports = true;
    seen.source_port = load_be16(&bytes[transport]);
    seen.destination_port = load_be16(&bytes[transport + 2]);
  }
  return seen;
}

HookVerdict RuleTable::judge(const HookState& state, const pkt::Packet& packet) {
  const Seen seen = see(state, packet);
  for (std::size_t i = 0; i < rules_.size(); ++i) {
    if (!rules_[i].fits(seen)) continue;
    ++counts_[i].packets;
    counts_[i].bytes += packet.length();
    return rules_[i].verdict;
  }
  return HookVerdict::accept;
}

}  // namespace millrace::ip
