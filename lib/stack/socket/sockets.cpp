// SPDX-License-Identifier: BSD-3-Clause
// The application's sockets of one lcore and stack: makes them, finds them a place, buries them. Called by applications
// and by Stack; calls tcp::Tcp and udp::Udp.
#include <millrace/stack/socket/sockets.hpp>

#include <millrace/env/env.hpp>
#include <millrace/stack/raw/raw.hpp>
#include <millrace/stack/socket/stream_events.hpp>
#include <millrace/stack/tcp/tcp.hpp>
#include <millrace/stack/udp/udp.hpp>
#include <millrace/steer/steer.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/protocol.hpp>

#include <algorithm>
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
    while (listener != nullptr) {  // the callback may stop listening
      tcp::Connection* connection = ready.accept();
      if (connection == nullptr) return;
      accept(sockets.adopt(*connection));
    }
  }
  void end() {
    sockets.flows_.erase(key);
    listener->close();
    listener = nullptr;
  }
  Sockets& sockets;
  Accept accept;
  tcp::Listener* listener = nullptr;
  FlowKey key{};
};

struct Sockets::Delayed {
  Delayed(Sockets& owner, std::function<void()> call)
      : sockets(owner),
        f(std::move(call)),
        timer([](void* self, Instant) { static_cast<Delayed*>(self)->fire(); }, this) {}
  void fire() {
    auto self = take_out(sockets.delayed_, &Delayed::index, *this);
    f();
  }
  Sockets& sockets;
  std::function<void()> f;
  timer::Timer timer;
  std::size_t index = 0;
};

Sockets::Sockets(Env& env, tcp::Tcp& tcp, udp::Udp& udp, raw::Raw& raw, steer::FlowTable& flows, std::uint16_t stack)
    : env_(env), tcp_(tcp), udp_(udp), raw_(raw), flows_(flows), stack_(stack) {}

Sockets::~Sockets() = default;

Result<void> Sockets::listen(const Endpoint& local, int backlog, Accept on_accept) {
  auto listening = std::make_unique<Listening>(*this, std::move(on_accept));
  Result<tcp::Listener*> listener = tcp_.listen(local, backlog, *listening);
  if (!listener) return tl::unexpected(listener.error());
  listening->key = steer::bound_key((*listener)->local(), wire::ip_proto::tcp, stack_);
  if (!flows_.insert(listening->key, listening.get())) {
    (*listener)->close();
    return failure(ENOBUFS, "cannot listen on " + local.to_string() + ": the flow table of this lcore is full");
  }
  listening->listener = *listener;
  listening_.push_back(std::move(listening));
  return {};
}

void Sockets::stop_listening(const Endpoint& local) {
  const auto at =
      std::find_if(listening_.begin(), listening_.end(), [&](const auto& l) { return l->listener->local() == local; });
  if (at == listening_.end()) return;
  (*at)->end();
  dead_listening_.push_back(std::move(*at));
  listening_.erase(at);
}

tcp::Listener* Sockets::listener_at(const Endpoint& local) const {
  const auto at = std::find_if(listening_.begin(), listening_.end(), [&](const auto& l) { return l->listener->local() == local; });
  return at != listening_.end() ? (*at)->listener : nullptr;
}

Result<void> Sockets::attach_filter(const Endpoint& listening, std::span<const bpf::Instruction> program) {
  tcp::Listener* const listener = listener_at(listening);
  if (listener == nullptr) return failure(ENOENT, "cannot attach a filter to " + listening.to_string() + ": nothing listens there on this lcore");
  auto filter = bpf::Filter::load(program);
  if (!filter) return tl::unexpected(filter.error());
  listener->set_filter(*filter);
  return {};
}

int Sockets::detach_filter(const Endpoint& listening) {
  tcp::Listener* const listener = listener_at(listening);
  if (listener == nullptr || !listener->has_filter()) return -ENOENT;
  listener->set_filter(nullptr);
  return 0;
}

Result<Stream*> Sockets::connect(const Endpoint& remote) {
  auto stream = std::make_unique<Stream>(*this);
  Result<tcp::Connection*> connection = tcp_.connect(remote, *stream->events_);
  if (!connection) return tl::unexpected(connection.error());
  return &keep(std::move(stream), **connection);
}

