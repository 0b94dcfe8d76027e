// SPDX-License-Identifier: BSD-3-Clause
// The thread's side of a ThreadQueue. Called by one thread outside the lcores; speaks to a ThreadPort on each lcore.
#include <millrace/engine/thread_queue_impl.hpp>

#include <algorithm>
#include <cerrno>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

namespace millrace {
namespace {

using Kind = ThreadMessage::Kind;
using Socket = ThreadQueue::Socket;

// The events that sock_def_readable() and sk_stream_write_space() name.
constexpr std::uint32_t readable_key = EPOLLIN | EPOLLPRI | EPOLLRDNORM | EPOLLRDBAND;
constexpr std::uint32_t writable_key = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;

constexpr std::uint32_t credit_batch = 32 * 1024;  // bytes read before the lcore is told

Socket name(std::uint16_t lcore, std::uint32_t id) { return Socket{lcore} << 32 | id; }

}  // namespace

ThreadQueue::ThreadQueue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ThreadQueue::~ThreadQueue() = default;

int ThreadQueue::fd() const {
  impl_->fd_given = true;
  return impl_->waker.fd();
}

std::optional<ThreadQueue::Event> ThreadQueue::next_event() {
  Impl& q = *impl_;
  q.disarm();
  if (!q.has_event()) q.collect();
  if (!q.has_event()) {
    // About to say "none": look once more when the lcores know that they must wake us, as the sleeper in Waker does.
    q.rest();
    q.collect();
    if (!q.has_event()) return std::nullopt;
    q.disarm();
  }
  const Event event = q.events.front();
  q.events.pop_front();
  if (event.what == What::readable) q.find(event.socket)->readable_due = false;
  return event;
}

void ThreadQueue::wait(Duration timeout) {
  Impl& q = *impl_;
  if (!q.armed) return;  // something may be there: next_event() has not said "none" yet
  q.wait_until(q.deadline(timeout), [&] { return q.has_event(); });
  if (!q.exported && std::exchange(q.signalled, false)) q.waker.drain();
}

void ThreadQueue::set_step(std::function<bool(Instant until)> step) { impl_->step = std::move(step); }

ThreadQueue::Impl::Slot* ThreadQueue::Impl::find(Socket socket) {
  const auto at = slots.find(socket);
  return at != slots.end() ? &at->second : nullptr;
}

ThreadQueue::Impl::Slot& ThreadQueue::Impl::open(Socket socket, bool is_udp) {
  Slot& slot = slots[socket];
  slot.is_udp = is_udp;
  slot.busy_poll.us = static_cast<std::uint32_t>(tunables->busy_read_us.load(std::memory_order_relaxed));
  slot.set[socket::Option::rcvbuf] = is_udp ? tunables->rmem_default.load(std::memory_order_relaxed) : tunables->tcp_rmem.load(std::memory_order_relaxed);
  slot.set[socket::Option::sndbuf] = is_udp ? tunables->wmem_default.load(std::memory_order_relaxed) : tunables->tcp_wmem.load(std::memory_order_relaxed);
  return slot;
}

void ThreadQueue::Impl::collect() {
  for (std::uint16_t lcore = 0; lcore < lanes.size(); ++lcore) {
    ThreadMessage message;
    auto& ring = lanes[lcore].port->to_thread;
    for (std::uint32_t n = 0; n < ThreadPort::ring_size && ring.dequeue(&message, 1) == 1; ++n) take(lcore, message);
    give_waiting(lanes[lcore]);
  }
}

void ThreadQueue::Impl::take(std::uint16_t lcore, const ThreadMessage& message) {
  if (message.kind == Kind::credit) {
    if (message.socket == ThreadPort::no_socket) lanes[lcore].room_wanted = false;
    room_again();  // what was taken gives back its buffer and its place in the ring, too
  }
  Socket socket = name(lcore, message.socket);
  if (message.kind == Kind::accepted) open(socket);
  if (message.socket < ThreadPort::first_accepted && udp_ids.contains(message.socket)) socket = name(0, message.socket);
  Slot* slot = find(socket);
  if (slot == nullptr) {
    if (message.packet != nullptr) pkt::consume(pkt::Packet::adopt(message.packet));
    return;
  }
  if (message.packet != nullptr) slot->received_by(lcore, message.packet->meta.napi_id);
  switch (message.kind) {
    case Kind::accepted:
    case Kind::connected:
      slot->received_by(lcore, static_cast<std::uint32_t>(message.value));
      slot->connected = true;
      return tell({message.kind == Kind::accepted ? What::accepted : What::connected, socket}, *slot, 0);
    case Kind::datagram: slot->senders.push_back({message.endpoint, lcore}); [[fallthrough]];
    case Kind::data: slot->received.push_back(pkt::Packet::adopt(message.packet)); return tell({What::readable, socket}, *slot, readable_key);
    case Kind::end_of_stream: slot->ended = true; return tell({What::readable, socket}, *slot, 0);
    case Kind::credit:
      slot->under_way -= static_cast<std::uint32_t>(message.value);
      if (std::exchange(slot->wants_room, false)) tell({What::writable, socket}, *slot, writable_key);
      return;
    default:
      slot->closed = true;
      slot->error = static_cast<int>(message.value);
      return tell({What::closed, socket, slot->error}, *slot, 0);
  }
}

void ThreadQueue::Impl::room_again() {
  for (const Socket socket : std::exchange(starved, {})) {
    Slot* slot = find(socket);
    if (slot != nullptr && std::exchange(slot->wants_room, false)) tell({What::writable, socket}, *slot, writable_key);
  }
}

// False: the ring is full, and the message, one with a packet or a connect, stays with the caller.
bool ThreadQueue::Impl::give(std::uint16_t id, const ThreadMessage& message) {
  Lane& lane = lanes[id];
  give_waiting(lane);
  if (lane.waiting.empty() && lane.port->to_lcore.enqueue(message)) {
    lane.port->lcore_waker.wake_if_asleep();
    return true;
  }
  want_room(lane);
  if (message.packet != nullptr || message.kind == Kind::connect) return false;
  lane.waiting.push_back(message);  // bounded by what is open and under way
  return true;
}

void ThreadQueue::Impl::give_waiting(Lane& lane) {
  bool gave = false;
  for (; !lane.waiting.empty() && lane.port->to_lcore.enqueue(lane.waiting.front()); gave = true)
    lane.waiting.pop_front();
  if (gave) lane.port->lcore_waker.wake_if_asleep();
  if (!lane.waiting.empty()) want_room(lane);
}

Result<void> ThreadQueue::listen(const Endpoint& local, int backlog) {
  if (local.port == 0) return failure(EINVAL, "cannot listen on " + local.to_string() + " on every lcore: name a port");
  return impl_->on_each_lcore([&](ThreadPort& port) { return port.listen(local, backlog); },
                              [&](ThreadPort& port) { port.stop_listening(local); });
}

Result<Socket> ThreadQueue::connect(const Endpoint& remote) {
  Impl& q = *impl_;
  const std::uint32_t id = q.new_id();
  const auto lcore = static_cast<std::uint16_t>(id % q.lanes.size());
  if (!q.give(lcore, {.kind = Kind::connect, .socket = id, .endpoint = remote}))
    return failure(ENOBUFS, "cannot connect to " + remote.to_string() + ": the ring to lcore " + std::to_string(lcore) +
                                " is full; try again");
  q.open(name(lcore, id));
  return name(lcore, id);
}

Result<Socket> ThreadQueue::bind_udp(const Endpoint& local) {
  Impl& q = *impl_;
  if (local.port == 0) return failure(EINVAL, "cannot bind " + local.to_string() + " on every lcore: name a port");
  const std::uint32_t id = q.new_id();
  Result<void> bound = q.on_each_lcore([&](ThreadPort& port) { return port.bind_udp(id, local); },
                                       [&](ThreadPort& port) { port.close(id); });
  if (!bound) return tl::unexpected(bound.error());
  q.udp_ids.insert(id);
  q.open(name(0, id), true);
  return name(0, id);
}

std::int64_t ThreadQueue::read(Socket socket, std::span<std::uint8_t> into) {
  socket::Control unasked;
  return read(socket, into, unasked);
}

std::int64_t ThreadQueue::read(Socket socket, std::span<std::uint8_t> into, socket::Control& control) {
  control = {};
  Impl::Slot* slot = impl_->find(socket);
  if (slot == nullptr) return -EBADF;
  if (slot->is_udp) return -EOPNOTSUPP;
  impl_->busy_loop(*slot);
  std::size_t copied = 0;
  while (copied < into.size() && !slot->received.empty()) {
    pkt::Packet packet = slot->received.pop_front();
    const std::size_t n = packet.copy_out(0, into.subspan(copied));
    copied += n;
    slot->timestamp.tell(pkt::rx_times(packet), control);
    if (n < packet.length()) {
      packet.trim_front(static_cast<std::uint32_t>(n));
      slot->received.push_front(std::move(packet));
    } else {
      pkt::consume(std::move(packet));
    }
  }
  impl_->give_back(socket, *slot, lcore_of(socket), copied);
  if (copied != 0 || into.empty()) return static_cast<std::int64_t>(copied);
  if (slot->ended) return 0;
  return slot->closed ? -slot->error : -EAGAIN;
}

// Tells the lcore how much was read: in batches, but at once when there is nothing left to read.
void ThreadQueue::Impl::give_back(Socket socket, Slot& slot, std::uint16_t lcore, std::size_t bytes) {
  std::uint32_t& owed = slot.owed[lcore];
  owed += static_cast<std::uint32_t>(bytes);
  if (owed == 0 || (owed < credit_batch && !slot.received.empty())) return;
  give(lcore, {.kind = Kind::credit, .socket = id_of(socket), .value = std::exchange(owed, 0u)});
}

std::int64_t ThreadQueue::write(Socket socket, std::span<const std::uint8_t> bytes) {
  Impl::Slot* slot = impl_->find(socket);
  if (slot == nullptr) return -EBADF;
  if (slot->is_udp) return -EOPNOTSUPP;
  if (slot->closed) return slot->error != 0 ? -slot->error : -EPIPE;
  if (slot->shut) return -EPIPE;
  std::size_t written = 0;
  const ThreadMessage message{.kind = Kind::data, .socket = id_of(socket)};
  while (written < bytes.size()) {
    const std::int64_t n = impl_->send_copy(socket, *slot, message, bytes.subspan(written));
    if (n < 0) return written == 0 ? n : static_cast<std::int64_t>(written);
    written += static_cast<std::size_t>(n);
  }
  return static_cast<std::int64_t>(written);
}

// Copies as much as one buffer holds and sends it with `message`. -EAGAIN: the socket's window is full, there is no
// buffer or no room in the ring; `writable` follows.
std::int64_t ThreadQueue::Impl::send_copy(Socket socket, Slot& slot, ThreadMessage message,
                                          std::span<const std::uint8_t> bytes) {
  slot.wants_room = true;
  if (slot.under_way >= slot.window) return -EAGAIN;
  pkt::Packet packet = pool->allocate();
  std::size_t n = 0;
  if (packet) {
    n = std::min<std::size_t>(bytes.size(), packet.tailroom());
    std::copy_n(bytes.begin(), n, packet.append(static_cast<std::uint16_t>(n)));
    message.packet = packet.release();
  }
  if (message.packet == nullptr || !give(lcore_of(socket), message)) {
    if (message.packet != nullptr) pkt::consume(pkt::Packet::adopt(message.packet));
    starved.insert(socket);
    return -EAGAIN;
  }
  slot.wants_room = false;
  slot.under_way += static_cast<std::uint32_t>(n);
  return static_cast<std::int64_t>(n);
}

std::int64_t ThreadQueue::receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from) {
  socket::Control unasked;
  return receive_from(socket, into, from, unasked);
}

