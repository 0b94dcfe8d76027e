// SPDX-License-Identifier: BSD-3-Clause
// UdpSocket: the application's face of udp::Socket. Called by applications, and by UDP through udp::Events.
#include <millrace/stack/socket/udp_socket.hpp>

#include <millrace/stack/socket/sockets.hpp>
#include <millrace/stack/udp/udp.hpp>
#include <millrace/steer/flow_table.hpp>
#include <millrace/wire/protocol.hpp>

#include <cerrno>
#include <utility>

namespace millrace::socket {

class UdpSocket::Events final : public udp::Events {
 public:
  explicit Events(UdpSocket& socket) : socket_(socket) {}
  void on_readable(udp::Socket&) override { socket_.on_readable_(socket_); }
  void on_error(udp::Socket&, int error) override { socket_.on_error_(socket_, error); }

 private:
  UdpSocket& socket_;
};

UdpSocket::UdpSocket(Sockets& sockets, udp::Udp& udp)
    : sockets_(sockets), udp_(udp), events_(std::make_unique<Events>(*this)) {
  socket_ = udp.open(events_.get());
}

UdpSocket::~UdpSocket() = default;

std::int64_t UdpSocket::receive_from(std::span<std::uint8_t> into, Endpoint& from) {
  return socket_ != nullptr ? udp_.recv_from(*socket_, into, &from) : -EBADF;
}

std::int64_t UdpSocket::send_to(std::span<const std::uint8_t> bytes, const Endpoint& to) {
  return socket_ != nullptr ? udp_.send_to(*socket_, bytes, &to) : -EBADF;
}

pkt::Packet UdpSocket::receive_packet(Endpoint& from) {
  return socket_ != nullptr ? udp_.take(*socket_, &from) : pkt::Packet{};
}

int UdpSocket::connect(const Endpoint& to) {
  if (socket_ == nullptr) return -EBADF;
  if (const int result = udp_.connect(*socket_, to); result < 0) return result;
  // Now it owns one flow. The new entry first, where there is room, so that no datagram falls between the two.
  const Endpoint local = socket_->local();
  const FlowKey flow{local.address, to.address, local.port, to.port, sockets_.stack_, wire::ip_proto::udp};
  const bool is_in = sockets_.flows_.insert(flow, this);
  sockets_.flows_.erase(key_);
  key_ = flow;
  if (!is_in) sockets_.flows_.insert(flow, this);
  return 0;
}

void UdpSocket::close() {
  if (socket_ == nullptr) return;
  sockets_.flows_.erase(key_);
  udp_.close(*socket_);
  socket_ = nullptr;
  sockets_.bury(*this);
}

void UdpSocket::forget() {
  const auto on_readable = on_readable_.release();
  const auto on_error = on_error_.release();
}

Endpoint UdpSocket::local() const { return socket_ != nullptr ? socket_->local() : Endpoint{}; }

}  // namespace millrace::socket
