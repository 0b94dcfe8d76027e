// SPDX-License-Identifier: BSD-3-Clause
// Which lcores process the packets of a burst: what the lookup of one waits for overlaps with the others'. Called by
// Receive; calls the owner tables, Toeplitz, and steer.cpp for flows without an owner. receive_path F4-F6, F22.
#include <millrace/steer/steer.hpp>

#include <millrace/base/assert.hpp>
#include <millrace/wire/ethernet.hpp>
#include <millrace/base/bits.hpp>
#include <millrace/base/words.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <array>
#include <bit>

namespace millrace::steer {
namespace {

constexpr std::uint16_t v4_addresses_at = 12;  // from the IP header: source, destination, then at once the ports
constexpr std::uint16_t v6_addresses_at = 8;
constexpr std::uint16_t v4_ports_at = 20;
constexpr std::uint16_t v6_ports_at = 40;

std::uint64_t mapped(std::uint64_t v4) { return v4 << 32 | v4_mapped; }
bool is_mapped(std::uint64_t high, std::uint64_t low) { return high == 0 && static_cast<std::uint32_t>(low) == v4_mapped; }

/// Ports and protocol as in the last word of a FlowKey; the stack is still to come.
std::uint64_t ends(const std::uint8_t* ports, std::uint8_t proto) { return load_be32(ports) | std::uint64_t{proto} << 48; }

}  // namespace

/// Packets of one rx queue. A bit stands for a packet. Without `rps`: no queue has rps_cpus or an RFS table (receive_path F21).
template <bool rps>
class Steer::Pass {
 public:
  Pass(Steer& steer, Env& env, std::span<pkt::Mbuf* const> packets, Choice* choices)
      : steer_(steer), directory_(steer.directory_), env_(env), packets_(packets), choices_(choices),
        queue_(rps ? steer.find_queue(packets[0]->meta) : nullptr), spread_(queue_ != nullptr ? queue_->rps.lcores() : std::span<const LcoreId>()) {}

  void run() {
    const std::uint32_t known = read_all();
    for_each_bit(~known & bits(packets_.size()), [this](std::size_t i) { choices_[i] = {undecided}; });
    if (rps && spread_.size() > 1) hash(known);
    std::uint32_t left = known & ~find_suggested(known);
    if (left != 0) left &= ~find_strays(env_.lcore, left);
    for (LcoreId lcore = 0; left != 0 && lcore < directory_.size(); ++lcore) left &= ~find_strays(lcore, left);
    for_each_bit(left, [this](std::size_t i) { choose_without_owner(i); });
  }

 private:
  static constexpr std::uint32_t bits(std::size_t n) { return n == most_packets ? ~0u : (1u << n) - 1; }

  std::uint32_t read_all() {
    const bool follows = rps && queue_ != nullptr && queue_->flows.is_on();
    const std::uint64_t stack = std::uint64_t{steer_.stack_of(packets_[0]->meta)} << 32;
    std::uint64_t flags = 0;
    std::uint32_t known = 0;
    for (std::size_t i = 0; i < packets_.size(); ++i) {
      const pkt::Meta& meta = packets_[i]->meta;
      const bool may_be_of_other_stack = !steer_.vlan_stacks_.empty() && meta.l3_offset != wire::ethernet_header_bytes;
      if (meta.payload_offset == 0 || may_be_of_other_stack || (follows && meta.l4_proto == wire::ip_proto::udp) || !read(*packets_[i], stack, i)) continue;
      known |= 1u << i;
      flags |= packets_[i]->ol_flags;
    }
    const bool asks_port = queue_ == nullptr || !steer_.interfaces_[packets_[0]->meta.ifindex].ntuple;
    if (asks_port && (flags & pkt::flag::rx_rss_hash) != 0)
      for_each_bit(known, [this](std::size_t i) { has_port_hash_ |= static_cast<std::uint32_t>((packets_[i]->ol_flags & pkt::flag::rx_rss_hash) != 0) << i; });
    return known;
  }

  /// The flow of a TCP or UDP packet of the common shape. What is left out is chosen by itself.
  bool read(const pkt::Mbuf& m, std::uint64_t stack, std::size_t i) {
    const pkt::Meta& meta = m.meta;
    const std::uint8_t* const ip = static_cast<const std::uint8_t*>(m.buf_addr) + m.data_off + meta.l3_offset;
    const int header = meta.l4_offset - meta.l3_offset;
    const OwnerHash& hash = directory_.hash();
    FlowProbe& probe = probes_[i];
    if (meta.ethertype == wire::ethertype::ipv4) {
      if (header != v4_ports_at) return false;
      const std::uint8_t* const tuple = tuples_[i] = ip + v4_addresses_at;
      const std::uint64_t addresses = load64(tuple);
      probe.words = {0, mapped(addresses >> 32), 0, mapped(addresses), ends(ip + v4_ports_at, meta.l4_proto) | stack};
      probe.hash = hash.of_v4(addresses, probe.words[4]);
      return true;
    }
    if (header != v6_ports_at) return false;
    const std::uint8_t* const tuple = tuples_[i] = ip + v6_addresses_at;
    const auto word = [tuple](std::size_t at) { return load64(tuple + at); };
    probe.words = {word(16), word(24), word(0), word(8), ends(ip + v6_ports_at, meta.l4_proto) | stack};
    probe.hash = hash(probe.words);
    is_v6_ |= 1u << i;
    // An IPv4-mapped address would pass for an IPv4 flow of another's.
    return !is_mapped(probe.words[0], probe.words[1]) && !is_mapped(probe.words[2], probe.words[3]);
  }

