// SPDX-License-Identifier: BSD-3-Clause
// The socket table: opening, binding, connecting, closing, and which socket a datagram is for. Called by the
// sockets' users, and by input.cpp (lookup). RFC 768; RFC 6056 for ports; net/ipv4/udp.c for the matching.
#include <millrace/base/siphash.hpp>
#include <millrace/stack/udp/match.hpp>
#include <millrace/stack/udp/udp.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace millrace::udp {
namespace {

// A wildcard bound to :: takes IPv4, too, unless IPV6_V6ONLY.
bool is_wildcard_for(const Socket& socket, const IpAddress& address) {
  const IpAddress& own = socket.local().address;
  if (!own.is_unspecified()) return false;
  return own.is_v4() ? address.is_v4() : !(address.is_v4() && socket.v6_only);
}

bool may_share(const Socket& one, const Socket& other) {
  return (one.reuse_address && other.reuse_address) || (one.reuse_port && other.reuse_port);
}

}  // namespace

int match(const Socket& socket, const Endpoint& local, const Endpoint& remote) {
  if (socket.local().port != local.port) return 0;
  const bool exact = socket.local().address == local.address;
  if (!exact && !is_wildcard_for(socket, local.address)) return 0;
  if (socket.is_connected() && socket.remote() != remote) return 0;
  return (socket.is_connected() ? 8 : 0) + (exact ? 4 : 0) +
         (socket.local().address.is_v4() == local.address.is_v4() ? 2 : 1);
}

bool may_talk_to(const Socket& socket, const IpAddress& address) {
  const IpAddress& own = socket.local().address;
  if (!socket.is_bound() || is_wildcard_for(socket, address)) return true;
  return !own.is_unspecified() && own.is_v4() == address.is_v4();
}

Udp::Udp(Env& env, ip::Output& ip, const Options& options)
    : env_(env), ip_(ip), options_(options), memory_(options.memory), sockets_(std::make_unique<Socket[]>(options.sockets)) {
  for (std::uint32_t i = 0; i < options.sockets; ++i) free_.push_back(sockets_[i]);
}

Udp::~Udp() {
  for (std::uint32_t i = 0; i < options_.sockets; ++i)
    if (sockets_[i].is_open()) close(sockets_[i]);
}

Socket* Udp::open(Events* events) {
  Socket* socket = free_.pop_front();
  if (socket == nullptr) return nullptr;
  socket->rcvbuf = memory_.rmem_default;
  socket->sndbuf = memory_.wmem_default;
  socket->reuse_address = socket->v6_only = socket->broadcast = socket->encap = socket->gro_ = false;
  socket->reuse_port = socket->wants_info = socket->recv_err_v4 = socket->recv_err_v6 = false;
  socket->filter = nullptr;
  socket->segment_size = 0;
  socket->hop_limit = socket->hop_limit_v6 = socket->traffic_class_v6 = 0;
  socket->mtu_discover = socket->mtu_discover_v6 = MtuDiscover::want;
  socket->traffic_class = 0;
  socket->multicast = socket->multicast_v6 = MulticastOptions{};
  socket->open_ = true;
  socket->id_ = opened_++ * options_.port_stride + options_.port_phase + 1;
  socket->error_ = 0;
  socket->local_ = socket->remote_ = Endpoint{};
  socket->drops_ = 0;
  socket->napi_id_ = 0;
  socket->route_ = {};
  socket->route_to_ = {};
  socket->path_ = {};
  socket->receive_route_ = {};
  socket->flow_hash_ = 0;
  socket->incoming_cpu_ = -1;
  socket->events_ = events;
  ++open_count_;
  return socket;
}

void Udp::close(Socket& socket) {
  MR_ASSERT(socket.open_ && !in_encap_);
  leave_all(socket);
  socket.open_ = false;
  announce(socket, false);
  ip_.forget_flows();
  socket.events_ = nullptr;
  socket.ready_.unlink();
  socket.by_port_.unlink();
  socket.filter = nullptr;
  socket.errors_.clear();
  held_ -= std::exchange(socket.rmem_, 0u);
  while (pkt::Packet unread = socket.queue_.pop_front())
    drop(env_, std::move(unread), stats::DropReason::socket_closed);
  free_.push_back(socket);
  --open_count_;
}

bool Udp::conflicts(const Socket& socket, const Endpoint& local) {
  Socket* other = chain(local.port).front();
  for (; other != nullptr; other = chain(local.port).next(*other)) {
    if (other->local_.port != local.port || may_share(*other, socket)) continue;
    const bool same = other->local_.address == local.address;
    const bool ours_covers = local.address.is_unspecified() &&
                             (local.address.is_v4() == other->local_.address.is_v4() ||
                              (!local.address.is_v4() && !socket.v6_only));
    if (same || ours_covers || is_wildcard_for(*other, local.address)) return true;
  }
  return false;
}

