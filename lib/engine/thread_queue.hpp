// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/base/time.hpp>
#include <millrace/stack/socket/option.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>

namespace millrace {

/// Sockets for one thread outside the lcores: rings to and from every lcore, and one eventfd that fits the thread's own
/// epoll. Made by Engine::attach_thread; every call by that one thread. Calls give POSIX's results and never
/// block, but for those that are told how long they may.
///
/// Take events until next_event() has none, then wait for fd() to become readable: it is written only after that, once
/// there is something. The queue ends before its engine does, and, as listen() and bind_udp(), not while another thread
/// starts or stops it.
class ThreadQueue {
 public:
  /// Names a socket of this queue.
  using Socket = std::uint64_t;
  enum class What : std::uint8_t {
    accepted,   ///< a listener of this queue has a new connection: `socket`
    connected,  ///< an active open succeeded
    readable,   ///< something came: bytes, a datagram, or the end of the stream. Again only when more has come
    writable,   ///< after a short write or -EAGAIN: write() or send_to() may take bytes again
    closed,  ///< the connection has ended, or connect() failed: `error`. What came before can be read; close() is due
  };
  struct Event {
    What what;
    Socket socket;
    int error = 0;
  };

  /// Closes every socket. What the send buffers have not taken by then is lost, and the peer gets a reset: to be sure,
  /// shutdown_write() and wait for `closed`.
  ~ThreadQueue();
  ThreadQueue(const ThreadQueue&) = delete;
  ThreadQueue& operator=(const ThreadQueue&) = delete;

  [[nodiscard]] int fd() const;
  [[nodiscard]] std::optional<Event> next_event();
  /// For threads without an epoll of their own, after next_event() has said that there is none: waits until there is one,
  /// or for `timeout`; below 0: without limit.
  void wait(Duration timeout);

  /// Accepts connections to `local` on every lcore, or on none, and brings them here. Waits for the lcores; EADDRINUSE,
  /// EADDRNOTAVAIL, EINVAL (no port is named)...
  [[nodiscard]] Result<void> listen(const Endpoint& local, int backlog = 4096);
  /// Begins an active open; `connected` or `closed` follows. ENOBUFS: the rings are full.
  [[nodiscard]] Result<Socket> connect(const Endpoint& remote);
  /// A UDP socket on every lcore, or on none. Waits for the lcores. `local` must name a port.
  [[nodiscard]] Result<Socket> bind_udp(const Endpoint& local);

  /// A count; 0: the peer has closed its side; -EAGAIN; the error of `closed`; -EBADF: no such socket; -EOPNOTSUPP: of
  /// the other kind, here as below.
  std::int64_t read(Socket socket, std::span<std::uint8_t> into);
  /// The same, with what the socket's options want to be told beside the bytes: of the last packet that they came in.
  std::int64_t read(Socket socket, std::span<std::uint8_t> into, socket::Control& control);
  /// A count, perhaps fewer than given; -EAGAIN; -EPIPE: this side is closed; the error of `closed`; -EBADF.
  std::int64_t write(Socket socket, std::span<const std::uint8_t> bytes);
  /// One datagram: its whole length; -EAGAIN; -EBADF.
  std::int64_t receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from);
  std::int64_t receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from, socket::Control& control);
  /// The same with recvmsg(2)'s flags, and a wait for a datagram: for `timeout` (SO_RCVTIMEO; below 0: without limit; 0: not
  /// at all), not with MSG_DONTWAIT. -EAGAIN: none has come by then. MSG_PEEK leaves the datagram where it is; MSG_TRUNC is how
  /// these calls are anyway: they tell the whole length of a datagram that was cut. -EINVAL: other flags.
  std::int64_t receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from, socket::Control& control, int flags,
                            Duration timeout = Duration{0});
  /// One datagram of at most max_datagram bytes; -EMSGSIZE; -EAGAIN; -EBADF. What the lcore cannot send is counted
  /// there.
  std::int64_t send_to(Socket socket, std::span<const std::uint8_t> bytes, const Endpoint& to);
  /// setsockopt(2) and getsockopt(2): 0 or -ENOPROTOOPT, -EOPNOTSUPP, -EINVAL, -EPERM, -EBADF (doc/sockets.md).
  int set_option(Socket socket, socket::Option option, std::int64_t value);
  int get_option(Socket socket, socket::Option option, std::int64_t& value) const;
  /// Ends this side after what was written. 0, -EBADF.
  int shutdown_write(Socket socket);
  /// Lets go of the socket; what was written is still sent. When something received is unread, the connection is reset
  /// instead, as by Linux. 0, -EBADF.
  int close(Socket socket);

  static constexpr std::size_t max_datagram = 2048;

  /// How wait() of this queue and its sets moves the world on when the engine's clock is manual: `step(until)` does what
  /// is due at this moment, or else moves the clock to the next deadline, at most to `until`; false when there was
  /// nothing to do and the clock stands at `until`, or when nothing can ever happen. At first it steps this engine;
  /// a simulation of several gives its own.
  void set_step(std::function<bool(Instant until)> step);

  struct Impl;
  /// Made by Engine only.
  explicit ThreadQueue(std::unique_ptr<Impl> impl);

 private:
  friend class WaitSet;
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
