// SPDX-License-Identifier: BSD-3-Clause
// Raw and ping sockets: their table, what arrives and what is read. Called by ip::Stack and icmp::Icmp with what arrived, and
// by the sockets' users. raw_v4_input(), ping_rcv() (receive_path L8, L10).
#include <millrace/stack/raw/raw.hpp>

#include <millrace/env/build_packet.hpp>
#include <millrace/pkt/truesize.hpp>
#include <millrace/wire/icmp4.hpp>
#include <millrace/wire/icmp6.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace millrace::raw {
namespace {

// Who sent a queued packet stands in its Meta::cb, which is ours while it waits.
static_assert(sizeof(pkt::Meta::cb) >= sizeof(IpAddress));

void store_sender(pkt::Packet& packet, const IpAddress& sender) { std::memcpy(packet.meta().cb, sender.bytes.data(), sender.bytes.size()); }

IpAddress load_sender(const pkt::Packet& packet) {
  IpAddress sender;
  std::memcpy(sender.bytes.data(), packet.meta().cb, sender.bytes.size());
  return sender;
}

bool fits(const Socket& socket, const ip::Delivery& delivery) {
  const auto is_met = [](const IpAddress& wanted, const IpAddress& address) { return wanted.is_unspecified() || wanted == address; };
  return socket.is_v6() != delivery.source.is_v4() && is_met(socket.local(), delivery.destination) && is_met(socket.remote(), delivery.source);
}

std::size_t place_of(bool v6, std::uint8_t proto) { return proto + (v6 ? 256u : 0u); }

// What steering gives every lcore by itself: what concerns its link or, of datagrams to groups, sockets anywhere.
bool is_everywhere(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto) {
  if (proto == wire::ip_proto::igmp) return true;
  if (proto == wire::ip_proto::udp) return packet.meta().type != pkt::PacketType::host;
  if (proto != wire::ip_proto::icmp6 || packet.data().size() <= header_bytes) return false;
  const auto message = wire::Icmp6View::parse(packet.data().subspan(header_bytes));
  return message && (message->is_neighbor_discovery() || message->is_listener_message());
}

int errno_of(ip::ErrorKind kind) {
  switch (kind) {
    case ip::ErrorKind::net_unreachable: return ENETUNREACH;
    case ip::ErrorKind::packet_too_big: return EMSGSIZE;
    case ip::ErrorKind::prohibited: return EACCES;
    case ip::ErrorKind::port_unreachable: return ECONNREFUSED;
    case ip::ErrorKind::protocol_unreachable:
    case ip::ErrorKind::parameter_problem: return EPROTO;
    case ip::ErrorKind::host_unreachable:
    case ip::ErrorKind::time_exceeded: break;
  }
  return EHOSTUNREACH;
}

}  // namespace

Raw::~Raw() {
  while (!sockets_.empty()) close(*sockets_.back());
}

Socket* Raw::open(bool v6, std::uint8_t proto, Events* events) {
  if (!pkt::register_packet_info()) return nullptr;
  sockets_.push_back(std::make_unique<Socket>());
  Socket& socket = *sockets_.back();
  socket.v6_ = v6;
  socket.proto_ = proto;
  socket.local_ = socket.remote_ = v6 ? IpAddress{} : IpAddress::v4(0, 0, 0, 0);
  socket.header_included = !v6 && proto == wire::ip_proto::raw;  // raw(7): IPPROTO_RAW implies it
  socket.events_ = events;
  look_for_listeners();
  return &socket;
}

void Raw::look_for_listeners() {
  Protocols wanted;
  for (const auto& socket : sockets_)
    if (!socket->ping_) wanted.set(place_of(socket->v6_, socket->proto_));
  is_listening_ = wanted.any() || !others_.empty();
  if (std::exchange(wanted_, wanted) != wanted && relay_ != nullptr) relay_->tell_others(wanted);
}

void Raw::others_want(std::uint16_t lcore, const Protocols& wanted) {
  others_.erase(lcore);
  if (wanted.any()) others_.emplace(lcore, wanted);
  look_for_listeners();
}

Socket* Raw::open_ping(bool v6, Events* events) {
  const auto pings = std::count_if(sockets_.begin(), sockets_.end(), [](const auto& s) { return s->ping_; });
  if (pings >= 65535) return nullptr;
  std::uint16_t ident = 0;
  while (ident == 0 || find_ping(v6, ident) != nullptr) ident = static_cast<std::uint16_t>(env_.rng.next());
  Socket* socket = open(v6, v6 ? wire::ip_proto::icmp6 : wire::ip_proto::icmp, events);
  if (socket == nullptr) return nullptr;
  socket->ping_ = true;
  socket->ident_ = ident;
  look_for_listeners();
  return socket;
}

void Raw::close(Socket& socket) {
  while (pkt::Packet unread = socket.queue_.pop_front()) drop(env_, std::move(unread), stats::DropReason::socket_closed);
  std::erase_if(sockets_, [&](const auto& s) { return s.get() == &socket; });
  look_for_listeners();
}

int Raw::bind(Socket& socket, const IpAddress& local) {
  if (local.is_v4() == socket.v6_) return -EAFNOSUPPORT;
  if (!local.is_unspecified() && !local.is_multicast() && !ip_.is_local(local)) return -EADDRNOTAVAIL;
  socket.local_ = local;
  return 0;
}

