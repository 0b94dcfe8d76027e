// SPDX-License-Identifier: BSD-3-Clause
// UDP input: checks, the socket or sockets it is for, the receive queue; and ICMP errors. Called by ip::Stack and
// icmp::Icmp; calls Events. RFC 768, RFC 1122 section 4.1.3; __udp4_lib_rcv, __udp4_lib_err (receive_path J1-J7).
#include <millrace/stack/udp/match.hpp>
#include <millrace/stack/udp/sender.hpp>
#include <millrace/stack/udp/udp.hpp>

#include <millrace/pkt/pool.hpp>
#include <millrace/pkt/truesize.hpp>
#include <millrace/wire/checksum.hpp>
#include <millrace/wire/protocol.hpp>
#include <millrace/wire/udp.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::udp {

using stats::DropReason;
using Counter = stats::Udp;

struct Udp::Arrival {
  /// data() at the UDP header, which has been checked.
  Arrival(const pkt::Packet& datagram, const ip::Delivery& delivery)
      : ip(delivery),
        local_port(load_be16(&datagram.data()[2])),
        remote_port(load_be16(&datagram.data()[0])),
        has_header(datagram.meta().gso_size == 0 && (datagram.data().size() > wire::udp_header_bytes || datagram.segments() == 1)) {}
  const ip::Delivery& ip;
  std::uint16_t local_port;
  std::uint16_t remote_port;
  bool has_header;  ///< the UDP header lies in front of the payload: it was not cut out of a merged packet

  [[nodiscard]] const IpAddress& local() const { return ip.destination; }
  [[nodiscard]] const IpAddress& remote() const { return ip.source; }
};

namespace {

bool is_checksum_right(const pkt::Packet& datagram, const ip::Delivery& d, std::uint16_t field) {
  // RFC 768: zero says that the sender made none; over IPv6 that is forbidden (RFC 8200 section 8.1).
  if (field == 0) return d.source.is_v4();
  switch (datagram.meta().checksum) {
    case pkt::ChecksumVerdict::good:
    case pkt::ChecksumVerdict::partial: return true;
    case pkt::ChecksumVerdict::bad: return false;
    case pkt::ChecksumVerdict::by_segment:  // none comes so far
    case pkt::ChecksumVerdict::unknown: break;
  }
  wire::Sum sum = wire::pseudo_header(d.source, d.destination, wire::ip_proto::udp, datagram.length());
  datagram.for_each_segment([&](std::span<const std::uint8_t> part) { sum.add(part); });
  return sum.is_valid();
}

// Which ICMP errors end something: icmp_err_convert[] and icmpv6_err_convert(), those marked fatal. 0: none.
int fatal_error(ip::ErrorKind kind, bool v4) {
  switch (kind) {
    case ip::ErrorKind::port_unreachable: return ECONNREFUSED;
    case ip::ErrorKind::protocol_unreachable: return v4 ? ENOPROTOOPT : EPROTO;
    case ip::ErrorKind::parameter_problem: return EPROTO;
    case ip::ErrorKind::prohibited: return v4 ? EHOSTUNREACH : EACCES;
    case ip::ErrorKind::net_unreachable:
    case ip::ErrorKind::host_unreachable:
    case ip::ErrorKind::packet_too_big:
    case ip::ErrorKind::time_exceeded: return 0;
  }
  return 0;
}

// icmp_err_convert[] and icmpv6_err_convert(): for who reads the queue, those that end nothing count, too.
int error_of(ip::ErrorKind kind, bool v4) {
  switch (kind) {
    case ip::ErrorKind::net_unreachable: return ENETUNREACH;
    case ip::ErrorKind::host_unreachable:
    case ip::ErrorKind::time_exceeded: return EHOSTUNREACH;
    case ip::ErrorKind::packet_too_big: return EMSGSIZE;
    default: return fatal_error(kind, v4);
  }
}

}  // namespace

