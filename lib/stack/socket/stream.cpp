// SPDX-License-Identifier: BSD-3-Clause
// Stream: the application's face of tcp::Connection. Called by applications, and by TCP through tcp::Events.
#include <millrace/stack/socket/stream_events.hpp>

#include <millrace/pkt/packet.hpp>
#include <millrace/env/env.hpp>
#include <millrace/stack/socket/sockets.hpp>

#include <cerrno>
#include <tuple>
#include <utility>

namespace millrace::socket {

Stream::Stream(Sockets& sockets) : sockets_(sockets), events_(std::make_unique<Events>(*this)) {
  busy_poll_.us = sockets.busy_read_us_;
}

Stream::~Stream() = default;

void Stream::on_readable(Function function) {
  on_readable_.set(std::move(function));
  // Not from inside, or a callback that sets itself again without reading would keep the lcore for ever.
  const bool waiting = connection_ != nullptr && (connection_->readable() > 0 || connection_->at_end());
  if (on_readable_ && waiting && !events_->in_readable) connection_->set_events(events_.get());
}

std::int64_t Stream::read(std::span<std::uint8_t> into) {
  busy_loop();
  return connection_ != nullptr ? sockets_.count_copied(connection_->read(into), into.size()) : -EBADF;
}

std::int64_t Stream::read(std::span<std::uint8_t> into, Control& control) {
  control = {};
  busy_loop();
  if (connection_ == nullptr) return -EBADF;
  pkt::RxTimes received;
  const std::int64_t n = sockets_.count_copied(connection_->read(into, &received), into.size());
  if (n > 0) timestamp_.tell(received, control);
  return n;
}

std::int64_t Stream::write(std::span<const std::uint8_t> bytes) {
  const Sockets::Call call(sockets_);
  trace(sockets_.env_, TracePoint::tcp_sendmsg);
  return connection_ != nullptr ? connection_->write(bytes) : -EBADF;
}

pkt::Packet Stream::read_packet() {
  pkt::Packet payload = take_packet();
  if (payload) sockets_.count_uncopied(1, payload.length());
  return payload;
}

pkt::Packet Stream::take_packet() { return connection_ != nullptr ? connection_->read_packet() : pkt::Packet{}; }

std::size_t Stream::readable() const { return connection_ != nullptr ? connection_->readable() : 0; }

std::size_t Stream::writable() const { return connection_ != nullptr ? connection_->writable() : 0; }

bool Stream::at_end() const { return connection_ == nullptr || connection_->at_end(); }

void Stream::shutdown_write() {
  const Sockets::Call call(sockets_);
  if (connection_ != nullptr) connection_->shutdown_write();
}

void Stream::close() {
  if (connection_ == nullptr) return;
  const Sockets::Call call(sockets_);
  connection_->close();
  let_go();
}

void Stream::abort() {
  if (connection_ == nullptr) return;
  const Sockets::Call call(sockets_);
  connection_->abort();
  let_go();
}

void Stream::set_no_delay(bool on) {
  if (connection_ != nullptr) connection_->no_delay(on);
}

int Stream::set_option(Option option, std::int64_t value) {
  if (connection_ == nullptr) return -EBADF;
  if (const int refused = check_set(option, SocketKind::stream, value); refused != 0) return refused;
  switch (option) {
    case Option::no_delay: connection_->no_delay(value != 0); return 0;
    case Option::timestamp:
    case Option::timestampns:
    case Option::timestamping: timestamp_.set(option, value); return 0;
    case Option::rcvbuf:
    case Option::rcvbufforce:
    case Option::sndbuf:
    case Option::sndbufforce: return set_buffer(option, value);
    case Option::busy_poll: busy_poll_.us = static_cast<std::uint32_t>(value); return 0;
    case Option::busy_poll_budget: busy_poll_.budget = static_cast<std::uint16_t>(value); return 0;
    default: return -ENOPROTOOPT;
  }
}

int Stream::set_buffer(Option option, std::int64_t value) {
  const std::int64_t bytes = buffer_bytes(option, value, sockets_.buffer_limits_);
  if (bytes < 0) return static_cast<int>(bytes);
  const auto size = static_cast<std::uint32_t>(bytes);
  if (option == Option::rcvbuf || option == Option::rcvbufforce) {
    connection_->set_rcvbuf(size);
  } else {
    connection_->set_sndbuf(size);
  }
  return 0;
}

int Stream::get_option(Option option, std::int64_t& value) const {
  if (connection_ == nullptr) return -EBADF;
  if (const int refused = check_get(option, SocketKind::stream); refused != 0) return refused;
  switch (option) {
    case Option::no_delay: value = connection_->is_no_delay(); return 0;
    case Option::rcvbuf: value = connection_->rcvbuf(); return 0;
    case Option::sndbuf: value = connection_->sndbuf(); return 0;
    case Option::incoming_cpu: value = connection_->incoming_napi_id() != 0 ? sockets_.lcore() : -1; return 0;
    case Option::incoming_napi_id: value = connection_->incoming_napi_id(); return 0;
    case Option::timestamp:
    case Option::timestampns:
    case Option::timestamping: value = timestamp_.get(option); return 0;
    case Option::busy_poll: value = busy_poll_.us; return 0;
    case Option::busy_poll_budget: value = busy_poll_.budget; return 0;
    default: return -ENOPROTOOPT;
  }
}

// sk_busy_loop(): nothing is there, so the call looks for it itself. A callback may end the stream meanwhile.
void Stream::busy_loop() {
  if (busy_poll_.us == 0 || is_answered()) return;
  const auto done = [](void* self) { return static_cast<Stream*>(self)->is_answered(); };
  sockets_.busy_poll(connection_->incoming_napi_id(), busy_poll_, done, this);
}

// read() has an answer other than -EAGAIN.
bool Stream::is_answered() const {
  return connection_ == nullptr || connection_->readable() > 0 || at_end() ||
         connection_->connection_state() == tcp::State::closed;
}

// sk_data_ready(): wakes only who listens.
void Stream::tell_readable() {
  sockets_.count_data_ready(static_cast<bool>(on_readable_));
  on_readable_(*this);
}

Result<void> Stream::attach_filter(std::span<const bpf::Instruction> program) {
  if (connection_ == nullptr) return failure(EBADF, "the connection is closed");
  auto filter = bpf::Filter::load(program);
  if (!filter) return tl::unexpected(filter.error());
  connection_->set_filter(*filter);
  return {};
}

int Stream::detach_filter() {
  if (connection_ == nullptr) return -EBADF;
  if (!connection_->has_filter()) return -ENOENT;
  connection_->set_filter(nullptr);
  return 0;
}

Endpoint Stream::local() const { return connection_ != nullptr ? connection_->local() : Endpoint{}; }

Endpoint Stream::remote() const { return connection_ != nullptr ? connection_->remote() : Endpoint{}; }

// The handle is gone from TCP; the object itself goes at the end of the burst, since a callback of it may be running.
void Stream::let_go() {
  connection_ = nullptr;
  sockets_.bury(*this);
}

void Stream::forget() {
  // Each is moved out first: what it holds may come back here when it goes.
  const auto callbacks =
      std::make_tuple(on_readable_.release(), on_writable_.release(), on_connected_.release(), on_closed_.release());
  const auto context = std::exchange(context_, {});
}

}  // namespace millrace::socket
