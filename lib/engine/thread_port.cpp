// SPDX-License-Identifier: BSD-3-Clause
// The lcore's side of a ThreadQueue. Called by Lcore once a pass (run) and by sockets' callbacks; calls the sockets.
#include <millrace/engine/thread_port.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

namespace millrace {

using Kind = ThreadMessage::Kind;
using stats::DropReason;

ThreadPort::~ThreadPort() {
  ThreadMessage message;
  for (auto* ring : {&to_lcore, &to_thread})
    while (ring->dequeue(&message, 1) == 1)
      if (message.packet != nullptr) pkt::consume(pkt::Packet::adopt(message.packet));
}

bool ThreadPort::run() {
  const std::uint32_t taken = take_messages();
  tell_news();
  const bool gave = std::exchange(gave_, false);
  // As sock_def_readable(): a thread that is awake finds it by itself, without a system call.
  if (gave) env_.stats->socket.add(thread_waker_.wake_if_asleep() ? stats::Socket::wakeups : stats::Socket::wakeups_skipped);
  return taken != 0 || gave;
}

std::uint32_t ThreadPort::take_messages() {
  std::array<ThreadMessage, 64> batch;
  const std::uint32_t n = to_lcore.dequeue(batch.data(), batch.size());
  for (std::uint32_t i = 0; i < n; ++i) {
    if (batch[i].packet != nullptr) env_.stats->ledger.add(stats::Ledger::from_thread);
    take(batch[i]);
  }
  return n;
}

void ThreadPort::take(const ThreadMessage& message) {
  if (message.kind == Kind::connect) return connect(message);
  const auto at = slots_.find(message.socket);
  if (at == slots_.end()) {  // closed here while the message was under way
    if (message.packet == nullptr) return;
    room_due_ = true;
    return drop(env_, pkt::Packet::adopt(message.packet), DropReason::tcp_aborted);
  }
  Slot& slot = at->second;
  switch (message.kind) {
    case Kind::data:
      slot.to_write.push_back(pkt::Packet::adopt(message.packet));
      return write_out(message.socket, slot);
    case Kind::datagram: return send_datagram(message.socket, slot, message);
    case Kind::credit: slot.under_way -= static_cast<std::uint32_t>(message.value); return mark(message.socket, slot);
    case Kind::option:
      if (slot.stream != nullptr) slot.stream->set_option(message.option, message.value);
      if (slot.udp != nullptr) slot.udp->set_option(message.option, message.value);
      return;
    case Kind::shutdown_write: slot.shutting_down = true; return write_out(message.socket, slot);
    default: return close(message.socket, slot, message.value);
  }
}

Result<void> ThreadPort::listen(const Endpoint& local, int backlog) {
  Result<void> listening = sockets_.listen(local, backlog, [this](socket::Stream& stream) {
    const std::uint32_t id = next_accepted_++;
    if (next_accepted_ == no_socket) next_accepted_ = first_accepted;
    Slot& slot = slots_[id];
    slot.opening = Kind::accepted;
    slot.opening_due = true;
    attach(id, slot, stream);
    mark(id, slot);
  });
  if (listening) listening_.push_back(local);
  return listening;
}

void ThreadPort::stop_listening(const Endpoint& local) {
  if (std::erase(listening_, local) != 0) sockets_.stop_listening(local);
}

Result<void> ThreadPort::bind_udp(std::uint32_t id, const Endpoint& local) {
  Result<socket::UdpSocket*> socket = sockets_.bind_udp(local);
  if (!socket) return tl::unexpected(socket.error());
  slots_[id].udp = *socket;
  (*socket)->on_readable([this, id](socket::UdpSocket&) { mark(id, slots_.at(id)); });
  return {};
}

void ThreadPort::connect(const ThreadMessage& message) {
  Slot& slot = slots_[message.socket];
  Result<socket::Stream*> stream = sockets_.connect(message.endpoint);
  if (stream) return attach(message.socket, slot, **stream);
  ended(message.socket, slot, stream.error().code);
}

void ThreadPort::attach(std::uint32_t id, Slot& slot, socket::Stream& stream) {
  slot.stream = &stream;
  stream.on_connected([this, id](socket::Stream&) {
    Slot& s = slots_.at(id);
    s.opening = Kind::connected;
    s.opening_due = true;
    mark(id, s);
  });
  stream.on_readable([this, id](socket::Stream&) { mark(id, slots_.at(id)); });
  stream.on_writable([this, id](socket::Stream&) { write_out(id, slots_.at(id)); });
  stream.on_closed([this, id](socket::Stream& closed, int error) {
    Slot& s = slots_.at(id);
    // The stream goes when this returns: what it holds is kept here.
    while (pkt::Packet unread = closed.take_packet()) s.to_read.push_back(std::move(unread));
    ended(id, s, error);
  });
}

// The connection is gone. After an error no end of stream is told: what was read is not all that the peer had to say.
void ThreadPort::ended(std::uint32_t id, Slot& slot, int error) {
  slot.stream = nullptr;
  slot.error = error;
  slot.closed = true;
  slot.ended |= error == 0;
  write_out(id, slot);
}

// As close(2): data that the thread has not read makes it a reset (RFC 1122 section 4.2.2.13).
void ThreadPort::close(std::uint32_t id, Slot& slot, std::int64_t bytes_read) {
  slot.under_way -= static_cast<std::uint32_t>(bytes_read);
  slot.closing = true;
  if (slot.stream != nullptr && (slot.under_way != 0 || !slot.to_read.empty() || slot.stream->readable() != 0))
    std::exchange(slot.stream, nullptr)->abort();
  write_out(id, slot);
  settle(id);
}

// Brings what the thread wrote into the stream, as far as the send buffer takes it, and gives the thread its window
// back.
void ThreadPort::write_out(std::uint32_t id, Slot& slot) {
  while (pkt::Packet packet = slot.to_write.pop_front()) {
    const std::int64_t n = slot.stream != nullptr ? slot.stream->write(packet.data()) : -EPIPE;
    if (n == -EAGAIN || (n >= 0 && n < packet.length())) {
      if (n > 0) packet.trim_front(static_cast<std::uint32_t>(n));
      slot.to_write.push_front(std::move(packet));
      slot.written += std::max<std::int64_t>(n, 0);
      break;
    }
    slot.written += packet.length();
    if (slot.closing) room_due_ = true;  // its own window nobody waits for, but the pool's buffers
    if (n >= 0) {
      consume(env_, std::move(packet), stats::Ledger::used);
    } else {
      drop(env_, std::move(packet), DropReason::tcp_aborted);
    }
  }
  mark(id, slot);
  if (slot.shutting_down && slot.stream != nullptr && slot.to_write.empty()) {
    slot.shutting_down = false;
    slot.stream->shutdown_write();
  }
}

void ThreadPort::send_datagram(std::uint32_t id, Slot& slot, const ThreadMessage& message) {
  pkt::Packet packet = pkt::Packet::adopt(message.packet);
  if (slot.udp != nullptr) slot.udp->send_to(packet.data(), message.endpoint);
  slot.written += packet.length();
  mark(id, slot);
  consume(env_, std::move(packet), stats::Ledger::used);
}

void ThreadPort::mark(std::uint32_t id, Slot& slot) {
  if (!std::exchange(slot.news, true)) news_.push_back(id);
}

void ThreadPort::tell_news() {
  telling_.swap(news_);
  for (const std::uint32_t id : telling_) {
    const auto at = slots_.find(id);
    if (at == slots_.end()) continue;
    at->second.news = false;
    if (!tell(id, at->second)) mark(id, at->second);  // the ring is full: the next pass goes on
    settle(id);
  }
  telling_.clear();
  if (room_due_ && give({.kind = Kind::credit, .socket = no_socket})) room_due_ = false;
}

// Returns whether the ring took all that there was to tell.
bool ThreadPort::tell(std::uint32_t id, Slot& slot) {
  if (slot.closing) {
    // What comes now finds nobody, so the peer must learn of it; it may even be waiting for room before it reads.
    if (slot.stream != nullptr && slot.stream->readable() != 0) std::exchange(slot.stream, nullptr)->abort();
    return true;
  }
  if (slot.written != 0) {
    if (!give({.kind = Kind::credit, .socket = id, .value = slot.written})) return false;
    slot.written = 0;
  }
  if (slot.opening_due) {
    ThreadMessage opening{.kind = slot.opening, .socket = id};
    if (slot.stream != nullptr) slot.stream->get_option(socket::Option::incoming_napi_id, opening.value);
    if (!give(opening)) return false;
    slot.opening_due = false;
  }
  if (slot.udp != nullptr) return tell_datagrams(id, slot);
  if (!tell_data(id, slot)) return false;
  if (slot.stream != nullptr && slot.stream->at_end()) slot.ended = true;
  if (!slot.to_read.empty()) return true;  // the thread's credit brings the rest
  if (slot.ended && !slot.end_told) {
    if (!give({.kind = Kind::end_of_stream, .socket = id})) return false;
    slot.end_told = true;
  }
  if (slot.closed) {
    if (!give({.kind = Kind::closed, .socket = id, .value = slot.error})) return false;
    slot.closed = false;
  }
  return true;
}

bool ThreadPort::tell_data(std::uint32_t id, Slot& slot) {
  while (slot.under_way < thread_window_bytes) {
    pkt::Packet packet = slot.to_read.pop_front();
    if (!packet && slot.stream != nullptr) packet = slot.stream->take_packet();
    if (!packet) return true;
    const std::uint32_t bytes = packet.length();
    pkt::Mbuf* m = packet.release();
    if (!give({.kind = Kind::data, .socket = id, .packet = m})) {
      slot.to_read.push_front(pkt::Packet::adopt(m));
      return false;
    }
    slot.under_way += bytes;
  }
  return true;
}

// What finds no room stays in the socket, whose receive buffer is the bound.
bool ThreadPort::tell_datagrams(std::uint32_t id, Slot& slot) {
  while (slot.under_way < thread_window_bytes) {
    if (to_thread.size() == to_thread.capacity()) return false;
    Endpoint from;
    pkt::Packet packet = slot.udp->take_packet(from);
    if (!packet) return true;
    slot.under_way += packet.length();
    give({.kind = Kind::datagram, .socket = id, .packet = packet.release(), .endpoint = from});
  }
  return true;
}

bool ThreadPort::give(const ThreadMessage& message) {
  if (!to_thread.enqueue(message)) return false;
  if (message.packet != nullptr) env_.stats->ledger.add(stats::Ledger::to_thread);
  gave_ = true;
  return true;
}

// Ends a socket that the thread has closed, once what it wrote is in the stream.
void ThreadPort::settle(std::uint32_t id) {
  const auto at = slots_.find(id);
  if (at == slots_.end() || !at->second.closing) return;
  Slot& slot = at->second;
  if (slot.stream != nullptr && !slot.to_write.empty()) return;
  if (slot.stream != nullptr) slot.stream->close();
  if (slot.udp != nullptr) slot.udp->close();
  discard(slot);
  slots_.erase(at);
}

void ThreadPort::discard(Slot& slot) {
  while (pkt::Packet unread = slot.to_read.pop_front()) drop(env_, std::move(unread), DropReason::tcp_unread);
  while (pkt::Packet unsent = slot.to_write.pop_front()) drop(env_, std::move(unsent), DropReason::tcp_aborted);
}

void ThreadPort::close_all() {
  while (take_messages() != 0) {
  }
  while (!listening_.empty()) stop_listening(Endpoint(listening_.back()));
  for (auto& [id, slot] : slots_) {
    // A FIN would pass for the end of what the thread wrote.
    const bool cut = !slot.to_write.empty() || slot.under_way != 0 || !slot.to_read.empty();
    if (slot.stream != nullptr) cut ? slot.stream->abort() : slot.stream->close();
    if (slot.udp != nullptr) slot.udp->close();
    discard(slot);
  }
  slots_.clear();
}

}  // namespace millrace