void Udp::receive(pkt::Packet datagram, const ip::Delivery& delivery) {
  if (!check(datagram, delivery)) return;
  const Arrival arrival(datagram, delivery);
  auto* socket = static_cast<Socket*>(delivery.socket);
  if (socket == nullptr) {
    const bool is_shout = delivery.destination.is_unspecified() || ip_.is_broadcast(delivery.destination);
    if (is_shout || delivery.destination.is_multicast()) return receive_for_all(std::move(datagram), arrival);
    socket = lookup({arrival.local(), arrival.local_port}, {arrival.remote(), arrival.remote_port});
    if (socket == nullptr) return refuse_port(std::move(datagram), delivery);
    if (delivery.found != nullptr) *delivery.found = socket;
  }
  if (queue(*socket, std::move(datagram), arrival)) tell(*socket);
}

bool Udp::receive_for(Socket& socket, pkt::Packet datagram, const ip::Delivery& delivery) {
  if (!check(datagram, delivery)) return false;
  const Arrival arrival(datagram, delivery);
  return queue(socket, std::move(datagram), arrival);
}

// udp_queue_rcv_skb(): merged datagrams stay so only for a socket that asked for that (UDP_GRO).
bool Udp::queue(Socket& socket, pkt::Packet datagram, const Arrival& arrival) {
  datagram.trim_front(wire::udp_header_bytes);
  if (socket.gro_ || datagram.meta().gso_size == 0) return enqueue(socket, std::move(datagram), arrival);
  bool is_queued = false;
  for_each_segment(std::move(datagram), [&](pkt::Packet one) { is_queued |= enqueue(socket, std::move(one), arrival); });
  return is_queued;
}

void Udp::refuse_port(pkt::Packet datagram, const ip::Delivery& delivery) {
  counters(delivery.source).add(Counter::NoPorts);
  ip_.send_port_unreachable(datagram, delivery);
  drop(env_, std::move(datagram), DropReason::udp_no_port);
}

void Udp::receive_for_all(pkt::Packet datagram, const Arrival& arrival) {
  datagram.trim_front(wire::udp_header_bytes);
  for_each_segment(std::move(datagram), [&](pkt::Packet one) { deliver_to_all(std::move(one), arrival); });
  while (Socket* socket = ready_.pop_front()) tell(*socket);
}

// udp_rcv_segment(): the datagrams that GRO made one of, without their headers, each as it came.
template <class F>
void Udp::for_each_segment(pkt::Packet datagrams, F&& f) {
  const pkt::Meta meta = datagrams.meta();
  if (meta.gso_size == 0) return f(std::move(datagrams));
  while (datagrams) {
    pkt::Packet one = split_front(env_, datagrams, std::min<std::uint32_t>(meta.gso_size, datagrams.length()));
    if (!one) return drop(env_, std::move(datagrams), DropReason::no_buffer);
    one.meta() = meta;
    one.meta().gso_size = 0;
    one.meta().gso_segs = 1;
    f(std::move(one));
  }
}

// Cuts the datagram to what its length field says. False: it was bad, and is gone.
bool Udp::check(pkt::Packet& datagram, const ip::Delivery& delivery) {
  const auto udp = wire::UdpView::parse(datagram.data());
  // __udp6_lib_rcv(): 0 is a jumbogram's length (RFC 2675), and means all that is there.
  const bool is_jumbo = udp && udp->length() == 0 && !delivery.source.is_v4();
  const std::uint32_t length = is_jumbo ? datagram.length() : udp ? udp->length() : 0u;
  if (length < wire::udp_header_bytes || length > datagram.length()) {
    refuse_bad(std::move(datagram), delivery, DropReason::udp_bad_length);
    return false;
  }
  datagram.truncate(length);
  if (is_checksum_right(datagram, delivery, udp->checksum())) return true;
  counters(delivery.source).add(Counter::InCsumErrors);
  refuse_bad(std::move(datagram), delivery, DropReason::udp_bad_checksum);
  return false;
}

