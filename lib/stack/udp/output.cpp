// SPDX-License-Identifier: BSD-3-Clause
// What a socket's user does with data: sending, and reading what waits. Called by socket::UdpSocket; calls
// ip::Output::send. RFC 768; udp_sendmsg, udp_recvmsg (receive_path J7, J9).
#include <millrace/stack/udp/match.hpp>
#include <millrace/stack/udp/sender.hpp>
#include <millrace/stack/udp/udp.hpp>

#include <millrace/pkt/pool.hpp>
#include <millrace/pkt/truesize.hpp>
#include <millrace/wire/protocol.hpp>
#include <millrace/wire/udp.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::udp {

using stats::DropReason;
using Counter = stats::Udp;

namespace {

constexpr std::size_t most_payload_bytes = 65535 - wire::udp_header_bytes;

constexpr std::size_t most_segments = 128;  // UDP_MAX_SEGMENTS

// udp_send_skb(): data() begins at the UDP header.
void mark_segments(pkt::Meta& meta, std::uint32_t payload, std::uint16_t size) {
  const bool is_train = size != 0 && payload > size;
  meta.gso_size = is_train ? size : std::uint16_t{0};
  meta.gso_segs = is_train ? static_cast<std::uint16_t>((payload + size - 1) / size) : std::uint16_t{1};
  meta.payload_offset = wire::udp_header_bytes;
}

// Data() begins at the payload before, and at the UDP header behind it.
void put_header(pkt::Packet& payload, std::uint16_t source_port, std::uint16_t destination_port, std::uint16_t segment_size) {
  const std::uint32_t bytes = payload.length();
  wire::emit(wire::UdpHeader{.source_port = source_port, .destination_port = destination_port, .length = static_cast<std::uint16_t>(bytes + wire::udp_header_bytes)},
             payload.prepend(wire::udp_header_bytes));
  payload.meta().tx_checksum = pkt::ChecksumRequest::udp;
  mark_segments(payload.meta(), bytes, segment_size);
}

// What a receive call gets of a datagram; its whole length.
std::uint32_t copy_message(const pkt::Packet& datagram, std::span<std::uint8_t> into, Received* received) {
  datagram.copy_out(0, into);
  if (received != nullptr) *received = {pkt::rx_times(datagram), datagram.meta().gso_size, datagram.meta().ifindex, pkt::packet_info(datagram)};
  return datagram.length();
}

// For Ethernet's, IP's and UDP's header.
bool has_room_in_front(const pkt::Packet& payload) {
  constexpr std::uint16_t longest_headers = 64;
  return payload.headroom() >= longest_headers && (pkt::is_sole(payload.mbuf()) || !payload.is_shared());
}

// skb_scrub_packet(): where and how it came is nothing to who gets it next, which may be this host by lo.
void forget_reception(pkt::Packet& payload) {
  payload.mbuf().ol_flags &= pkt::flag::indirect | pkt::flag::external;
  payload.meta().has_info = false;
}

// ip_dont_fragment() and ip_sk_local_df().
bool has_df(MtuDiscover d) { return d == MtuDiscover::want || d == MtuDiscover::require || d == MtuDiscover::probe; }
bool may_cut(MtuDiscover d) { return d == MtuDiscover::dont || d == MtuDiscover::want || d == MtuDiscover::omit; }

}  // namespace

// What must hold before a datagram is built; 0 or -errno.
int Udp::prepare(Socket& socket, const Endpoint* to, std::size_t length) {
  if (const int error = take_error(socket); error != 0) return -error;
  const Endpoint& destination = to != nullptr ? *to : socket.remote_;
  if (to == nullptr && !socket.is_connected()) return -EDESTADDRREQ;
  if (destination.port == 0) return -EINVAL;
  if (length > most_payload_bytes) return -EMSGSIZE;
  if (socket.segment_size != 0 && length > std::size_t{socket.segment_size} * most_segments) return -EINVAL;
  if (!may_talk_to(socket, destination.address)) return -EAFNOSUPPORT;
  if (ip_.is_broadcast(destination.address) && !socket.broadcast) return -EACCES;
  if (socket.is_bound()) return 0;
  return bind(socket, {destination.address.is_v4() ? IpAddress::v4(0, 0, 0, 0) : IpAddress{}, 0});
}

std::int64_t Udp::send_to(Socket& socket, std::span<const std::uint8_t> bytes, const Endpoint* to) { return send_to(socket, bytes, to, {}); }

