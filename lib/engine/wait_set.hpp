// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/thread_queue.hpp>

#include <cstdint>
#include <memory>
#include <span>

namespace millrace {

/// The twin of epoll(7) for the sockets of a ThreadQueue (receive_path L3): a set of sockets, each with the events that
/// its user wants to hear of, in the bits of <sys/epoll.h>. Of the queue's thread, as the queue; ends before the queue
/// does, or keeps an empty shell that says -EBADF. A socket of a set has its news from there and no longer from
/// ThreadQueue::next_event(), which goes on to tell of new connections; leaving the set turns that back.
///
/// Events: EPOLLIN and EPOLLRDNORM, bytes, a datagram or the end of the stream; EPOLLOUT and EPOLLWRNORM (EPOLLWRBAND too of
/// UDP), there is room; EPOLLRDHUP, the peer has closed its side; EPOLLHUP, both sides are closed; EPOLLERR, the connection
/// failed. The last two come unasked. EPOLLPRI never comes: there is no urgent data. A connect() that is under way has
/// no event. Level-triggered, or EPOLLET, or EPOLLONESHOT.
class WaitSet {
 public:
  using Socket = ThreadQueue::Socket;
  struct Event {
    Socket socket;
    std::uint32_t events;
  };
  /// Stands for the queue itself: EPOLLIN while next_event() has something.
  static constexpr Socket queue_events = ~Socket{0};

  /// At most `capacity` sockets.
  explicit WaitSet(ThreadQueue& queue, std::size_t capacity = 65536);
  ~WaitSet();
  WaitSet(const WaitSet&) = delete;
  WaitSet& operator=(const WaitSet&) = delete;

  /// 0; -EBADF: no such socket, or the queue is gone, here as below; -EEXIST: it is here; -EBUSY: it is in another set;
  /// -ENOSPC: the set is full; -EINVAL: bits that mean nothing here (EPOLLEXCLUSIVE, EPOLLWAKEUP...).
  int add(Socket socket, std::uint32_t events);
  /// Other events, from what is the case now on; also arms a socket again after EPOLLONESHOT. 0, -ENOENT, -EINVAL.
  int modify(Socket socket, std::uint32_t events);
  /// 0, -ENOENT. A socket that is closed leaves by itself.
  int remove(Socket socket);
  [[nodiscard]] std::size_t size() const;

  /// Waits until a socket has an event, for `timeout` at most; below 0: without limit. Returns how many there are in
  /// `into`; 0: the time is over; -EINVAL: `into` is empty. Those who found no room come first the next time. An
  /// engine with the manual clock is driven from here meanwhile (ThreadQueue::set_step), exactly to the end of the time.
  std::int64_t wait(std::span<Event> into, Duration timeout);

  /// An eventfd for an epoll of the application's: readable when wait() may have something, until it has said 0. The
  /// queue's own: its sets share it.
  [[nodiscard]] int fd();

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace millrace
