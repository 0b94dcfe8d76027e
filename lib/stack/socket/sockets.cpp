// SPDX-License-Identifier: BSD-3-Clause
// The application's sockets of one lcore and stack: makes them, finds them a place, buries them. Called by applications
// and by Stack; calls tcp::Tcp and udp::Udp.
#include <millrace/stack/socket/sockets.hpp>

#include <millrace/env/env.hpp>
#include <millrace/stack/socket/stream_events.hpp>
#include <millrace/stack/tcp/tcp.hpp>
#include <millrace/stack/udp/udp.hpp>
#include <millrace/timer/wheel.hpp>

#include <cerrno>
#include <cstring>

namespace millrace::socket {
namespace {

// Takes an object out of a table whose members know their place, and gives it away.
template <class T>
std::unique_ptr<T> take_out(std::vector<std::unique_ptr<T>>& table, std::size_t T::*index, T& object) {
  const std::size_t at = object.*index;
  std::unique_ptr<T> taken = std::move(table[at]);
  if (at + 1 != table.size()) {
    table[at] = std::move(table.back());
    (*table[at]).*index = at;
  }
  table.pop_back();
  return taken;
}

}  // namespace

struct Sockets::Listening final : tcp::AcceptEvents {
  Listening(Sockets& owner, Accept callback) : sockets(owner), accept(std::move(callback)) {}
  void on_accept(tcp::Listener& ready) override {
    while (tcp::Connection* connection = ready.accept()) accept(sockets.adopt(*connection));
  }
  Sockets& sockets;
  Accept accept;
  tcp::Listener* listener = nullptr;
};

struct Sockets::Delayed {
  Delayed(Sockets& owner, std::function<void()> call)
      : sockets(owner), f(std::move(call)), timer([](void* self, Instant) { static_cast<Delayed*>(self)->fire(); }, this) {}
  void fire() {
    auto self = take_out(sockets.delayed_, &Delayed::index, *this);
    f();
  }
  Sockets& sockets;
  std::function<void()> f;
  timer::Timer timer;
  std::size_t index = 0;
};

Sockets::Sockets(Env& env, tcp::Tcp& tcp, udp::Udp& udp) : env_(env), tcp_(tcp), udp_(udp) {}

Sockets::~Sockets() = default;

Result<void> Sockets::listen(const Endpoint& local, int backlog, Accept on_accept) {
  auto listening = std::make_unique<Listening>(*this, std::move(on_accept));
  Result<tcp::Listener*> listener = tcp_.listen(local, backlog, *listening);
  if (!listener) return tl::unexpected(listener.error());
  listening->listener = *listener;
  listening_.push_back(std::move(listening));
  return {};
}

void Sockets::stop_listening(const Endpoint& local) {
  std::erase_if(listening_, [&](const std::unique_ptr<Listening>& listening) {
    if (listening->listener->local() != local) return false;
    listening->listener->close();
    return true;
  });
}

Result<Stream*> Sockets::connect(const Endpoint& remote) {
  auto stream = std::make_unique<Stream>(*this);
  Result<tcp::Connection*> connection = tcp_.connect(remote, *stream->events_);
  if (!connection) return tl::unexpected(connection.error());
  return &keep(std::move(stream), **connection);
}

Result<UdpSocket*> Sockets::bind_udp(const Endpoint& local) {
  auto socket = std::make_unique<UdpSocket>(*this, udp_);
  if (socket->socket_ == nullptr) return failure(ENOBUFS, "cannot bind " + local.to_string() + ": no UDP socket is free on this lcore");
  socket->socket_->v6_only = true;  // as with TCP: an unspecified address means its own family only
  if (const int result = udp_.bind(*socket->socket_, local); result < 0) {
    udp_.close(*socket->socket_);
    return failure(-result, "cannot bind " + local.to_string() + ": " + std::strerror(-result));
  }
  socket->index_ = udp_sockets_.size();
  udp_sockets_.push_back(std::move(socket));
  return udp_sockets_.back().get();
}

void Sockets::after(Duration delay, std::function<void()> f) {
  auto delayed = std::make_unique<Delayed>(*this, std::move(f));
  delayed->index = delayed_.size();
  env_.wheel->arm(delayed->timer, env_.now + delay);
  delayed_.push_back(std::move(delayed));
}

Instant Sockets::now() const { return env_.now; }

std::uint16_t Sockets::lcore() const { return env_.lcore; }

Stream& Sockets::adopt(tcp::Connection& connection) {
  auto stream = std::make_unique<Stream>(*this);
  connection.set_events(stream->events_.get());
  return keep(std::move(stream), connection);
}

Stream& Sockets::keep(std::unique_ptr<Stream> stream, tcp::Connection& connection) {
  stream->connection_ = &connection;
  stream->index_ = streams_.size();
  streams_.push_back(std::move(stream));
  return *streams_.back();
}

void Sockets::bury(Stream& stream) { dead_streams_.push_back(take_out(streams_, &Stream::index_, stream)); }

void Sockets::bury(UdpSocket& socket) { dead_udp_sockets_.push_back(take_out(udp_sockets_, &UdpSocket::index_, socket)); }

void Sockets::sweep() {
  // What dies may hold, in its callbacks, the last reference to something that closes another socket.
  while (!dead_streams_.empty() || !dead_udp_sockets_.empty()) {
    const auto streams = std::exchange(dead_streams_, {});
    const auto sockets = std::exchange(dead_udp_sockets_, {});
  }
}

void Sockets::shut_down() {
  for (auto& listening : listening_) listening->listener->close();
  while (!streams_.empty()) streams_.back()->abort();
  while (!udp_sockets_.empty()) udp_sockets_.back()->close();
  delayed_.clear();
  listening_.clear();
  sweep();
}

}  // namespace millrace::socket
