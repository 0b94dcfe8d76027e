// SPDX-License-Identifier: BSD-3-Clause
// UdpSocket: the application's face of udp::Socket. Called by applications, and by UDP through udp::Events.
#include <millrace/stack/socket/udp_socket.hpp>

#include <millrace/stack/socket/sockets.hpp>
#include <millrace/stack/udp/udp.hpp>

#include <cerrno>

namespace millrace::socket {

class UdpSocket::Events final : public udp::Events {
 public:
  explicit Events(UdpSocket& socket) : socket_(socket) {}
  void on_readable(udp::Socket&) override {
    const auto held = socket_.on_readable_;  // a copy is called: the callback may replace itself
    if (held) held(socket_);
  }
  void on_error(udp::Socket&, int error) override {
    const auto held = socket_.on_error_;
    if (held) held(socket_, error);
  }

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

int UdpSocket::connect(const Endpoint& to) { return socket_ != nullptr ? udp_.connect(*socket_, to) : -EBADF; }

void UdpSocket::close() {
  if (socket_ == nullptr) return;
  udp_.close(*socket_);
  socket_ = nullptr;
  sockets_.bury(*this);
}

Endpoint UdpSocket::local() const { return socket_ != nullptr ? socket_->local() : Endpoint{}; }

}  // namespace millrace::socket