// RFC 6056 section 3.3.3: a keyed hash of the addresses decides where the search begins, a counter moves it on.
std::uint16_t Udp::choose_port(const Socket& socket, const IpAddress& local, const IpAddress& remote) {
  std::array<std::uint8_t, 32> pair;
  std::copy(local.bytes.begin(), local.bytes.end(), pair.begin());
  std::copy(remote.bytes.begin(), remote.bytes.end(), pair.begin() + 16);
  const std::uint32_t stride = options_.port_stride;
  const std::uint32_t first = options_.port_first + (options_.port_phase + stride - options_.port_first % stride) % stride;
  if (first > options_.port_last) return 0;
  const std::uint32_t count = (options_.port_last - first) / stride + 1;
  const std::uint32_t offset = static_cast<std::uint32_t>(siphash(env_.secret, pair)) % count;
  for (std::uint32_t tried = 0; tried < count; ++tried) {
    const std::uint32_t step = next_port_++ % count;
    const auto port = static_cast<std::uint16_t>(first + (offset + step) % count * stride);
    if (!conflicts(socket, {local, port})) return port;
  }
  return 0;
}

int Udp::bind(Socket& socket, const Endpoint& local) {
  if (socket.is_bound()) return -EINVAL;
  const IpAddress& address = local.address;
  if (!address.is_unspecified() && !address.is_multicast() && !ip_.is_broadcast(address) && !ip_.is_local(address))
    return -EADDRNOTAVAIL;
  Endpoint wanted = local;
  if (wanted.port == 0) {
    wanted.port = choose_port(socket, address, IpAddress{});
    if (wanted.port == 0) return -EADDRNOTAVAIL;
  } else if (conflicts(socket, wanted)) {
    return -EADDRINUSE;
  }
  socket.local_ = wanted;
  chain(wanted.port).push_front(socket);
  ip_.forget_flows();
  announce(socket, true);
  return 0;
}

int Udp::connect(Socket& socket, const Endpoint& remote) {
  if (remote.port == 0) return -EINVAL;
  if (!may_talk_to(socket, remote.address)) return -EAFNOSUPPORT;
  if (ip_.is_broadcast(remote.address) && !socket.broadcast) return -EACCES;
  IpAddress source = socket.local_.address;
  if (!socket.is_bound() || source.is_unspecified() || source.is_multicast()) {
    const auto chosen = ip_.source_for(remote.address);
    if (!chosen) return -ENETUNREACH;
    source = *chosen;
  }
  if (!socket.is_bound()) {
    const std::uint16_t port = choose_port(socket, source, remote.address);
    if (port == 0) return -EADDRNOTAVAIL;
    socket.local_.port = port;
    chain(port).push_front(socket);
    announce(socket, true);
  }
  socket.local_.address = source;
  socket.remote_ = remote;
  ip_.forget_flows();
  socket.route_ = {};
  socket.path_ = {};
  socket.receive_route_ = {};
  socket.flow_hash_ = 0;
  return 0;
}

void Udp::set_gro(Socket& socket, bool on) {
  if (socket.gro_ == on) return;
  if (!on) announce(socket, false);
  socket.gro_ = on;
  if (on) announce(socket, true);
}

// Receiving lcores merge for the ports of sockets that are bound and have UDP_GRO.
void Udp::announce(const Socket& socket, bool comes) {
  if (!socket.gro_ || !socket.is_bound() || options_.gro_ports == nullptr) return;
  if (comes) {
    options_.gro_ports->add(socket.local_.port);
  } else {
    options_.gro_ports->remove(socket.local_.port);
  }
}

Socket* Udp::lookup(const Endpoint& local, const Endpoint& remote) {
  Socket* best = nullptr;
  int best_score = 0;
  for (Socket* s = chain(local.port).front(); s != nullptr; s = chain(local.port).next(*s)) {
    const int score = match(*s, local, remote);
    if (score > best_score) {
      best = s;
      best_score = score;
    }
  }
  return best != nullptr && best->reuse_port ? &choose_of_group(*best, best_score, local, remote) : best;
}

// reuseport_select_sock(): of the sockets that fit as well, the one that the flow's hash chooses.
Socket& Udp::choose_of_group(Socket& first, int score, const Endpoint& local, const Endpoint& remote) {
  std::vector<Socket*>& group = group_;
  group.clear();
  for (Socket* s = chain(local.port).front(); s != nullptr; s = chain(local.port).next(*s))
    if (s->reuse_port && match(*s, local, remote) == score) group.push_back(s);
  if (group.size() < 2) return first;
  std::array<std::uint8_t, 36> flow;
  std::copy_n(local.address.bytes.begin(), 16, flow.begin());
  std::copy_n(remote.address.bytes.begin(), 16, flow.begin() + 16);
  store_be16(&flow[32], local.port);
  store_be16(&flow[34], remote.port);
  std::sort(group.begin(), group.end(), [](const Socket* a, const Socket* b) { return a->id() < b->id(); });
  const auto hash = static_cast<std::uint32_t>(siphash(env_.secret, flow));
  return *group[static_cast<std::size_t>(std::uint64_t{hash} * group.size() >> 32)];
}

std::optional<QueuedError> Udp::take_queued_error(Socket& socket) {
  if (socket.errors_.empty()) return std::nullopt;
  QueuedError oldest = std::move(socket.errors_.front());
  socket.errors_.pop_front();
  return oldest;
}

// Only a socket that is connected is one flow's, and no other socket can be a better match.
ip::Demuxed Udp::early_demux(const ip::EarlyFlow& flow) {
  Socket* const socket = lookup({flow.local, flow.local_port}, {flow.remote, flow.remote_port});
  if (socket == nullptr || !socket->is_connected() || socket->local().address != flow.local) return {};
  return {socket, &socket->receive_route_};
}

int Udp::take_error(Socket& socket) { return std::exchange(socket.error_, 0); }

}  // namespace millrace::udp
