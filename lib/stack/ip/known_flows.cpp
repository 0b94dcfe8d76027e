// SPDX-License-Identifier: BSD-3-Clause
// The short way of datagrams whose flows are known: the header's own checks, the counters, the socket. Called by socket::Stack
// and runtime::Receive; calls UDP, once for those of one socket that follow one another. Each answer is the one that
// input_v4.cpp and input_v6.cpp came to for the flow's last datagram; what they would refuse is left to them (receive_path H3).
#include <millrace/stack/ip/mib.hpp>
#include <millrace/stack/ip/stack.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>
#include <millrace/wire/udp.hpp>

#include <array>

namespace millrace::ip {
namespace {

struct V4 {
  using Counter = stats::Ip;
  static constexpr std::uint16_t ethertype = wire::ethertype::ipv4;
  static constexpr std::uint16_t header_bytes = wire::ipv4_header_bytes;
  static constexpr std::uint16_t udp_at = wire::ethernet_header_bytes + header_bytes;
  static auto& counters(Env& env) { return env.stats->ip; }
  static auto key(const std::uint8_t* ip, std::uint16_t ifindex) { return KnownFlows::key_v4(ip, ifindex); }
  static std::uint32_t length(const std::uint8_t* ip) { return load_be16(ip + 2); }
  static std::uint8_t traffic_class(const std::uint8_t* ip) { return ip[1]; }
  static bool is(const KnownFlows::Flow& flow, const KnownFlows::Key& key) { return ((flow.key[0] ^ key[0]) | (flow.key[4] ^ key[4])) == 0; }
  static bool is_intact(const pkt::Mbuf& frame, const std::uint8_t* ip) { return (frame.ol_flags & pkt::flag::rx_ip_good) != 0 || wire::is_plain_ipv4_sum_right(ip); }
};

struct V6 {
  using Counter = stats::Ip6;
  static constexpr std::uint16_t ethertype = wire::ethertype::ipv6;
  static constexpr std::uint16_t header_bytes = wire::ipv6_header_bytes;
  static constexpr std::uint16_t udp_at = wire::ethernet_header_bytes + header_bytes;
  static auto& counters(Env& env) { return env.stats->ip6; }
  static auto key(const std::uint8_t* ip, std::uint16_t ifindex) { return KnownFlows::key_v6(ip, ifindex); }
  static std::uint32_t length(const std::uint8_t* ip) { return header_bytes + std::uint32_t{load_be16(ip + 4)}; }
  static std::uint8_t traffic_class(const std::uint8_t* ip) { return static_cast<std::uint8_t>(load_be16(ip) >> 4); }
  static bool is(const KnownFlows::Flow& flow, const KnownFlows::Key& key) { return flow.key == key; }
  static bool is_intact(const pkt::Mbuf&, const std::uint8_t*) { return true; }
};

// Meta is that of a datagram to this host with no more than a plain header in front.
template <class V>
bool is_plain(const pkt::Meta& meta) {
  return meta.l3_offset == wire::ethernet_header_bytes && meta.l4_offset == V::udp_at && meta.ethertype == V::ethertype && meta.l4_proto == wire::ip_proto::udp && meta.type == pkt::PacketType::host &&
         meta.checksum != pkt::ChecksumVerdict::by_segment && !meta.is_reassembled;
}

/// What several packets add to the counters.
template <class V>
struct Tally {
  std::uint32_t packets = 0;
  std::uint64_t octets = 0;
  std::array<std::uint32_t, 4> by_ecn{};

  void add(const pkt::Mbuf& m, const std::uint8_t* ip) {
    ++packets;
    octets += m.pkt_len - wire::ethernet_header_bytes;
    by_ecn[V::traffic_class(ip) & 3u] += segments_of(m);
  }
  void count(stats::CounterBlock<typename V::Counter>& counters) const {
    using Counter = typename V::Counter;
    counters.add(Counter::InReceives, packets);
    counters.add(Counter::InOctets, octets);
    counters.add(Counter::InDelivers, packets);
    for (std::size_t field = 0; field < by_ecn.size(); ++field)
      if (by_ecn[field] != 0) counters.add(ecn_counters<Counter>[field], by_ecn[field]);
  }
};

}  // namespace

// Nobody sees packets on their way who could change them, or sockets.
bool Stack::may_know_flows() const { return early_demux_.udp && hooks_ == nullptr && (raw_ == nullptr || !raw_->is_listening()); }

std::uint32_t Stack::input_datagrams(pkt::PacketList& frames) {
  if (!may_know_flows()) return 0;
  return frames.front()->meta.ethertype == wire::ethertype::ipv4 ? input_known_of<V4>(frames) : input_known_of<V6>(frames);
}

// All of them before their user hears of the first, who may do anything then.
template <class V>
std::uint32_t Stack::input_known_of(pkt::PacketList& frames) {
  const std::uint64_t generation = this->generation();
  const KnownFlows::Flow* flow = nullptr;
  pkt::Mbuf* last = nullptr;
  Tally<V> tally;
  for (pkt::Mbuf* m = frames.front(); m != nullptr; m = m->meta.list_next) {
    if (!is_plain<V>(m->meta)) break;
    const std::uint8_t* const ip = m->data() + wire::ethernet_header_bytes;
    const KnownFlows::Key key = V::key(ip, m->meta.ifindex);
    if (flow == nullptr || !V::is(*flow, key)) {
      const KnownFlows::Flow& next = known_flows_.slot(key);
      if (!V::is(next, key) || next.generation != generation || next.socket == nullptr) break;
      if (flow != nullptr && flow->socket != next.socket) break;
      flow = &next;
    }
    if (V::length(ip) > m->pkt_len - wire::ethernet_header_bytes || !V::is_intact(*m, ip)) break;
    // Of a buffer that holds nothing else the headers would not stay.
    if (m->nb_segs != 1 && m->data_len <= V::udp_at + wire::udp_header_bytes) break;
    tally.add(*m, ip);
    last = m;
  }
  if (last == nullptr) return 0;
  pkt::PacketList known = frames.split_behind(*last, tally.packets);
  tally.count(V::counters(env_));
  protocols_[wire::ip_proto::udp]->receive_known(flow->socket, known);
  return tally.packets;
}

// data() at the IP header, which led here by the long way.
void Stack::know_flow(const pkt::Packet& packet, Delivery& delivery) {
  const pkt::Meta& meta = packet.meta();
  const bool v4 = meta.ethertype == wire::ethertype::ipv4;
  if (!(v4 ? is_plain<V4>(meta) : is_plain<V6>(meta)) || !may_know_flows() || !is_local(delivery.destination)) return;
  const std::uint8_t* const ip = packet.data().data();
  const KnownFlows::Key key = v4 ? V4::key(ip, meta.ifindex) : V6::key(ip, meta.ifindex);
  KnownFlows::Flow& flow = known_flows_.slot(key);
  flow = {key, generation(), nullptr};
  delivery.found = &flow.socket;
}

}  // namespace millrace::ip
