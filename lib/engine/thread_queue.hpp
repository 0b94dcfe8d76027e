// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/base/time.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace millrace {

/// Sockets for one thread outside the lcores: rings to and from every lcore, and one eventfd that fits the thread's own
/// epoll. Made by Engine::attach_thread; every call by that one thread. Calls never block and give POSIX's results.
///
/// Take events until next_event() has none, then wait for fd() to become readable: it is written only when the thread
/// has seen its rings empty, and never for an event already taken.
class ThreadQueue {
 public:
  /// Names a socket of this queue.
  using Socket = std::uint64_t;
  enum class What : std::uint8_t {
    accepted,   ///< a listener of this queue has a new connection: `socket`
    connected,  ///< an active open succeeded
    readable,   ///< something can be read: bytes, a datagram, or the end of the stream
    writable,   ///< after -EAGAIN: write() takes bytes again
    closed,     ///< the connection has ended, or a call could not be carried out: `error`. What came before can be read
  };
  struct Event {
    What what;
    Socket socket;
    int error = 0;
  };

  ~ThreadQueue();
  ThreadQueue(const ThreadQueue&) = delete;
  ThreadQueue& operator=(const ThreadQueue&) = delete;

  [[nodiscard]] int fd() const;
  [[nodiscard]] std::optional<Event> next_event();
  /// For threads without an epoll of their own: waits until there may be an event, or for `timeout`.
  void wait(Duration timeout);

  /// Accepts connections to `local` on every lcore and brings them here. Waits for the lcores; EADDRINUSE...
  [[nodiscard]] Result<void> listen(const Endpoint& local, int backlog = 4096);
  /// Begins an active open; `connected` or `closed` follows. ENOBUFS: the rings are full.
  [[nodiscard]] Result<Socket> connect(const Endpoint& remote);
  /// A UDP socket on every lcore. Waits for the lcores. `local` must name a port.
  [[nodiscard]] Result<Socket> bind_udp(const Endpoint& local);

  /// A count; 0: the peer has closed its side; -EAGAIN; -EBADF: no such socket.
  std::int64_t read(Socket socket, std::span<std::uint8_t> into);
  /// A count, perhaps fewer than given; -EAGAIN; -EBADF.
  std::int64_t write(Socket socket, std::span<const std::uint8_t> bytes);
  /// One datagram: its whole length; -EAGAIN; -EBADF.
  std::int64_t receive_from(Socket socket, std::span<std::uint8_t> into, Endpoint& from);
  /// One datagram of at most max_datagram bytes; -EMSGSIZE; -EAGAIN; -EBADF. What the lcore cannot send is counted there.
  std::int64_t send_to(Socket socket, std::span<const std::uint8_t> bytes, const Endpoint& to);
  /// Ends this side after what was written. 0, -EAGAIN, -EBADF.
  int shutdown_write(Socket socket);
  /// Lets go of the socket; what was written is still sent. 0, -EBADF.
  int close(Socket socket);

  static constexpr std::size_t max_datagram = 2048;

  struct Impl;
  /// Made by Engine only.
  explicit ThreadQueue(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