std::int64_t ThreadQueue::receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from,
                                       socket::Control& control) {
  return receive_from(socket, into, from, control, 0);
}

std::int64_t ThreadQueue::receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from,
                                       socket::Control& control, int flags, Duration timeout) {
  control = {};
  Impl::Slot* slot = impl_->find(socket);
  if (slot == nullptr) return -EBADF;
  if (!slot->is_udp) return -EOPNOTSUPP;
  if (!socket::knows_flags(flags)) return -EINVAL;
  impl_->busy_loop(*slot);
  if (slot->received.empty() && (flags & MSG_DONTWAIT) == 0) impl_->wait_for_packets(*slot, timeout);
  if (slot->received.empty()) return -EAGAIN;
  pkt::Packet packet = slot->received.pop_front();
  const auto [sender, lcore] = slot->senders.front();
  from = sender;
  const std::uint32_t length = packet.length();
  packet.copy_out(0, into);
  slot->timestamp.tell(pkt::rx_times(packet), control);
  slot->info.tell(pkt::packet_info(packet), packet.meta().ifindex, control);
  control.segment_size = packet.meta().gso_size;
  control.truncated = length > into.size();
  if ((flags & MSG_PEEK) != 0) {
    slot->received.push_front(std::move(packet));
    return length;
  }
  slot->senders.pop_front();
  pkt::consume(std::move(packet));
  impl_->give_back(socket, *slot, lcore, length);
  return length;
}

