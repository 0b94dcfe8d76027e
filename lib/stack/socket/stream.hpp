// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/bpf/filter.hpp>
#include <millrace/stack/socket/busy_poll.hpp>
#include <millrace/stack/socket/callback.hpp>
#include <millrace/stack/socket/option.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace millrace::pkt {
class Packet;
}
namespace millrace::tcp {
class Connection;
}

namespace millrace::socket {

class Sockets;

/// One TCP connection, on the lcore that owns it; every call and every callback happens there and nowhere else.
/// Results are POSIX's: a count, or a negative errno. A callback may call anything, close() included. The object lives
/// until close() or abort(), or until on_closed has returned.
class Stream {
 public:
  using Function = std::function<void(Stream&)>;
  using Closed = std::function<void(Stream&, int error)>;

  /// Called when there is something to read, or the end of the stream. Edge: again only after more has come. A callback
  /// that is set while something waits to be read is told of it, unless it is set from inside the one it replaces.
  void on_readable(Function function);
  /// Called when write() can take more, after it took less than it was given or writable() said 0.
  void on_writable(Function function) { on_writable_.set(std::move(function)); }
  /// Called once, when the connection has ended: error 0 after an orderly close by both sides, else an errno
  /// (ECONNRESET, ETIMEDOUT, ECONNREFUSED...). What was received and not yet read can be read in this callback, not
  /// after.
  void on_closed(Closed function) { on_closed_.set(std::move(function)); }
  /// Called once an active open has succeeded.
  void on_connected(Function function) { on_connected_.set(std::move(function)); }

  /// Copies out what has arrived, in order. 0: the peer has closed its side; -EAGAIN: nothing now.
  std::int64_t read(std::span<std::uint8_t> into);
  /// The same, with what the socket's options want to be told beside the bytes: of the last packet that they came in.
  std::int64_t read(std::span<std::uint8_t> into, Control& control);
  /// The next bytes without a copy, in the buffers that they came in: what one packet brought, or null when nothing has
  /// come. The caller ends it with pkt::consume.
  [[nodiscard]] pkt::Packet read_packet();
  /// The same, its end not counted yet (lib/stats/ledger.hpp): the caller does.
  [[nodiscard]] pkt::Packet take_packet();
  /// Queues bytes for sending and returns how many were taken; -EAGAIN: the send buffer is full; -EPIPE: this side
  /// is closed.
  std::int64_t write(std::span<const std::uint8_t> bytes);
  [[nodiscard]] std::size_t readable() const;
  [[nodiscard]] std::size_t writable() const;
  /// The peer has closed its side and everything before was read.
  [[nodiscard]] bool at_end() const;

  /// Ends this side after what is queued (FIN); reading goes on.
  void shutdown_write();
  /// Lets go of the connection, which ends in the background in good order (or by RST when data is unread, as Linux).
  void close();
  /// Ends the connection at once, by RST.
  void abort();
  /// TCP_NODELAY.
  void set_no_delay(bool on);
  /// setsockopt(2) and getsockopt(2): 0 or -ENOPROTOOPT, -EOPNOTSUPP, -EINVAL, -EPERM, -EBADF (doc/sockets.md).
  int set_option(Option option, std::int64_t value);
  int get_option(Option option, std::int64_t& value) const;

  /// SO_ATTACH_FILTER: as UdpSocket::attach_filter(), from the TCP header on. What it cuts off a segment, or drops, was not
  /// received: the peer sends it again.
  [[nodiscard]] Result<void> attach_filter(std::span<const bpf::Instruction> program);
  /// SO_DETACH_FILTER: 0, -ENOENT, -EBADF.
  int detach_filter();

  [[nodiscard]] Endpoint local() const;
  [[nodiscard]] Endpoint remote() const;
  /// The sockets of this stream's lcore and stack.
  [[nodiscard]] Sockets& sockets() const { return sockets_; }

  /// The application's own state for this stream; dies with it.
  void set_context(std::shared_ptr<void> context) { context_ = std::move(context); }
  template <class T>
  [[nodiscard]] T& context() const {
    return *static_cast<T*>(context_.get());
  }

  /// Made by Sockets only.
  explicit Stream(Sockets& sockets);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

 private:
  friend class Sockets;
  class Events;
  void tell_readable();
  void busy_loop();
  int set_buffer(Option option, std::int64_t value);
  [[nodiscard]] bool is_answered() const;
  void let_go();
  void forget();

  Sockets& sockets_;
  tcp::Connection* connection_ = nullptr;
  std::unique_ptr<Events> events_;
  Callback<Stream&> on_readable_, on_writable_, on_connected_;
  Callback<Stream&, int> on_closed_;
  TimestampOption timestamp_;
  BusyPoll busy_poll_;
  std::shared_ptr<void> context_;
  std::size_t index_ = 0;  ///< place in Sockets' table
};

}  // namespace millrace::socket
