// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/thread_port.hpp>
#include <millrace/engine/thread_queue.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/runtime/eal.hpp>
#include <millrace/runtime/lcore.hpp>

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace millrace {

/// What a thread keeps of its queue.
struct ThreadQueue::Impl {
  struct Sender {
    Endpoint from;
    std::uint16_t lcore;
  };
  struct Slot {
    bool is_udp = false;
    pkt::PacketList received;
    std::deque<Sender> senders;                   ///< UDP: one for each packet of `received`
    std::map<std::uint16_t, std::uint32_t> owed;  ///< by lcore: bytes read whose window is still to be given back
    std::uint32_t under_way = 0;                  ///< bytes written and not yet in the socket
    int error = 0;                                ///< of `closed`
    bool wants_room = false;                      ///< a write was cut short
    bool readable_due = false;                    ///< `readable` stands in events
    bool shut = false;                            ///< by shutdown_write()
    bool ended = false;                           ///< nothing more will be received
    bool closed = false;
  };
  /// The way to one lcore.
  struct Lane {
    runtime::Lcore* lcore;
    std::shared_ptr<ThreadPort> port;
    std::deque<ThreadMessage> waiting;  ///< credits and closes that found the ring full: none is lost
    bool room_wanted = false;           ///< the lcore is asked to say when there is room
  };

  ~Impl();
  void collect();
  void take(std::uint16_t lcore, const ThreadMessage& message);
  void room_again();
  bool give(std::uint16_t lcore, const ThreadMessage& message);
  void give_waiting(Lane& lane);
  void tell_readable(Socket socket, Slot& slot);
  void give_back(Socket socket, Slot& slot, std::uint16_t lcore, std::size_t bytes);
  std::int64_t send_copy(Socket socket, Slot& slot, ThreadMessage message, std::span<const std::uint8_t> bytes);
  void close(Socket socket, Slot& slot);
  [[nodiscard]] Slot* find(Socket socket);
  std::uint32_t new_id() { return next_id++ % ThreadPort::first_accepted; }

  // attach.cpp: what needs the engine
  Result<void> on_lcore(std::uint16_t lcore, const std::function<Result<void>()>& f);
  Result<void> on_each_lcore(const std::function<Result<void>(ThreadPort&)>& f,
                             const std::function<void(ThreadPort&)>& undo);
  void want_room(Lane& lane);

  std::unique_ptr<runtime::ThreadRegistration> registration;
  std::unique_ptr<pkt::Pool> pool;
  runtime::Waker waker;
  std::function<bool()> is_running;
  std::vector<Lane> lanes;  ///< by lcore
  std::map<Socket, Slot> slots;
  std::set<std::uint32_t> udp_ids;  ///< sockets that stand on every lcore
  std::set<Socket> starved;         ///< whose writes found no buffer, or no room in the ring
  std::deque<Event> events;
  std::uint32_t next_id = 0;
  bool announced = false;
};

}  // namespace millrace