std::int64_t Udp::send_to(Socket& socket, std::span<const std::uint8_t> bytes, const Endpoint* to, const SendControl& control) {
  const Endpoint& destination = to != nullptr ? *to : socket.remote_;
  const bool known = is_known(socket, destination);
  const int refused = known ? 0 : prepare(socket, to, bytes.size());
  if (refused != 0) return refused;
  if (const IpAddress& source = control.source; !source.is_unspecified()) {
    if (!ip_.is_local(source) || source.is_v4() != destination.address.is_v4()) return -EINVAL;
  }
  pkt::Packet payload = packet_of(env_, bytes);
  if (!payload) {
    counters(destination.address).add(Counter::SndbufErrors);
    return -ENOBUFS;
  }
  return transmit(socket, std::move(payload), destination, control, known);
}

std::int64_t Udp::send_packet(Socket& socket, pkt::Packet payload, const Endpoint* to) {
  const Endpoint& destination = to != nullptr ? *to : socket.remote_;
  const bool known = is_known(socket, destination);
  const int refused = known ? 0 : prepare(socket, to, payload.length());
  if (refused != 0) {
    drop(env_, std::move(payload), DropReason::udp_send_refused);
    return refused;
  }
  if (!has_room_in_front(payload)) payload = behind_own_buffer(std::move(payload));
  if (payload) forget_reception(payload);
  if (payload) return transmit(socket, std::move(payload), destination, {}, known);
  counters(destination.address).add(Counter::SndbufErrors);
  return -ENOBUFS;
}

std::int64_t Udp::send_packets(Socket& socket, pkt::PacketList& payloads, const Endpoint& to) {
  std::int64_t sent = 0;
  for (;;) {
    sent += send_known(socket, payloads, to);
    if (payloads.empty()) return sent;
    const std::int64_t result = send_packet(socket, payloads.pop_front(), &to);
    if (result < 0) return sent != 0 ? sent : result;
    ++sent;
  }
}

// As many of them, in order, as go as the one before went; how many.
std::uint32_t Udp::send_known(Socket& socket, pkt::PacketList& payloads, const Endpoint& to) {
  if (!is_known(socket, to)) return 0;
  pkt::PacketList datagrams;
  while (pkt::Packet datagram = payloads.pop_front()) {
    if (!has_room_in_front(datagram)) {
      payloads.push_front(std::move(datagram));
      break;
    }
    forget_reception(datagram);
    put_header(datagram, socket.local_.port, to.port, 0);
    datagrams.push_back(std::move(datagram));
  }
  const std::uint32_t ready = datagrams.size();
  if (ready == 0) return 0;
  ip_.send_known(datagrams, socket.path_);
  const std::uint32_t left = datagrams.size();
  datagrams.for_each([](pkt::Packet& datagram) { datagram.trim_front(wire::udp_header_bytes); });
  datagrams.splice_back(payloads);
  payloads.splice_back(datagrams);
  counters(to.address).add(Counter::OutDatagrams, ready - left);
  return ready - left;
}

// Headers come where nobody else reads. Null: the pool is empty.
pkt::Packet Udp::behind_own_buffer(pkt::Packet payload) {
  pkt::Packet whole = make_packet(env_);
  if (whole) {
    join(env_, whole, std::move(payload));
  } else {
    drop(env_, std::move(payload), DropReason::no_buffer);
  }
  return whole;
}

// What a datagram's header has from the socket, and what it was sent with last: then all was found right for it.
SendOptions Udp::options_of(const Socket& socket, bool is_v4) {
  if (is_v4) return {socket.hop_limit, socket.traffic_class, socket.mtu_discover};
  return {socket.hop_limit_v6, socket.traffic_class_v6, socket.mtu_discover_v6};
}

bool Udp::is_known(const Socket& socket, const Endpoint& to) {
  return socket.path_.generation != 0 && socket.path_to_ == to && socket.segment_size == 0 && socket.error_ == 0 &&
         socket.path_options_ == options_of(socket, to.address.is_v4());
}

// sk_dst_check(): of a socket without a peer, too, where Linux looks up each time, as long as it sends to the same address.
ip::RouteCache& Udp::route_of(Socket& socket, const IpAddress& destination) {
  if (socket.route_to_ != destination) {
    socket.route_to_ = destination;
    socket.route_ = {};
  }
  return socket.route_;
}