void Udp::refuse_bad(pkt::Packet datagram, const ip::Delivery& delivery, DropReason reason) {
  counters(delivery.source).add(Counter::InErrors);
  drop(env_, std::move(datagram), reason);
}

// __udp4_lib_mcast_deliver(): each socket that fits gets its own copy, the first the original.
void Udp::deliver_to_all(pkt::Packet datagram, const Arrival& arrival) {
  Arrival of_copy = arrival;
  of_copy.has_header = false;
  const std::uint16_t ifindex = arrival.ip.interface != nullptr ? arrival.ip.interface->ifindex : std::uint16_t{0};
  Socket* first = nullptr;
  PortChain& sockets = chain(arrival.local_port);
  const Endpoint local{arrival.local(), arrival.local_port}, remote{arrival.remote(), arrival.remote_port};
  for (Socket* s = sockets.front(); s != nullptr; s = sockets.next(*s)) {
    if (match(*s, local, remote) == 0) continue;
    if (local.address.is_multicast() && !hears_group(*s, local.address, remote.address, ifindex)) continue;
    if (first == nullptr) {
      first = s;
      continue;
    }
    if (pkt::Packet copy = copy_packet(env_, datagram)) {
      copy.meta() = datagram.meta();
      pkt::copy_rx_stamp(datagram.mbuf(), copy.mbuf());
      if (enqueue(*s, std::move(copy), of_copy)) make_ready(*s);
    } else {
      refuse(*s, Counter::RcvbufErrors, arrival);
    }
  }
  if (first != nullptr) {
    if (enqueue(*first, std::move(datagram), arrival)) make_ready(*first);
    return;
  }
  counters(arrival.remote()).add(Counter::IgnoredMulti);
  drop(env_, std::move(datagram), DropReason::udp_no_port);
}

// udp_queue_rcv_one_skb(): a tunnel in the socket comes before its queue. What it takes is received, as in Linux.
pkt::Packet Udp::pass_encap(Socket& socket, pkt::Packet payload, const Arrival& arrival) {
  if (socket.events_ == nullptr) return payload;
  in_encap_ = true;
  payload = socket.events_->encap_receive(socket, std::move(payload), {arrival.remote(), arrival.remote_port});
  in_encap_ = false;
  if (!payload) counters(arrival.remote()).add(Counter::InDatagrams);
  return payload;
}

// sk_filter_trim_cap(): the program sees the datagram from its UDP header on, which stays whatever it cuts.
pkt::Packet Udp::pass_filter(Socket& socket, pkt::Packet payload, const Arrival& arrival) {
  constexpr std::uint32_t header = wire::udp_header_bytes;
  const std::uint32_t length = payload.length() + header;
  std::uint32_t wanted = 0;
  if (arrival.has_header) {
    payload.prepend(header);
    wanted = socket.filter->run(payload);
    payload.trim_front(header);
  } else if (pkt::Packet whole = make_packet(env_)) {
    wire::emit(wire::UdpHeader{.source_port = arrival.remote_port, .destination_port = arrival.local_port, .length = static_cast<std::uint16_t>(length)},
               whole.append(header));
    join(env_, whole, std::move(payload));
    wanted = socket.filter->run(whole);
    whole.trim_front(header, env_.home);
    payload = std::move(whole);
  }
  if (wanted != 0) {
    if (wanted < length) payload.truncate(std::max(wanted, header) - header);
    return payload;
  }
  refuse(socket, arrival);
  drop(env_, std::move(payload), DropReason::socket_filter);
  return {};
}