int Raw::connect(Socket& socket, const IpAddress& remote) {
  if (remote.is_v4() == socket.v6_) return -EAFNOSUPPORT;
  socket.remote_ = remote;
  return 0;
}

Socket* Raw::find_ping(bool v6, std::uint16_t ident) {
  for (const auto& socket : sockets_)
    if (socket->ping_ && socket->v6_ == v6 && socket->ident_ == ident) return socket.get();
  return nullptr;
}

bool Raw::receive(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto, const ip::Delivery& delivery) {
  const bool is_taken_elsewhere = receive_elsewhere(packet, header_bytes, proto, delivery);
  return receive_here(packet, header_bytes, proto, delivery) || is_taken_elsewhere;
}

bool Raw::receive_elsewhere(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto, const ip::Delivery& delivery) {
  if (relay_ == nullptr || others_.empty() || is_everywhere(packet, header_bytes, proto)) return false;
  bool is_wanted = false;
  for (const auto& [lcore, wanted] : others_) {
    if (!wanted.test(place_of(!delivery.source.is_v4(), proto))) continue;
    is_wanted = true;
    pkt::Packet copy = copy_packet(env_, packet);
    if (!copy) continue;
    copy.meta().ifindex = packet.meta().ifindex;
    copy.meta().rx_time = packet.meta().rx_time;
    Handed handed{std::move(copy), header_bytes, proto, delivery};
    handed.delivery.interface = nullptr;
    if (pkt::Packet refused = relay_->hand_over(lcore, std::move(handed))) drop(env_, std::move(refused), stats::DropReason::raw_rcvbuf_full);
  }
  return is_wanted;
}

void Raw::receive_handed(Handed handed) {
  static_cast<void>(receive_here(handed.packet, handed.header_bytes, handed.proto, handed.delivery));
  consume(env_, std::move(handed.packet), stats::Ledger::used);
}

bool Raw::receive_here(const pkt::Packet& packet, std::uint16_t header_bytes, std::uint8_t proto, const ip::Delivery& delivery) {
  bool is_taken = false;
  // By index: a user who is told may open and close sockets.
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    Socket& socket = *sockets_[i];
    if (socket.ping_ || socket.proto_ != proto || !fits(socket, delivery)) continue;
    is_taken = true;
    pkt::Packet copy = copy_packet(env_, packet);
    if (!copy) {
      ++socket.drops_;
      continue;
    }
    copy.meta().ifindex = packet.meta().ifindex;
    copy.meta().rx_time = packet.meta().rx_time;
    if (socket.v6_) copy.trim_front(header_bytes, env_.home);
    enqueue(socket, std::move(copy), delivery);
  }
  return is_taken;
}

void Raw::receive_echo_reply(pkt::Packet& message, const ip::Delivery& delivery) {
  Socket* socket = find_ping(!delivery.source.is_v4(), load_be16(message.data().data() + 4));
  if (socket != nullptr && fits(*socket, delivery)) enqueue(*socket, std::move(message), delivery);
}

void Raw::enqueue(Socket& socket, pkt::Packet packet, const ip::Delivery& delivery) {
  const auto refuse = [&](stats::DropReason reason) {
    ++socket.drops_;
    drop(env_, std::move(packet), reason);
  };
  if (socket.filter != nullptr) {
    const std::uint32_t wanted = socket.filter->run(packet);
    if (wanted == 0) return refuse(stats::DropReason::socket_filter);
    if (wanted < packet.length()) packet.truncate(wanted);
  }
  if (socket.rmem_ > socket.rcvbuf) return refuse(stats::DropReason::raw_rcvbuf_full);
  tap(env_, packet, TapPoint::socket);
  socket.rmem_ += pkt::truesize(packet);
  pkt::set_packet_info(packet, {delivery.destination, delivery.traffic_class, delivery.hop_limit});
  store_sender(packet, delivery.source);
  socket.queue_.push_back(std::move(packet));
  if (socket.events_ != nullptr) socket.events_->on_readable(socket);
}

std::int64_t Raw::recv_from(Socket& socket, std::span<std::uint8_t> into, Received* received) {
  if (const int error = std::exchange(socket.error_, 0); error != 0) return -error;
  pkt::Packet packet = socket.queue_.pop_front();
  if (!packet) return -EAGAIN;
  socket.rmem_ -= pkt::truesize(packet);
  packet.copy_out(0, into);
  if (received != nullptr)
    *received = {load_sender(packet), pkt::packet_info(packet).value_or(pkt::PacketInfo{}), packet.meta().ifindex, packet.meta().rx_time};
  const std::uint32_t length = packet.length();
  consume(env_, std::move(packet), stats::Ledger::delivered);
  return length;
}

// The quoted message is an echo request of a ping socket's, if any; raw sockets see the ICMP message itself.
void Raw::error(const ip::ErrorReport& report) {
  constexpr std::size_t through_ident = 6;
  const bool v6 = !report.remote.is_v4();
  const std::uint8_t request = v6 ? wire::icmp6_type::echo_request : wire::icmp4_type::echo_request;
  if (report.transport_header.size() < through_ident || report.transport_header[0] != request) return;
  Socket* socket = find_ping(v6, load_be16(&report.transport_header[4]));
  if (socket == nullptr) return;
  if (report.kind == ip::ErrorKind::packet_too_big) ip_.learn_path_mtu(report.remote, report.mtu);
  socket->error_ = errno_of(report.kind);
  if (socket->events_ != nullptr) socket->events_->on_readable(*socket);
}

}  // namespace millrace::raw
