// SPDX-License-Identifier: BSD-3-Clause
// The short way of datagrams whose flows are known: the header's own checks, the counters, the socket. Called by socket::Stack;
// calls UDP. Each answer is the one that input_v4.cpp and input_v6.cpp came to for the flow's last datagram; what they would
// refuse is left to them (receive_path H3).
#include <millrace/stack/ip/mib.hpp>
#include <millrace/stack/ip/stack.hpp>

#include <millrace/wire/ethernet.hpp>
#include <millrace/wire/ipv4.hpp>
#include <millrace/wire/ipv6.hpp>

namespace millrace::ip {
namespace {

struct V4 {
  using Counter = stats::Ip;
  static constexpr std::uint16_t header_bytes = wire::ipv4_header_bytes;
  static constexpr std::uint16_t udp_at = wire::ethernet_header_bytes + header_bytes;
  static auto& counters(Env& env) { return env.stats->ip; }
  static auto key(const std::uint8_t* ip, std::uint16_t ifindex) { return KnownFlows::key_v4(ip, ifindex); }
  static std::uint32_t length(const std::uint8_t* ip) { return load_be16(ip + 2); }
  static std::uint8_t traffic_class(const std::uint8_t* ip) { return ip[1]; }
  static std::uint8_t hop_limit(const std::uint8_t* ip) { return ip[8]; }
  static bool is(const KnownFlows::Flow& flow, const KnownFlows::Key& key) { return ((flow.key[0] ^ key[0]) | (flow.key[4] ^ key[4])) == 0; }
  static bool is_intact(const pkt::Mbuf& frame, const std::uint8_t* ip) {
    if ((frame.ol_flags & pkt::flag::rx_ip_good) != 0) return true;
    wire::Sum sum;
    sum.add_words(ip, header_bytes);
    return sum.is_valid();
  }
};

struct V6 {
  using Counter = stats::Ip6;
  static constexpr std::uint16_t header_bytes = wire::ipv6_header_bytes;
  static constexpr std::uint16_t udp_at = wire::ethernet_header_bytes + header_bytes;
  static auto& counters(Env& env) { return env.stats->ip6; }
  static auto key(const std::uint8_t* ip, std::uint16_t ifindex) { return KnownFlows::key_v6(ip, ifindex); }
  static std::uint32_t length(const std::uint8_t* ip) { return header_bytes + std::uint32_t{load_be16(ip + 4)}; }
  static std::uint8_t traffic_class(const std::uint8_t* ip) { return static_cast<std::uint8_t>(load_be16(ip) >> 4); }
  static std::uint8_t hop_limit(const std::uint8_t* ip) { return ip[7]; }
  static bool is(const KnownFlows::Flow& flow, const KnownFlows::Key& key) { return flow.key == key; }
  static bool is_intact(const pkt::Mbuf&, const std::uint8_t*) { return true; }
};

// Meta is that of a datagram to this host with no more than a plain header in front.
template <class V>
bool is_plain(const pkt::Meta& meta) {
  return meta.l4_proto == wire::ip_proto::udp && meta.l3_offset == wire::ethernet_header_bytes && meta.l4_offset == V::udp_at && meta.type == pkt::PacketType::host && !meta.is_reassembled;
}

}  // namespace

// Nobody sees packets on their way who could change them, or sockets.
bool Stack::may_know_flows() const { return early_demux_.udp && hooks_ == nullptr && (raw_ == nullptr || !raw_->is_listening()); }

void Stack::input_known(pkt::PacketList& frames) {
  while (const pkt::Mbuf* first = frames.front())
    if (!(first->meta.ethertype == wire::ethertype::ipv4 ? input_known_one<V4>(frames) : input_known_one<V6>(frames))) return;
}

// Each by itself, for its user may do anything meanwhile.
template <class V>
bool Stack::input_known_one(pkt::PacketList& frames) {
  pkt::Mbuf& m = *frames.front();
  const pkt::Meta& meta = m.meta;
  if (!is_plain<V>(meta) || !may_know_flows()) return false;
  const std::uint8_t* const ip = m.data() + wire::ethernet_header_bytes;
  const KnownFlows::Key key = V::key(ip, meta.ifindex);
  const KnownFlows::Flow& flow = known_flows_.slot(key);
  if (!V::is(flow, key) || flow.generation != generation() || flow.delivery.socket == nullptr) return false;
  const std::uint32_t length = V::length(ip);
  if (length > m.pkt_len - wire::ethernet_header_bytes || !V::is_intact(m, ip)) return false;

  pkt::Packet datagram = frames.pop_front();
  Delivery delivery = flow.delivery;
  delivery.traffic_class = V::traffic_class(ip);
  delivery.hop_limit = V::hop_limit(ip);
  auto& count = V::counters(env_);
  count_received(count, m.pkt_len - wire::ethernet_header_bytes);
  count_ecn(count, datagram, delivery.traffic_class);
  count.add(V::Counter::InDelivers);
  datagram.truncate(wire::ethernet_header_bytes + length);
  delivery.header_bytes = m.data_len > V::udp_at || m.nb_segs == 1 ? V::header_bytes : std::uint16_t{0};
  datagram.trim_front(V::udp_at);
  protocols_[wire::ip_proto::udp]->receive(std::move(datagram), delivery);
  return true;
}

// data() at the IP header, which led here by the long way.
void Stack::know_flow(const pkt::Packet& packet, Delivery& delivery) {
  const pkt::Meta& meta = packet.meta();
  const bool v4 = meta.ethertype == wire::ethertype::ipv4;
  if (!(v4 ? is_plain<V4>(meta) : is_plain<V6>(meta)) || !may_know_flows() || !is_local(delivery.destination)) return;
  const std::uint8_t* const ip = packet.data().data();
  const KnownFlows::Key key = v4 ? V4::key(ip, meta.ifindex) : V6::key(ip, meta.ifindex);
  KnownFlows::Flow& flow = known_flows_.slot(key);
  flow = {key, generation(), delivery};
  flow.delivery.socket = nullptr;
  delivery.found = &flow.delivery.socket;
}

}  // namespace millrace::ip