  /// The hashes by which rps_cpus spreads.
  void hash(std::uint32_t which) {
    const std::uint32_t by_port = which & has_port_hash_;
    const std::uint32_t software = which & ~has_port_hash_;
    for_each_bit(by_port, [this](std::size_t i) { hashes_[i] = packets_[i]->rss_hash; });
    hash_all(software & ~is_v6_, [this](auto tuples, auto hashes) { steer_.toeplitz_.hash_v4(tuples, hashes); });
    hash_all(software & is_v6_, [this](auto tuples, auto hashes) { steer_.toeplitz_.hash_v6(tuples, hashes); });
    count(stats::Steer::hash_hardware, by_port);
    count(stats::Steer::hash_software, software);
  }

  template <class HashBulk>
  void hash_all(std::uint32_t which, HashBulk&& hash_bulk) {
    if (which == 0) return;
    if (which == bits(packets_.size())) return hash_bulk(std::span<const std::uint8_t* const>(tuples_.data(), packets_.size()), std::span(hashes_.data(), packets_.size()));
    std::array<const std::uint8_t*, most_packets> tuples;
    std::array<std::uint32_t, most_packets> hashes;
    std::size_t n = 0;
    for_each_bit(which, [&](std::size_t i) { tuples[n++] = tuples_[i]; });
    hash_bulk(std::span<const std::uint8_t* const>(tuples.data(), n), std::span(hashes.data(), n));
    n = 0;
    for_each_bit(which, [&](std::size_t i) { hashes_[i] = hashes[n++]; });
  }

  /// Asks each lcore for the flows that rps_cpus would bring it: most flows' owner, as it brought their first packets too.
  std::uint32_t find_suggested(std::uint32_t which) {
    Choice* const choices = choices_;
    if (!rps || spread_.size() <= 1) {
      const LcoreId only = rps ? rps_lcore(spread_, 0, directory_, env_.lcore) : env_.lcore;
      for_each_bit(which, [=](std::size_t i) { choices[i] = {only}; });
      return find(only, which);
    }
    std::array<std::uint32_t, max_lcores> flows_of;  // by place in spread_
    std::fill_n(flows_of.begin(), spread_.size(), 0u);
    for_each_bit(which, [&, choices](std::size_t i) {
      const std::size_t place = rps_place(spread_.size(), hashes_[i]);
      choices[i] = {spread_[place]};
      flows_of[place] |= 1u << i;
    });
    std::uint32_t found = 0;
    for (std::size_t place = 0; place < spread_.size(); ++place) {
      if (directory_.is_online(spread_[place])) found |= find(spread_[place], flows_of[place]);
      else for_each_bit(flows_of[place], [this](std::size_t i) { choices_[i] = {env_.lcore}; });
    }
    return found;
  }

  std::uint32_t find(LcoreId lcore, std::uint32_t which) {
    if (which == 0 || !directory_.is_online(lcore)) return 0;
    const std::uint32_t found = directory_.table(lcore)->contains({probes_.data(), packets_.size()}, which);
    count(lcore == env_.lcore ? stats::Steer::local : stats::Steer::owner, found);
    return found;
  }

  /// What rps_cpus would not have brought its owner.
  std::uint32_t find_strays(LcoreId lcore, std::uint32_t which) {
    const std::uint32_t found = find(lcore, which);
    for_each_bit(found, [this, lcore](std::size_t i) { choices_[i] = {lcore}; });
    return found;
  }

  void choose_without_owner(std::size_t i) {
    const Decision decision = steer_.without_owner(std::bit_cast<FlowKey>(probes_[i].words), choices_[i].lcore);
    choices_[i] = {decision.lcore};
    env_.stats->steer.add(decision.lcore == env_.lcore ? stats::Steer::local : decision.why);
  }

  void count(stats::Steer which, std::uint32_t packets) { env_.stats->steer.add(which, static_cast<unsigned>(std::popcount(packets))); }

  Steer& steer_;
  const Directory& directory_;
  Env& env_;
  std::span<pkt::Mbuf* const> packets_;
  Choice* choices_;
  const Queue* queue_;
  std::span<const LcoreId> spread_;  ///< rps_cpus
  std::uint32_t is_v6_ = 0;
  std::uint32_t has_port_hash_ = 0;
  std::array<FlowProbe, most_packets> probes_;
  std::array<const std::uint8_t*, most_packets> tuples_;
  std::array<std::uint32_t, most_packets> hashes_;
};

template <bool rps>
void Steer::choose_all(Env& env, std::span<pkt::Mbuf* const> packets, Choice* choices) {
  MR_ASSERT(packets.size() <= most_packets);
  if (directory_.size() == 1) {
    std::fill_n(choices, packets.size(), Choice{env.lcore});
    return env.stats->steer.add(stats::Steer::local, packets.size());
  }
  if (!switches_.empty()) {  // rare and soon over
    std::fill_n(choices, packets.size(), Choice{undecided});
    return;
  }
  for (std::size_t done = 0; done < packets.size();) {
    const pkt::Meta& first = packets[done]->meta;
    const auto is_other = [&first](const pkt::Mbuf* m) { return m->meta.ifindex != first.ifindex || m->meta.rx_queue != first.rx_queue; };
    const auto rest = packets.subspan(done);
    const auto n = static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), is_other) - rest.begin());
    Pass<rps>(*this, env, rest.first(n), choices + done).run();
    done += n;
  }
}

template void Steer::choose_all<true>(Env&, std::span<pkt::Mbuf* const>, Choice*);
template void Steer::choose_all<false>(Env&, std::span<pkt::Mbuf* const>, Choice*);

}  // namespace millrace::steer