Result<UdpSocket*> Sockets::bind_udp(const Endpoint& local, const UdpBind& how) {
  auto socket = std::make_unique<UdpSocket>(*this, udp_);
  if (socket->socket_ == nullptr)
    return failure(ENOBUFS, "cannot bind " + local.to_string() + ": no UDP socket is free on this lcore");
  socket->socket_->v6_only = how.v6_only;
  socket->socket_->reuse_address = how.reuse_address;
  socket->socket_->reuse_port = how.reuse_port;
  if (const int result = udp_.bind(*socket->socket_, local); result < 0) {
    udp_.close(*socket->socket_);
    return failure(-result, "cannot bind " + local.to_string() + ": " + std::strerror(-result));
  }
  socket->key_ = steer::bound_key(socket->socket_->local(), wire::ip_proto::udp, stack_);
  if (!flows_.contains(socket->key_) && !flows_.insert(socket->key_, socket.get())) {
    udp_.close(*socket->socket_);
    return failure(ENOBUFS, "cannot bind " + local.to_string() + ": the flow table of this lcore is full");
  }
  socket->index_ = udp_sockets_.size();
  udp_sockets_.push_back(std::move(socket));
  return udp_sockets_.back().get();
}

Result<RawSocket*> Sockets::open_raw(std::uint8_t proto, bool v6) {
  auto socket = std::make_unique<RawSocket>(*this, raw_, v6, proto);
  if (socket->socket_ == nullptr) return failure(ENOBUFS, "cannot open a raw socket: packet buffers have no room for what comes beside the bytes");
  return &keep(std::move(socket));
}

Result<RawSocket*> Sockets::open_ping(bool v6) {
  auto socket = std::make_unique<RawSocket>(*this, raw_, v6, RawSocket::Ping());
  if (socket->socket_ == nullptr) return failure(ENOBUFS, "cannot open a ping socket: no identifier is free, or packet buffers have no room for what comes beside the bytes");
  const Endpoint local{v6 ? IpAddress{} : IpAddress::v4(0, 0, 0, 0), socket->ident()};
  socket->key_ = steer::bound_key(local, socket->socket_->proto(), stack_);
  if (!flows_.insert(socket->key_, socket.get())) {
    raw_.close(*socket->socket_);
    return failure(ENOBUFS, "cannot open a ping socket: the flow table of this lcore is full");
  }
  return &keep(std::move(socket));
}

RawSocket& Sockets::keep(std::unique_ptr<RawSocket> socket) {
  socket->index_ = raw_sockets_.size();
  raw_sockets_.push_back(std::move(socket));
  return *raw_sockets_.back();
}

void Sockets::forget_bound(const RawSocket& socket) {
  if (socket.key_ != FlowKey{}) flows_.erase(socket.key_);
}

void Sockets::bury(RawSocket& socket) { dead_raw_sockets_.push_back(take_out(raw_sockets_, &RawSocket::index_, socket)); }

// Other lcores know a binding by one of the sockets that share it.
void Sockets::forget_bound(const UdpSocket& socket) {
  if (flows_.find(socket.key_) != &socket) return;
  flows_.erase(socket.key_);
  for (const auto& other : udp_sockets_)
    if (other.get() != &socket && other->key_ == socket.key_) {
      flows_.insert(other->key_, other.get());
      return;
    }
}

void Sockets::after(Duration delay, std::function<void()> f) {
  auto delayed = std::make_unique<Delayed>(*this, std::move(f));
  delayed->index = delayed_.size();
  env_.wheel->arm(delayed->timer, env_.now + delay);
  delayed_.push_back(std::move(delayed));
}

Instant Sockets::now() const { return env_.now; }

std::uint16_t Sockets::lcore() const { return env_.lcore; }

void Sockets::count_delivered() { env_.stats->ledger.add(stats::Ledger::delivered); }

void Sockets::count_uncopied(std::uint32_t packets, std::uint64_t bytes) {
  env_.stats->ledger.add(stats::Ledger::delivered, packets);
  env_.stats->socket.add(stats::Socket::uncopied_bytes, bytes);
}