std::int64_t ThreadQueue::send_to(Socket socket, std::span<const std::uint8_t> bytes, const Endpoint& to) {
  Impl::Slot* slot = impl_->find(socket);
  if (slot == nullptr) return -EBADF;
  if (!slot->is_udp) return -EOPNOTSUPP;
  if (bytes.size() > max_datagram) return -EMSGSIZE;
  return impl_->send_copy(socket, *slot, {.kind = Kind::datagram, .socket = id_of(socket), .endpoint = to}, bytes);
}

int ThreadQueue::shutdown_write(Socket socket) {
  Impl::Slot* slot = impl_->find(socket);
  if (slot == nullptr) return -EBADF;
  if (slot->is_udp) return -EOPNOTSUPP;
  if (!std::exchange(slot->shut, true))
    impl_->give(lcore_of(socket), {.kind = Kind::shutdown_write, .socket = id_of(socket)});
  if (slot->watch != nullptr) WaitSet::Impl::wake(*slot->watch, 0);
  return 0;
}

int ThreadQueue::close(Socket socket) {
  const auto at = impl_->slots.find(socket);
  if (at == impl_->slots.end()) return -EBADF;
  impl_->close(socket, at->second);
  if (at->second.watch != nullptr) at->second.watch->set.forget(socket);
  impl_->slots.erase(at);
  return 0;
}

void ThreadQueue::Impl::close(Socket socket, Slot& slot) {
  while (pkt::Packet unread = slot.received.pop_front()) pkt::consume(std::move(unread));
  const bool is_everywhere = udp_ids.erase(id_of(socket)) != 0;
  for (std::uint16_t lcore = 0; lcore < lanes.size(); ++lcore)
    if (is_everywhere || lcore == lcore_of(socket))
      give(lcore, {.kind = Kind::close, .socket = id_of(socket), .value = slot.owed[lcore]});
}

}  // namespace millrace
