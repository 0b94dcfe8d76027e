// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/list.hpp>
#include <millrace/engine/wait_set.hpp>

#include <map>

namespace millrace {

/// A set as its queue sees it: struct eventpoll of fs/eventpoll.c.
struct WaitSet::Impl {
  /// struct epitem.
  struct Entry {
    Entry(Impl& owner, Socket named, std::uint32_t wanted) : set(owner), socket(named), interest(wanted) {}
    Impl& set;
    Socket socket;
    std::uint32_t interest;  ///< only EPOLLET and EPOLLONESHOT are left once a one-shot entry was reported
    ListHook ready;
  };

  Impl(ThreadQueue::Impl& q, std::size_t most) : queue(&q), capacity(most) {}

  /// Something of `key` has happened, or, when that is 0, anything may have: ep_poll_callback().
  static void wake(Entry& entry, std::uint32_t key) {
    if ((key == 0 || (key & entry.interest) != 0) && !entry.ready.is_linked()) entry.set.ready.push_back(entry);
  }
  /// The events that are the case now, of those wanted: ep_item_poll().
  [[nodiscard]] std::uint32_t state(const Entry& entry) const;
  std::size_t harvest(std::span<Event> into);
  std::size_t wait_for(std::span<Event> into, Duration timeout);
  /// Where the queue keeps the entry of a socket; null when there is no such socket.
  [[nodiscard]] Entry** place(Socket socket) const;
  /// The socket is closed, or leaves.
  void forget(Socket socket) { entries.erase(socket); }

  ThreadQueue::Impl* queue;  ///< null once the queue is gone
  const std::size_t capacity;
  std::map<Socket, Entry> entries;
  List<Entry, &Entry::ready> ready;
};

}  // namespace millrace
