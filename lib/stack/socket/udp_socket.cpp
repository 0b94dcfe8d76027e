// SPDX-License-Identifier: BSD-3-Clause
// UdpSocket: the application's face of udp::Socket. Called by applications, and by UDP through udp::Events.
#include <millrace/stack/socket/udp_socket.hpp>

#include <millrace/stack/socket/sockets.hpp>
#include <millrace/stack/udp/sender.hpp>
#include <millrace/stack/udp/udp.hpp>
#include <millrace/steer/flow_table.hpp>
#include <millrace/wire/protocol.hpp>

#include <cerrno>
#include <sys/socket.h>
#include <utility>

namespace millrace::socket {

class UdpSocket::Events final : public udp::Events {
 public:
  explicit Events(UdpSocket& socket) : socket_(socket) {}
  void on_readable(udp::Socket&) override { socket_.tell_readable(); }
  pkt::Packet encap_receive(udp::Socket&, pkt::Packet payload, const Endpoint& from) override {
    payload = socket_.encap_(socket_, std::move(payload), from);
    if (!payload) socket_.sockets_.count_delivered();
    return payload;
  }
  void on_error(udp::Socket&, int error) override { socket_.on_error_(socket_, error); }

 private:
  UdpSocket& socket_;
};

UdpSocket::UdpSocket(Sockets& sockets, udp::Udp& udp)
    : sockets_(sockets), udp_(udp), events_(std::make_unique<Events>(*this)) {
  socket_ = udp.open(events_.get());
  busy_poll_.us = sockets.busy_read_us_;
}

UdpSocket::~UdpSocket() = default;

// Every call by which the application reads, sends or waits for what comes records where it does so.
void UdpSocket::record_flow() {
  if (socket_ != nullptr) sockets_.record_flow(*socket_);
}

void UdpSocket::on_readable(std::function<void(UdpSocket&)> function) {
  record_flow();
  on_readable_.set(std::move(function));
}

void UdpSocket::set_encap(Encap function) {
  record_flow();
  encap_ = std::move(function);
  if (socket_ != nullptr) socket_->encap = static_cast<bool>(encap_);
}

std::int64_t UdpSocket::receive_from(std::span<std::uint8_t> into, Endpoint& from) {
  record_flow();
  busy_loop();
  return socket_ != nullptr ? sockets_.count_copied(udp_.recv_from(*socket_, into, &from), into.size()) : -EBADF;
}

std::int64_t UdpSocket::receive_from(std::span<std::uint8_t> into, Endpoint& from, Control& control) {
  return receive_from(into, from, control, 0);
}

std::int64_t UdpSocket::receive_from(std::span<std::uint8_t> into, Endpoint& from, Control& control, int flags) {
  control = {};
  if (!knows_flags(flags)) return -EINVAL;
  record_flow();
  busy_loop();
  if (socket_ == nullptr) return -EBADF;
  udp::Received received;
  const std::int64_t length = (flags & MSG_PEEK) != 0 ? udp_.peek_from(*socket_, into, &from, &received)
                                                      : udp_.recv_from(*socket_, into, &from, &received);
  if (length < 0) return length;
  sockets_.count_copied(length, into.size());
  control.truncated = static_cast<std::size_t>(length) > into.size();
  timestamp_.tell(received.times, control);
  info_.tell(received.info, received.ifindex, control);
  control.segment_size = received.segment_size;
  return length;
}

std::int64_t UdpSocket::send_to(std::span<const std::uint8_t> bytes, const Endpoint& to) {
  const Sockets::Call call(sockets_);
  record_flow();
  return socket_ != nullptr ? udp_.send_to(*socket_, bytes, &to) : -EBADF;
}

std::int64_t UdpSocket::send_to(std::span<const std::uint8_t> bytes, const Endpoint& to, const SendControl& control) {
  const Sockets::Call call(sockets_);
  record_flow();
  if (control.hop_limit == 0) return -EINVAL;
  const udp::SendControl wanted{.source = control.source, .traffic_class = control.traffic_class, .hop_limit = control.hop_limit};
  return socket_ != nullptr ? udp_.send_to(*socket_, bytes, &to, wanted) : -EBADF;
}

std::int64_t UdpSocket::send_packet(pkt::Packet payload, const Endpoint& to) {
  const Sockets::Call call(sockets_);
  record_flow();
  sockets_.count_taken_back(1);
  if (socket_ != nullptr) return udp_.send_packet(*socket_, std::move(payload), &to);
  sockets_.drop_closed(std::move(payload));
  return -EBADF;
}

std::int64_t UdpSocket::send_packets(pkt::PacketList& payloads, const Endpoint& to) {
  if (socket_ == nullptr) return -EBADF;
  const Sockets::Call call(sockets_);
  record_flow();
  const std::uint32_t given = payloads.size();
  const std::int64_t result = udp_.send_packets(*socket_, payloads, to);
  sockets_.count_taken_back(given - payloads.size());
  return result;
}

std::optional<QueuedError> UdpSocket::receive_error() {
  if (socket_ == nullptr) return std::nullopt;
  return udp_.take_queued_error(*socket_);
}

Result<void> UdpSocket::attach_filter(std::span<const bpf::Instruction> program) {
  if (socket_ == nullptr) return failure(EBADF, "the socket is closed");
  auto filter = bpf::Filter::load(program);
  if (!filter) return tl::unexpected(filter.error());
  socket_->filter = *filter;
  return {};
}

int UdpSocket::detach_filter() {
  if (socket_ == nullptr) return -EBADF;
  return std::exchange(socket_->filter, nullptr) != nullptr ? 0 : -ENOENT;
}

pkt::Packet UdpSocket::receive_packet(Endpoint& from) {
  pkt::Packet datagram = take_packet(from);
  if (datagram) sockets_.count_uncopied(1, datagram.length());
  return datagram;
}

std::uint32_t UdpSocket::receive_packets(pkt::PacketList& into) {
  record_flow();
  if (socket_ == nullptr) return 0;
  const std::uint32_t packets = socket_->waiting();
  sockets_.count_uncopied(packets, udp_.take_all(*socket_, into));
  return packets;
}

Endpoint UdpSocket::sender_of(const pkt::Packet& datagram) { return udp::load_sender(datagram); }

pkt::PacketList UdpSocket::take_of_one_sender(pkt::PacketList& datagrams, Endpoint& from) {
  pkt::PacketList front;
  while (pkt::Packet datagram = datagrams.pop_front()) {
    if (front.empty()) from = sender_of(datagram);
    if (sender_of(datagram) != from) {
      datagrams.push_front(std::move(datagram));
      break;
    }
    front.push_back(std::move(datagram));
  }
  return front;
}

pkt::Packet UdpSocket::take_packet(Endpoint& from) {
  record_flow();
  return socket_ != nullptr ? udp_.take(*socket_, &from) : pkt::Packet{};
}

int UdpSocket::connect(const Endpoint& to) {
  if (socket_ == nullptr) return -EBADF;
  if (const int result = udp_.connect(*socket_, to); result < 0) return result;
  // Now it owns one flow. The new entry first, where there is room, so that no datagram falls between the two.
  const Endpoint local = socket_->local();
  const FlowKey flow{local.address, to.address, local.port, to.port, sockets_.stack_, wire::ip_proto::udp};
  const bool is_in = sockets_.flows_.insert(flow, this);
  sockets_.forget_bound(*this);
  key_ = flow;
  if (!is_in) sockets_.flows_.insert(flow, this);
  return 0;
}

int UdpSocket::set_option(Option option, std::int64_t value) {
  if (socket_ == nullptr) return -EBADF;
  if (const int refused = check_set(option, SocketKind::udp, value); refused != 0) return refused;
  switch (option) {
    case Option::broadcast: socket_->broadcast = value != 0; return 0;
    case Option::udp_segment: socket_->segment_size = static_cast<std::uint16_t>(value); return 0;
    case Option::udp_gro: udp_.set_gro(*socket_, value != 0); return 0;
    case Option::tos: socket_->traffic_class = static_cast<std::uint8_t>(value); return 0;
    case Option::ttl: socket_->hop_limit = static_cast<std::uint8_t>(value); return 0;
    case Option::ipv6_tclass: socket_->traffic_class_v6 = static_cast<std::uint8_t>(value); return 0;
    case Option::ipv6_unicast_hops: socket_->hop_limit_v6 = static_cast<std::uint8_t>(value); return 0;
    case Option::recverr: socket_->recv_err_v4 = value != 0; return 0;
    case Option::ipv6_recverr: socket_->recv_err_v6 = value != 0; return 0;
    case Option::mtu_discover: socket_->mtu_discover = static_cast<udp::MtuDiscover>(value); return 0;
    case Option::ipv6_mtu_discover: socket_->mtu_discover_v6 = static_cast<udp::MtuDiscover>(value); return 0;
    case Option::timestamp:
    case Option::timestampns:
    case Option::timestamping: timestamp_.set(option, value); return 0;
    case Option::rcvbuf:
    case Option::rcvbufforce:
    case Option::sndbuf:
    case Option::sndbufforce: return set_buffer(option, value);
    case Option::busy_poll: busy_poll_.us = static_cast<std::uint32_t>(value); return 0;
    case Option::busy_poll_budget: busy_poll_.budget = static_cast<std::uint16_t>(value); return 0;
    default: return InfoOption::is_one(option) ? set_info(option, value) : set_multicast(option, value);
  }
}

int UdpSocket::join_group(const IpAddress& group, std::uint16_t ifindex) {
  const Sockets::Call call(sockets_);
  return socket_ != nullptr ? udp_.join_group(*socket_, group, ifindex) : -EBADF;
}

int UdpSocket::leave_group(const IpAddress& group, std::uint16_t ifindex) {
  const Sockets::Call call(sockets_);
  return socket_ != nullptr ? udp_.leave_group(*socket_, group, ifindex) : -EBADF;
}

int UdpSocket::join_source_group(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex) {
  const Sockets::Call call(sockets_);
  return socket_ != nullptr ? udp_.join_source(*socket_, group, source, ifindex) : -EBADF;
}

int UdpSocket::leave_source_group(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex) {
  const Sockets::Call call(sockets_);
  return socket_ != nullptr ? udp_.leave_source(*socket_, group, source, ifindex) : -EBADF;
}

int UdpSocket::block_source(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex) {
  const Sockets::Call call(sockets_);
  return socket_ != nullptr ? udp_.block(*socket_, group, source, ifindex, true) : -EBADF;
}

int UdpSocket::unblock_source(const IpAddress& group, const IpAddress& source, std::uint16_t ifindex) {
  const Sockets::Call call(sockets_);
  return socket_ != nullptr ? udp_.block(*socket_, group, source, ifindex, false) : -EBADF;
}

// -1 is the default, as in Linux.
int UdpSocket::set_multicast(Option option, std::int64_t value) {
  udp::MulticastOptions& v4 = socket_->multicast;
  udp::MulticastOptions& v6 = socket_->multicast_v6;
  switch (option) {
    case Option::multicast_ttl: v4.hop_limit = value < 0 ? std::uint8_t{1} : static_cast<std::uint8_t>(value); return 0;
    case Option::multicast_hops: v6.hop_limit = value < 0 ? std::uint8_t{1} : static_cast<std::uint8_t>(value); return 0;
    case Option::multicast_loop: v4.loop = value != 0; return 0;
    case Option::ipv6_multicast_loop: v6.loop = value != 0; return 0;
    case Option::multicast_if: v4.ifindex = static_cast<std::uint16_t>(value); return 0;
    case Option::ipv6_multicast_if: v6.ifindex = static_cast<std::uint16_t>(value); return 0;
    case Option::multicast_all: v4.all = value != 0; return 0;
    case Option::ipv6_multicast_all: v6.all = value != 0; return 0;
    default: return -ENOPROTOOPT;
  }
}

int UdpSocket::get_multicast(Option option, std::int64_t& value) const {
  const udp::MulticastOptions& v4 = socket_->multicast;
  const udp::MulticastOptions& v6 = socket_->multicast_v6;
  switch (option) {
    case Option::multicast_ttl: value = v4.hop_limit; return 0;
    case Option::multicast_hops: value = v6.hop_limit; return 0;
    case Option::multicast_loop: value = v4.loop; return 0;
    case Option::ipv6_multicast_loop: value = v6.loop; return 0;
    case Option::multicast_if: value = v4.ifindex; return 0;
    case Option::ipv6_multicast_if: value = v6.ifindex; return 0;
    case Option::multicast_all: value = v4.all; return 0;
    case Option::ipv6_multicast_all: value = v6.all; return 0;
    default: return -ENOPROTOOPT;
  }
}

int UdpSocket::set_info(Option option, std::int64_t value) {
  if (!pkt::register_packet_info()) return -ENOBUFS;
  info_.set(option, value);
  socket_->wants_info = info_.is_any();
  return 0;
}

int UdpSocket::set_buffer(Option option, std::int64_t value) {
  const std::int64_t bytes = buffer_bytes(option, value, sockets_.buffer_limits_);
  if (bytes < 0) return static_cast<int>(bytes);
  const auto size = static_cast<std::uint32_t>(bytes);
  if (option == Option::rcvbuf || option == Option::rcvbufforce) {
    socket_->rcvbuf = size;
  } else {
    socket_->sndbuf = size;
  }
  return 0;
}

int UdpSocket::get_option(Option option, std::int64_t& value) const {
  if (socket_ == nullptr) return -EBADF;
  if (const int refused = check_get(option, SocketKind::udp); refused != 0) return refused;
  switch (option) {
    case Option::broadcast: value = socket_->broadcast; return 0;
    case Option::udp_segment: value = socket_->segment_size; return 0;
    case Option::udp_gro: value = socket_->gro(); return 0;
    case Option::tos: value = socket_->traffic_class; return 0;
    case Option::ttl: value = socket_->hop_limit; return 0;
    case Option::ipv6_tclass: value = socket_->traffic_class_v6; return 0;
    case Option::ipv6_unicast_hops: value = socket_->hop_limit_v6; return 0;
    case Option::recverr: value = socket_->recv_err_v4; return 0;
    case Option::ipv6_recverr: value = socket_->recv_err_v6; return 0;
    case Option::mtu_discover: value = static_cast<std::int64_t>(socket_->mtu_discover); return 0;
    case Option::ipv6_mtu_discover: value = static_cast<std::int64_t>(socket_->mtu_discover_v6); return 0;
    case Option::rcvbuf: value = socket_->rcvbuf; return 0;
    case Option::sndbuf: value = socket_->sndbuf; return 0;
    case Option::incoming_cpu: value = socket_->incoming_cpu(); return 0;
    case Option::incoming_napi_id: value = socket_->napi_id(); return 0;
    case Option::timestamp:
    case Option::timestampns:
    case Option::timestamping: value = timestamp_.get(option); return 0;
    case Option::busy_poll: value = busy_poll_.us; return 0;
    case Option::busy_poll_budget: value = busy_poll_.budget; return 0;
    default:
      if (!InfoOption::is_one(option)) return get_multicast(option, value);
      value = info_.get(option);
      return 0;
  }
}

// sk_busy_loop(): nothing is there, so the call looks for it itself. A callback may close the socket meanwhile.
void UdpSocket::busy_loop() {
  if (busy_poll_.us == 0 || socket_ == nullptr || socket_->waiting() != 0) return;
  const auto done = [](void* self) {
    const udp::Socket* socket = static_cast<UdpSocket*>(self)->socket_;
    return socket == nullptr || socket->waiting() != 0;
  };
  sockets_.busy_poll(socket_->napi_id(), busy_poll_, done, this);
}

// sk_data_ready(): wakes only who listens.
void UdpSocket::tell_readable() {
  sockets_.count_data_ready(static_cast<bool>(on_readable_));
  on_readable_(*this);
}

void UdpSocket::close() {
  if (socket_ == nullptr) return;
  sockets_.forget_bound(*this);
  udp_.close(*socket_);
  socket_ = nullptr;
  sockets_.bury(*this);
}

void UdpSocket::forget() {
  const auto on_readable = on_readable_.release();
  const auto on_error = on_error_.release();
  const Encap encap = std::exchange(encap_, nullptr);
}

Endpoint UdpSocket::local() const { return socket_ != nullptr ? socket_->local() : Endpoint{}; }

}  // namespace millrace::socket