std::int64_t Udp::transmit(Socket& socket, pkt::Packet payload, const Endpoint& destination, const SendControl& control, bool known) {
  const std::uint32_t bytes = payload.length();
  put_header(payload, socket.local_.port, destination.port, socket.segment_size);
  pkt::PacketList datagram;
  datagram.push_back(std::move(payload));
  if (known && control.is_none()) ip_.send_known(datagram, socket.path_);
  const auto verdict = datagram.empty() ? ip::SendVerdict::sent : send_anew(socket, datagram.pop_front(), destination, control);
  if (verdict == ip::SendVerdict::sent) {
    counters(destination.address).add(Counter::OutDatagrams);
    return bytes;
  }
  if (verdict == ip::SendVerdict::no_buffer) counters(destination.address).add(Counter::SndbufErrors);
  return -errno_of(verdict);
}

ip::SendVerdict Udp::send_anew(Socket& socket, pkt::Packet datagram, const Endpoint& destination, const SendControl& control) {
  const IpAddress& own = control.source.is_unspecified() ? socket.local_.address : control.source;
  const bool is_source = !own.is_unspecified() && !own.is_multicast() && !ip_.is_broadcast(own);
  const bool is_v4 = destination.address.is_v4();
  const SendOptions options = options_of(socket, is_v4);
  const bool to_group = destination.address.is_multicast();
  const MulticastOptions& group = is_v4 ? socket.multicast : socket.multicast_v6;
  const bool is_like_others = control.is_none() && !to_group;
  if (is_like_others) {
    socket.path_ = {};
    socket.path_to_ = destination;
    socket.path_options_ = options;
  }
  return ip_.send(std::move(datagram),
                  {.source = is_source ? own : IpAddress{},
                   .destination = destination.address,
                   .proto = wire::ip_proto::udp,
                   .hop_limit = control.hop_limit.value_or(to_group ? group.hop_limit : options.hop_limit),
                   .traffic_class = control.traffic_class.value_or(options.traffic_class),
                   .dont_fragment = has_df(options.discover),
                   .may_fragment = socket.segment_size == 0 && may_cut(options.discover),
                   .ifindex = to_group ? group.ifindex : std::uint16_t{0},
                   .loops = to_group && group.loop,
                   .path = is_like_others ? &socket.path_ : nullptr,
                   .route = control.source.is_unspecified() && !to_group ? &route_of(socket, destination.address) : nullptr,
                   .link_mtu_only = options.discover > MtuDiscover::require});
}

std::int64_t Udp::recv_from(Socket& socket, std::span<std::uint8_t> into, Endpoint* from, Received* received) {
  if (const int error = take_error(socket); error != 0) return -error;
  pkt::Packet datagram = take(socket, from);
  if (!datagram) return -EAGAIN;
  const std::uint32_t length = copy_message(datagram, into, received);
  consume(env_, std::move(datagram), stats::Ledger::delivered);
  return length;
}

std::int64_t Udp::peek_from(Socket& socket, std::span<std::uint8_t> into, Endpoint* from, Received* received) {
  if (const int error = take_error(socket); error != 0) return -error;
  pkt::Packet datagram = socket.queue_.pop_front();
  if (!datagram) return -EAGAIN;
  const std::uint32_t length = copy_message(datagram, into, received);
  if (from != nullptr) *from = load_sender(datagram);
  socket.queue_.push_front(std::move(datagram));
  return length;
}

pkt::Packet Udp::take(Socket& socket, Endpoint* from) {
  pkt::Packet datagram = socket.queue_.pop_front();
  if (!datagram) return datagram;
  const std::uint32_t size = pkt::truesize(datagram);
  socket.rmem_ -= size;
  held_ -= size;
  const Endpoint sender = load_sender(datagram);
  if (from != nullptr) *from = sender;
  counters(sender.address).add(Counter::InDatagrams);
  return datagram;
}

std::uint64_t Udp::take_all(Socket& socket, pkt::PacketList& into) {
  std::uint64_t bytes = 0;
  std::uint32_t v4 = 0;
  for (pkt::Mbuf* m = socket.queue_.front(); m != nullptr; m = m->meta.list_next) {
    bytes += m->pkt_len;
    v4 += is_sender_v4(m->meta) ? 1 : 0;
  }
  held_ -= std::exchange(socket.rmem_, 0u);
  env_.stats->udp.add(Counter::InDatagrams, v4);
  env_.stats->udp6.add(Counter::InDatagrams, socket.waiting() - v4);
  into.splice_back(socket.queue_);
  return bytes;
}

}  // namespace millrace::udp