void Sockets::count_taken_back(std::uint32_t packets) { env_.stats->ledger.add(stats::Ledger::made, packets); }

void Sockets::drop_closed(pkt::Packet packet) { drop(env_, std::move(packet), stats::DropReason::socket_closed); }

std::int64_t Sockets::count_copied(std::int64_t result, std::size_t room) {
  if (result > 0) env_.stats->socket.add(stats::Socket::copied_bytes, std::min<std::uint64_t>(static_cast<std::uint64_t>(result), room));
  return result;
}

void Sockets::count_data_ready(bool is_heard) {
  env_.stats->socket.add(stats::Socket::data_ready);
  if (!is_heard) env_.stats->socket.add(stats::Socket::data_ready_unheard);
}

// sock_rps_record_flow(). A connected TCP socket has its flow on this lcore whatever is recorded (receive_path F22).
void Sockets::record_flow(const udp::Socket& socket) const {
  steer::SockFlows* const flows = sock_flows_ != nullptr ? sock_flows_->read() : nullptr;
  if (flows == nullptr || !socket.is_connected()) return;
  // Before its first packet, by the hash that a port without one of its own would lead to.
  const FlowKey key{socket.local().address, socket.remote().address, socket.local().port, socket.remote().port, stack_,
                    wire::ip_proto::udp};
  const std::uint32_t hash = socket.flow_hash() != 0 ? socket.flow_hash() : steer::flow_hash(key, *toeplitz_);
  flows->record(hash, env_.lcore);
}

void Sockets::busy_poll(std::uint32_t napi_id, const BusyPoll& wanted, bool (*done)(void*), void* socket) {
  if (busy_poller_ == nullptr || napi_id == 0) return;
  ++calls_;
  busy_poller_->busy_poll(napi_id, wanted, done, socket);
  --calls_;
}

Sockets::Call::Call(Sockets& sockets) : sockets_(sockets) {
  ++sockets_.calls_;
  if (sockets_.call_context_ != nullptr) sockets_.call_context_->begin_call();
}

Sockets::Call::~Call() {
  if (sockets_.call_context_ != nullptr) sockets_.call_context_->end_call();
  --sockets_.calls_;
}

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

void Sockets::bury(UdpSocket& socket) {
  dead_udp_sockets_.push_back(take_out(udp_sockets_, &UdpSocket::index_, socket));
}

void Sockets::sweep() {
  const auto has_dead = [this] { return !dead_streams_.empty() || !dead_udp_sockets_.empty() || !dead_raw_sockets_.empty() || !dead_listening_.empty(); };
  if (calls_ != 0 || !has_dead()) return;  // or a burst that ends inside a call of a socket
  // First what the application hung on them, while all still exist: it may hold the last reference to something that
  // closes another socket, dead or alive.
  std::vector<std::unique_ptr<Stream>> streams;
  std::vector<std::unique_ptr<UdpSocket>> sockets;
  std::vector<std::unique_ptr<RawSocket>> raw_sockets;
  while (has_dead()) {
    for (auto& socket : std::exchange(dead_raw_sockets_, {})) {
      const auto on_readable = socket->on_readable_.release();
      raw_sockets.push_back(std::move(socket));
    }
    const auto listening = std::exchange(dead_listening_, {});
    for (auto& stream : std::exchange(dead_streams_, {})) {
      stream->forget();
      streams.push_back(std::move(stream));
    }
    for (auto& socket : std::exchange(dead_udp_sockets_, {})) {
      socket->forget();
      sockets.push_back(std::move(socket));
    }
  }
}

void Sockets::shut_down() {
  while (!listening_.empty()) {
    listening_.back()->end();
    dead_listening_.push_back(std::move(listening_.back()));
    listening_.pop_back();
  }
  while (!streams_.empty()) streams_.back()->abort();
  while (!udp_sockets_.empty()) udp_sockets_.back()->close();
  while (!raw_sockets_.empty()) raw_sockets_.back()->close();
  std::exchange(delayed_, {}).clear();
  sweep();
}

}  // namespace millrace::socket
