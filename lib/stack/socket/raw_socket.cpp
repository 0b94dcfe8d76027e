// SPDX-License-Identifier: BSD-3-Clause
// RawSocket: the application's face of raw::Socket. Called by applications, and by Raw through raw::Events.
#include <millrace/stack/socket/raw_socket.hpp>

#include <millrace/stack/raw/raw.hpp>
#include <millrace/stack/socket/option.hpp>
#include <millrace/stack/socket/sockets.hpp>

#include <cerrno>

namespace millrace::socket {

class RawSocket::Events final : public raw::Events {
 public:
  explicit Events(RawSocket& socket) : socket_(socket) {}
  void on_readable(raw::Socket&) override { socket_.on_readable_(socket_); }

 private:
  RawSocket& socket_;
};

RawSocket::RawSocket(Sockets& sockets, raw::Raw& raw, bool v6, std::uint8_t proto)
    : sockets_(sockets), raw_(raw), events_(std::make_unique<Events>(*this)) {
  socket_ = raw.open(v6, proto, events_.get());
}

RawSocket::RawSocket(Sockets& sockets, raw::Raw& raw, bool v6, Ping) : sockets_(sockets), raw_(raw), events_(std::make_unique<Events>(*this)) {
  socket_ = raw.open_ping(v6, events_.get());
}

RawSocket::~RawSocket() = default;

std::int64_t RawSocket::receive_from(std::span<std::uint8_t> into, RawControl& control) {
  control = {};
  if (socket_ == nullptr) return -EBADF;
  raw::Received received;
  const std::int64_t length = raw_.recv_from(*socket_, into, &received);
  if (length >= 0)
    control = {.from = received.from,
               .destination = received.info.destination,
               .hop_limit = received.info.hop_limit,
               .traffic_class = received.info.traffic_class,
               .ifindex = received.ifindex,
               .timestamp = received.time};
  return length;
}

std::int64_t RawSocket::send_to(std::span<const std::uint8_t> bytes, const IpAddress& to) {
  const Sockets::Call call(sockets_);
  return socket_ != nullptr ? raw_.send_to(*socket_, bytes, &to) : -EBADF;
}

int RawSocket::bind(const IpAddress& local) { return socket_ != nullptr ? raw_.bind(*socket_, local) : -EBADF; }

int RawSocket::connect(const IpAddress& remote) { return socket_ != nullptr ? raw_.connect(*socket_, remote) : -EBADF; }

int RawSocket::set_header_included(bool on) {
  if (socket_ == nullptr) return -EBADF;
  if (socket_->is_v6() || socket_->is_ping()) return -ENOPROTOOPT;
  socket_->header_included = on;
  return 0;
}

int RawSocket::set_hop_limit(int hops) {
  if (socket_ == nullptr) return -EBADF;
  if (hops < 1 || hops > 255) return -EINVAL;
  socket_->hop_limit = static_cast<std::uint8_t>(hops);
  return 0;
}

int RawSocket::set_traffic_class(int value) {
  if (socket_ == nullptr) return -EBADF;
  if (value < 0 || value > 255) return -EINVAL;
  socket_->traffic_class = static_cast<std::uint8_t>(value);
  return 0;
}

int RawSocket::set_rcvbuf(std::int64_t bytes) {
  if (socket_ == nullptr) return -EBADF;
  socket_->rcvbuf = static_cast<std::uint32_t>(buffer_bytes(Option::rcvbuf, bytes, sockets_.buffer_limits_));
  return 0;
}

Result<void> RawSocket::attach_filter(std::span<const bpf::Instruction> program) {
  if (socket_ == nullptr) return failure(EBADF, "the socket is closed");
  auto filter = bpf::Filter::load(program);
  if (!filter) return tl::unexpected(filter.error());
  socket_->filter = *filter;
  return {};
}

std::uint16_t RawSocket::ident() const { return socket_ != nullptr ? socket_->ident() : std::uint16_t{0}; }

std::uint64_t RawSocket::drops() const { return socket_ != nullptr ? socket_->drops() : 0; }

void RawSocket::close() {
  if (socket_ == nullptr) return;
  sockets_.forget_bound(*this);
  raw_.close(*socket_);
  socket_ = nullptr;
  sockets_.bury(*this);
}

}  // namespace millrace::socket
