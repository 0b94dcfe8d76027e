// SPDX-License-Identifier: BSD-3-Clause
// The lcore's side of a ThreadQueue. Called by Lcore once a pass (run) and by sockets' callbacks; calls the sockets.
#include <millrace/engine/thread_port.hpp>

#include <millrace/pkt/pool.hpp>

#include <array>
#include <cerrno>

namespace millrace {

using Kind = ThreadMessage::Kind;

ThreadPort::~ThreadPort() {
  ThreadMessage message;
  while (to_lcore.dequeue(&message, 1) == 1)
    if (message.packet != nullptr) drop(env_, pkt::Packet::adopt(message.packet), stats::DropReason::shutdown);
  while (to_thread.dequeue(&message, 1) == 1)
    if (message.packet != nullptr) drop(env_, pkt::Packet::adopt(message.packet), stats::DropReason::shutdown);
}

bool ThreadPort::run() {
  std::array<ThreadMessage, 64> batch;
  const std::uint32_t n = to_lcore.dequeue(batch.data(), batch.size());
  for (std::uint32_t i = 0; i < n; ++i) take(batch[i]);
  if (any_news_) {
    any_news_ = false;
    for (auto at = slots_.begin(); at != slots_.end();) {
      const std::uint32_t id = at->first;
      Slot& slot = at->second;
      ++at;  // settle() may erase the slot
      if (slot.news && !tell(id, slot)) any_news_ = true;
      settle(id);
    }
  }
  const bool gave = std::exchange(gave_, false);
  if (gave) thread_waker_.wake_if_asleep();
  return n != 0 || gave;
}

void ThreadPort::take(const ThreadMessage& message) {
  if (message.kind == Kind::connect) return connect(message);
  const auto at = slots_.find(message.socket);
  if (at == slots_.end()) {  // closed here while the message was under way
    if (message.packet != nullptr) pkt::consume(pkt::Packet::adopt(message.packet));
    return;
  }
  Slot& slot = at->second;
  switch (message.kind) {
    case Kind::data:
      slot.to_write.push_back(pkt::Packet::adopt(message.packet));
      write_out(message.socket, slot);
      break;
    case Kind::datagram:
      send_datagram(message);
      break;
    case Kind::credit:
      slot.under_way -= static_cast<std::uint32_t>(message.value);
      slot.news = any_news_ = true;
      if (slot.udp != nullptr) receive_datagrams(message.socket, slot);
      break;
    case Kind::shutdown_write:
      slot.shutting_down = true;
      write_out(message.socket, slot);
      break;
    default:
      slot.closing = true;
      write_out(message.socket, slot);
      settle(message.socket);
      break;
  }
}

Result<void> ThreadPort::listen(const Endpoint& local, int backlog) {
  Result<void> listening = sockets_.listen(local, backlog, [this](socket::Stream& stream) {
    const std::uint32_t id = next_accepted_++;
    if (next_accepted_ == 0) next_accepted_ = first_accepted;
    Slot& slot = slots_[id];
    slot.opening = Kind::accepted;
    slot.opening_due = true;
    attach(id, slot, stream);
    slot.news = any_news_ = true;
  });
  if (listening) listening_.push_back(local);
  return listening;
}

Result<void> ThreadPort::bind_udp(std::uint32_t id, const Endpoint& local) {
  Result<socket::UdpSocket*> socket = sockets_.bind_udp(local);
  if (!socket) return tl::unexpected(socket.error());
  slots_[id].udp = *socket;
  (*socket)->on_readable([this, id](socket::UdpSocket&) { receive_datagrams(id, slots_.at(id)); });
  return {};
}

void ThreadPort::connect(const ThreadMessage& message) {
  Slot& slot = slots_[message.socket];
  Result<socket::Stream*> stream = sockets_.connect(message.endpoint);
  if (stream) return attach(message.socket, slot, **stream);
  slot.closed = slot.ended = true;
  slot.error = stream.error().code;
  slot.news = any_news_ = true;
}

void ThreadPort::attach(std::uint32_t id, Slot& slot, socket::Stream& stream) {
  slot.stream = &stream;
  stream.on_connected([this, id](socket::Stream&) {
    Slot& s = slots_.at(id);
    s.opening = Kind::connected;
    s.opening_due = s.news = any_news_ = true;
  });
  stream.on_readable([this, id](socket::Stream&) { slots_.at(id).news = any_news_ = true; });
  stream.on_writable([this, id](socket::Stream&) { write_out(id, slots_.at(id)); });
  stream.on_closed([this, id](socket::Stream&, int error) {
    Slot& s = slots_.at(id);
    pull(s);  // the stream goes when this returns: what it holds is kept here
    s.stream = nullptr;
    s.error = error;
    s.closed = s.ended = s.news = any_news_ = true;
    while (pkt::Packet unsent = s.to_write.pop_front()) pkt::consume(std::move(unsent));
  });
}

// Brings what the thread wrote into the stream, as far as the send buffer takes it, and gives the thread its window back.
void ThreadPort::write_out(std::uint32_t id, Slot& slot) {
  while (!slot.to_write.empty() && slot.stream != nullptr) {
    pkt::Packet packet = slot.to_write.pop_front();
    const std::int64_t n = slot.stream->write(packet.data());
    if (n == -EAGAIN || (n >= 0 && n < packet.length())) {
      if (n > 0) packet.trim_front(static_cast<std::uint32_t>(n));
      slot.to_write.push_front(std::move(packet));
      slot.written += n > 0 ? n : 0;
      break;
    }
    slot.written += packet.length();
    pkt::consume(std::move(packet));
  }
  slot.news = any_news_ = true;
  if (slot.shutting_down && slot.stream != nullptr && slot.to_write.empty()) {
    slot.shutting_down = false;
    slot.stream->shutdown_write();
  }
}

void ThreadPort::send_datagram(const ThreadMessage& message) {
  pkt::Packet packet = pkt::Packet::adopt(message.packet);
  Slot& slot = slots_.at(message.socket);
  if (slot.udp != nullptr) slot.udp->send_to(packet.data(), message.endpoint);
  slot.written += packet.length();
  slot.news = any_news_ = true;
  pkt::consume(std::move(packet));
}

void ThreadPort::receive_datagrams(std::uint32_t id, Slot& slot) {
  while (slot.under_way < thread_window_bytes) {
    pkt::Packet packet = env_.pool->allocate();
    if (!packet) return;
    Endpoint from;
    const std::uint16_t room = packet.tailroom();
    const std::int64_t n = slot.udp->receive_from({packet.append(room), room}, from);
    if (n < 0) return pkt::consume(std::move(packet));
    packet.truncate(std::min<std::uint32_t>(static_cast<std::uint32_t>(n), room));
    const std::uint32_t bytes = packet.length();
    pkt::Mbuf* m = packet.release();
    if (!give({.kind = Kind::datagram, .socket = id, .packet = m, .endpoint = from}))
      return drop(env_, pkt::Packet::adopt(m), stats::DropReason::thread_ring_full);
    slot.under_way += bytes;
  }
}

// Takes everything that the stream has: bounded by its receive buffer.
void ThreadPort::pull(Slot& slot) {
  while (slot.stream != nullptr && slot.stream->readable() > 0) {
    pkt::Packet packet = env_.pool->allocate();
    if (!packet) return;  // the data stays in the stream; the next news comes back for it
    const std::uint16_t room = packet.tailroom();
    const std::int64_t n = slot.stream->read({packet.append(room), room});
    if (n <= 0) return pkt::consume(std::move(packet));
    packet.truncate(static_cast<std::uint32_t>(n));
    slot.to_read.push_back(std::move(packet));
  }
  if (slot.stream != nullptr && slot.stream->at_end()) slot.ended = true;
}

bool ThreadPort::tell(std::uint32_t id, Slot& slot) {
  if (slot.closing) {
    slot.news = false;
    return true;
  }
  if (slot.written != 0) {
    if (!give({.kind = Kind::credit, .socket = id, .value = slot.written})) return false;
    slot.written = 0;
  }
  if (slot.opening_due) {
    const ThreadMessage opening{.kind = slot.opening, .socket = id};
    if (!give(opening)) return false;
    slot.opening_due = false;
  }
  if (!tell_data(id, slot)) return false;
  if (slot.to_read.empty() && slot.ended && !slot.end_told) {
    if (!give({.kind = Kind::end_of_stream, .socket = id})) return false;
    slot.end_told = true;
  }
  if (slot.to_read.empty() && slot.closed) {
    if (!give({.kind = Kind::closed, .socket = id, .value = slot.error})) return false;
    slot.closed = false;
  }
  slot.news = false;
  return true;
}

bool ThreadPort::tell_data(std::uint32_t id, Slot& slot) {
  while (slot.under_way < thread_window_bytes) {
    if (slot.to_read.empty()) pull(slot);
    pkt::Packet packet = slot.to_read.pop_front();
    if (!packet) return true;
    const std::uint32_t bytes = packet.length();
    pkt::Mbuf* m = packet.release();
    if (!give({.kind = Kind::data, .socket = id, .packet = m})) {
      slot.to_read.push_front(pkt::Packet::adopt(m));
      return false;
    }
    slot.under_way += bytes;
  }
  return true;  // the thread's credit brings the rest
}

bool ThreadPort::give(const ThreadMessage& message) {
  gave_ = true;
  return to_thread.enqueue(message);
}

// Ends a socket that the thread has closed, once what it wrote is in the stream.
void ThreadPort::settle(std::uint32_t id) {
  const auto at = slots_.find(id);
  if (at == slots_.end() || !at->second.closing) return;
  Slot& slot = at->second;
  if (slot.stream != nullptr && !slot.to_write.empty()) return;
  if (slot.stream != nullptr) slot.stream->close();
  if (slot.udp != nullptr) slot.udp->close();
  while (pkt::Packet unread = slot.to_read.pop_front()) pkt::consume(std::move(unread));
  while (pkt::Packet unsent = slot.to_write.pop_front()) pkt::consume(std::move(unsent));
  slots_.erase(at);
}

void ThreadPort::close_all() {
  for (const Endpoint& local : listening_) sockets_.stop_listening(local);
  for (auto& [id, slot] : slots_) {
    if (slot.stream != nullptr) slot.stream->close();
    if (slot.udp != nullptr) slot.udp->close();
    while (pkt::Packet unread = slot.to_read.pop_front()) pkt::consume(std::move(unread));
    while (pkt::Packet unsent = slot.to_write.pop_front()) pkt::consume(std::move(unsent));
  }
  slots_.clear();
}

}  // namespace millrace