// Whether the socket has a datagram more to be read.
bool Udp::enqueue(Socket& socket, pkt::Packet payload, const Arrival& arrival) {
  if (socket.encap) payload = pass_encap(socket, std::move(payload), arrival);
  if (payload && socket.filter != nullptr) payload = pass_filter(socket, std::move(payload), arrival);
  if (!payload) return false;
  if (socket.wants_info) pkt::set_packet_info(payload, {arrival.local(), arrival.ip.traffic_class, arrival.ip.hop_limit});
  note_arrival(socket, payload.mbuf());
  const std::uint32_t size = pkt::truesize(payload);
  if (!has_room(socket, size)) {
    refuse(socket, Counter::RcvbufErrors, arrival);
    drop(env_, std::move(payload), DropReason::udp_rcvbuf_full);
    return false;
  }
  if (!may_charge(socket, size)) {
    refuse(socket, Counter::MemErrors, arrival);
    drop(env_, std::move(payload), DropReason::udp_memory);
    return false;
  }
  tap(env_, payload, TapPoint::socket);
  socket.rmem_ += size;
  held_ += size;
  store_sender(payload.meta(), arrival.remote(), arrival.remote_port);
  socket.queue_.push_back(std::move(payload));
  return true;
}

// Of unconnected sockets, too, where Linux keeps the first napi id and no CPU.
void Udp::note_arrival(Socket& socket, const pkt::Mbuf& m) const {
  socket.napi_id_ = m.meta.napi_id;
  socket.incoming_cpu_ = env_.lcore;
  if (socket.is_connected() && (m.ol_flags & pkt::flag::rx_rss_hash) != 0) socket.flow_hash_ = m.rss_hash;
}

// A datagram that the socket cannot hold counts twice: for the reason and as an error (receive_path J5).
void Udp::refuse(Socket& socket, Counter why, const Arrival& arrival) {
  counters(arrival.remote()).add(why);
  refuse(socket, arrival);
}

void Udp::refuse(Socket& socket, const Arrival& arrival) {
  ++socket.drops_;
  counters(arrival.remote()).add(Counter::InErrors);
}

// Users are told when the datagrams have been dealt with, for they may close this socket or any other. Who reads one at a time
// is told again.
void Udp::tell(Socket& socket) {
  if (socket.events_ == nullptr) return;
  const std::uint64_t id = socket.id_;
  std::uint32_t before;
  do {
    before = socket.waiting();
    socket.events_->on_readable(socket);
  } while (socket.open_ && socket.id_ == id && socket.waiting() != 0 && socket.waiting() < before);
}

void Udp::error(const ip::ErrorReport& report) {
  const auto udp = report.transport_header;
  if (udp.size() < wire::udp_header_bytes) return;
  const wire::UdpView quoted = *wire::UdpView::parse(udp);
  Socket* socket = lookup({report.local, quoted.source_port()}, {report.remote, quoted.destination_port()});
  // RFC 5927: only what quotes a socket of ours. ipv4_sk_update_pmtu().
  if (socket != nullptr && report.kind == ip::ErrorKind::packet_too_big) ip_.learn_path_mtu(report.remote, report.mtu);
  if (socket == nullptr) return ip_.count_unclaimed_error(report.remote);
  const bool is_queued = report.remote.is_v4() ? socket->recv_err_v4 : socket->recv_err_v6;
  // RFC 1122 section 4.1.3.3; without a peer the socket could not tell whom it concerns, but by its queue.
  if (!socket->is_connected() && !is_queued) return;
  const MtuDiscover discover = report.remote.is_v4() ? socket->mtu_discover : socket->mtu_discover_v6;
  const bool is_told = report.kind == ip::ErrorKind::packet_too_big && discover != MtuDiscover::dont;
  const int fatal = is_told ? EMSGSIZE : fatal_error(report.kind, report.remote.is_v4());
  const int error = is_queued ? error_of(report.kind, report.remote.is_v4()) : fatal;
  if (is_queued && socket->errors_.size() < Socket::most_errors)
    socket->errors_.push_back({.error = error,
                               .is_v6 = !report.remote.is_v4(),
                               .type = report.type,
                               .code = report.code,
                               .mtu = report.mtu,
                               .offender = report.reporter,
                               .destination = {report.remote, quoted.destination_port()},
                               .payload = {udp.begin() + wire::udp_header_bytes, udp.end()}});
  if (error == 0) return;
  socket->error_ = error;
  if (socket->events_ != nullptr) socket->events_->on_error(*socket, error);
}

}  // namespace millrace::udp
