// SPDX-License-Identifier: BSD-3-Clause
// Stream: the application's face of tcp::Connection. Called by applications, and by TCP through tcp::Events.
#include <millrace/stack/socket/stream_events.hpp>

#include <millrace/pkt/packet.hpp>
#include <millrace/stack/socket/sockets.hpp>

#include <cerrno>
#include <tuple>
#include <utility>

namespace millrace::socket {

Stream::Stream(Sockets& sockets) : sockets_(sockets), events_(std::make_unique<Events>(*this)) {}

Stream::~Stream() = default;

void Stream::on_readable(Function function) {
  on_readable_.set(std::move(function));
  // Not from inside, or a callback that sets itself again without reading would keep the lcore for ever.
  const bool waiting = connection_ != nullptr && (connection_->readable() > 0 || connection_->at_end());
  if (on_readable_ && waiting && !events_->in_readable) connection_->set_events(events_.get());
}

std::int64_t Stream::read(std::span<std::uint8_t> into) {
  return connection_ != nullptr ? connection_->read(into) : -EBADF;
}

std::int64_t Stream::write(std::span<const std::uint8_t> bytes) {
  return connection_ != nullptr ? connection_->write(bytes) : -EBADF;
}

pkt::Packet Stream::read_packet() { return connection_ != nullptr ? connection_->read_packet() : pkt::Packet{}; }

std::size_t Stream::readable() const { return connection_ != nullptr ? connection_->readable() : 0; }

std::size_t Stream::writable() const { return connection_ != nullptr ? connection_->writable() : 0; }

bool Stream::at_end() const { return connection_ == nullptr || connection_->at_end(); }

void Stream::shutdown_write() {
  if (connection_ != nullptr) connection_->shutdown_write();
}

void Stream::close() {
  if (connection_ == nullptr) return;
  connection_->close();
  let_go();
}

void Stream::abort() {
  if (connection_ == nullptr) return;
  connection_->abort();
  let_go();
}

void Stream::set_no_delay(bool on) {
  if (connection_ != nullptr) connection_->no_delay(on);
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
