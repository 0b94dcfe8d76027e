// SPDX-License-Identifier: BSD-3-Clause
// The thread's side of a ThreadQueue. Called by one thread outside the lcores; speaks to a ThreadPort on each lcore.
#include <millrace/engine/thread_queue_impl.hpp>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <future>

namespace millrace {
namespace {

using Kind = ThreadMessage::Kind;
using Socket = ThreadQueue::Socket;

constexpr std::uint32_t credit_batch = 32 * 1024;  // bytes read before the lcore is told

std::uint16_t lcore_of(Socket socket) { return static_cast<std::uint16_t>(socket >> 32); }
std::uint32_t id_of(Socket socket) { return static_cast<std::uint32_t>(socket); }
Socket name(std::uint16_t lcore, std::uint32_t id) { return Socket{lcore} << 32 | id; }

}  // namespace

ThreadQueue::ThreadQueue(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

ThreadQueue::~ThreadQueue() = default;

ThreadQueue::Impl::~Impl() {
  for (std::uint16_t lcore = 0; lcore < ports.size(); ++lcore) {
    on_lcore(lcore, [this, lcore] {
      ports[lcore]->close_all();
      detach(lcore);
      return Result<void>{};
    });
  }
  for (auto& [socket, slot] : slots)
    while (pkt::Packet unread = slot.received.pop_front()) pkt::consume(std::move(unread));
  ports.clear();
}

int ThreadQueue::fd() const { return impl_->waker.fd(); }

std::optional<ThreadQueue::Event> ThreadQueue::next_event() {
  Impl& q = *impl_;
  if (q.announced) {
    q.waker.retract();
    q.waker.drain();
    q.announced = false;
  }
  if (q.events.empty()) q.collect();
  if (q.events.empty()) {
    // About to be told "none": from here on the lcores must wake us. Look once more, as the sleeper in Waker does.
    q.waker.announce();
    q.announced = true;
    q.collect();
    if (q.events.empty()) return std::nullopt;
    q.waker.retract();
    q.announced = false;
  }
  const Event event = q.events.front();
  q.events.pop_front();
  return event;
}

void ThreadQueue::wait(Duration timeout) {
  Impl& q = *impl_;
  if (!q.announced) return;  // something may be there: next_event() has not said "none" yet
  q.waker.sleep(timeout);
  q.announced = false;
}

void ThreadQueue::Impl::collect() {
  for (std::uint16_t lcore = 0; lcore < ports.size(); ++lcore) {
    ThreadMessage message;
    for (std::uint32_t n = 0; n < ThreadPort::ring_size && ports[lcore]->to_thread.dequeue(&message, 1) == 1; ++n) take(lcore, message);
  }
}

void ThreadQueue::Impl::take(std::uint16_t lcore, const ThreadMessage& message) {
  Socket socket = name(lcore, message.socket);
  if (message.kind == Kind::accepted) slots[socket];
  if (message.socket < ThreadPort::first_accepted && udp_ids.contains(message.socket)) socket = name(0, message.socket);
  const auto at = slots.find(socket);
  if (at == slots.end()) {
    if (message.packet != nullptr) pkt::consume(pkt::Packet::adopt(message.packet));
    return;
  }
  Impl::Slot& slot = at->second;
  switch (message.kind) {
    case Kind::accepted:
      return events.push_back({What::accepted, socket});
    case Kind::connected:
      return events.push_back({What::connected, socket});
    case Kind::data:
    case Kind::datagram: {
      pkt::Packet packet = pkt::Packet::adopt(message.packet);
      slot.unread.push_back({message.endpoint, lcore});
      slot.received.push_back(std::move(packet));
      return events.push_back({What::readable, socket});
    }
    case Kind::end_of_stream:
      slot.ended = true;
      return events.push_back({What::readable, socket});
    case Kind::credit:
      slot.under_way -= static_cast<std::uint32_t>(message.value);
      if (std::exchange(slot.wants_room, false)) events.push_back({What::writable, socket});
      return;
    default:
      slot.ended = true;
      return events.push_back({What::closed, socket, static_cast<int>(message.value)});
  }
}

bool ThreadQueue::Impl::give(std::uint16_t lcore, const ThreadMessage& message) {
  if (!ports[lcore]->to_lcore.enqueue(message)) return false;
  ports[lcore]->lcore_waker.wake_if_asleep();
  return true;
}

Result<void> ThreadQueue::listen(const Endpoint& local, int backlog) {
  for (std::uint16_t lcore = 0; lcore < impl_->ports.size(); ++lcore) {
    Result<void> listening = impl_->on_lcore(lcore, [this, lcore, &local, backlog] { return impl_->ports[lcore]->listen(local, backlog); });
    if (!listening) return listening;
  }
  return {};
}

Result<Socket> ThreadQueue::connect(const Endpoint& remote) {
  Impl& q = *impl_;
  const auto lcore = static_cast<std::uint16_t>(q.next_id % q.ports.size());
  const std::uint32_t id = q.new_id();
  if (!q.give(lcore, {.kind = Kind::connect, .socket = id, .endpoint = remote}))
    return failure(ENOBUFS, "cannot connect to " + remote.to_string() + ": the ring to lcore " + std::to_string(lcore) + " is full; try again");
  q.slots[name(lcore, id)];
  return name(lcore, id);
}

Result<Socket> ThreadQueue::bind_udp(const Endpoint& local) {
  Impl& q = *impl_;
  if (local.port == 0) return failure(EINVAL, "cannot bind " + local.to_string() + " on every lcore: name a port");
  const std::uint32_t id = q.new_id();
  for (std::uint16_t lcore = 0; lcore < q.ports.size(); ++lcore) {
    Result<void> bound = q.on_lcore(lcore, [&q, lcore, id, &local] { return q.ports[lcore]->bind_udp(id, local); });
    if (!bound) return tl::unexpected(bound.error());
  }
  q.udp_ids.insert(id);
  q.slots[name(0, id)];
  return name(0, id);
}

std::int64_t ThreadQueue::read(Socket socket, std::span<std::uint8_t> into) {
  const auto at = impl_->slots.find(socket);
  if (at == impl_->slots.end()) return -EBADF;
  Impl::Slot& slot = at->second;
  std::size_t copied = 0;
  while (copied < into.size() && !slot.received.empty()) {
    pkt::Packet packet = slot.received.pop_front();
    const std::size_t n = packet.copy_out(0, into.subspan(copied));
    copied += n;
    if (n < packet.length()) {
      packet.trim_front(static_cast<std::uint32_t>(n));
      slot.received.push_front(std::move(packet));
    } else {
      slot.unread.pop_front();
      pkt::consume(std::move(packet));
    }
  }
  impl_->give_back(socket, slot, lcore_of(socket), copied);
  if (copied == 0 && !into.empty()) return slot.ended ? 0 : -EAGAIN;
  return static_cast<std::int64_t>(copied);
}

// Tells the lcore how much was read: in batches, but at once when there is nothing left to read.
void ThreadQueue::Impl::give_back(Socket socket, Slot& slot, std::uint16_t lcore, std::size_t bytes) {
  std::uint32_t& owed = slot.owed[lcore];
  owed += static_cast<std::uint32_t>(bytes);
  if (owed == 0 || (owed < credit_batch && !slot.received.empty())) return;
  if (give(lcore, {.kind = Kind::credit, .socket = id_of(socket), .value = owed})) owed = 0;
}

std::int64_t ThreadQueue::write(Socket socket, std::span<const std::uint8_t> bytes) {
  const auto at = impl_->slots.find(socket);
  if (at == impl_->slots.end()) return -EBADF;
  Impl::Slot& slot = at->second;
  std::size_t written = 0;
  while (written < bytes.size() && slot.under_way < thread_window_bytes) {
    const std::size_t n = impl_->send_copy(slot, lcore_of(socket), {.kind = Kind::data, .socket = id_of(socket)}, bytes.subspan(written));
    if (n == 0) break;
    written += n;
  }
  if (written < bytes.size()) slot.wants_room = true;
  return written == 0 && !bytes.empty() ? -EAGAIN : static_cast<std::int64_t>(written);
}

// Copies as much as one buffer holds and sends it with `message`; 0 when there is no buffer or no room in the ring.
std::size_t ThreadQueue::Impl::send_copy(Slot& slot, std::uint16_t lcore, ThreadMessage message, std::span<const std::uint8_t> bytes) {
  pkt::Packet packet = pool->allocate();
  if (!packet) return 0;
  const std::size_t n = std::min<std::size_t>(bytes.size(), packet.tailroom());
  std::copy_n(bytes.begin(), n, packet.append(static_cast<std::uint16_t>(n)));
  message.packet = packet.release();
  if (!give(lcore, message)) {
    pkt::consume(pkt::Packet::adopt(message.packet));
    return 0;
  }
  slot.under_way += static_cast<std::uint32_t>(n);
  return n;
}

std::int64_t ThreadQueue::receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from) {
  const auto at = impl_->slots.find(socket);
  if (at == impl_->slots.end()) return -EBADF;
  Impl::Slot& slot = at->second;
  if (slot.received.empty()) return -EAGAIN;
  pkt::Packet packet = slot.received.pop_front();
  const auto [sender, lcore] = slot.unread.front();
  slot.unread.pop_front();
  from = sender;
  const std::uint32_t length = packet.length();
  packet.copy_out(0, into);
  pkt::consume(std::move(packet));
  impl_->give_back(socket, slot, lcore, length);
  return length;
}

std::int64_t ThreadQueue::send_to(Socket socket, std::span<const std::uint8_t> bytes, const Endpoint& to) {
  const auto at = impl_->slots.find(socket);
  if (at == impl_->slots.end()) return -EBADF;
  if (bytes.size() > max_datagram) return -EMSGSIZE;
  Impl::Slot& slot = at->second;
  const ThreadMessage message{.kind = Kind::datagram, .socket = id_of(socket), .endpoint = to};
  if (slot.under_way >= thread_window_bytes || (impl_->send_copy(slot, lcore_of(socket), message, bytes) == 0 && !bytes.empty())) {
    slot.wants_room = true;
    return -EAGAIN;
  }
  return static_cast<std::int64_t>(bytes.size());
}

int ThreadQueue::shutdown_write(Socket socket) {
  if (!impl_->slots.contains(socket)) return -EBADF;
  return impl_->give(lcore_of(socket), {.kind = Kind::shutdown_write, .socket = id_of(socket)}) ? 0 : -EAGAIN;
}

int ThreadQueue::close(Socket socket) {
  Impl& q = *impl_;
  const auto at = q.slots.find(socket);
  if (at == q.slots.end()) return -EBADF;
  while (pkt::Packet unread = at->second.received.pop_front()) pkt::consume(std::move(unread));
  q.slots.erase(at);
  const bool everywhere = q.udp_ids.erase(id_of(socket)) != 0;
  for (std::uint16_t lcore = 0; lcore < q.ports.size(); ++lcore) {
    if (!everywhere && lcore != lcore_of(socket)) continue;
    // Through the inbox when the ring is full: a close is never lost.
    if (!q.give(lcore, {.kind = Kind::close, .socket = id_of(socket)})) q.close_later(lcore, id_of(socket));
  }
  return 0;
}

}  // namespace millrace
