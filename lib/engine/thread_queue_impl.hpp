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
  struct Unread {
    Endpoint from;
    std::uint16_t lcore;
  };
  struct Slot {
    pkt::PacketList received;
    std::deque<Unread> unread;                       ///< one for each packet of `received`
    std::map<std::uint16_t, std::uint32_t> owed;     ///< by lcore: bytes read whose window is still to be given back
    std::uint32_t under_way = 0;                     ///< bytes written and not yet in the socket
    bool wants_room = false;
    bool ended = false;
  };

  ~Impl();
  void collect();
  void take(std::uint16_t lcore, const ThreadMessage& message);
  bool give(std::uint16_t lcore, const ThreadMessage& message);
  void give_back(Socket socket, Slot& slot, std::uint16_t lcore, std::size_t bytes);
  std::size_t send_copy(Slot& slot, std::uint16_t lcore, ThreadMessage message, std::span<const std::uint8_t> bytes);
  std::uint32_t new_id() { return next_id++ % ThreadPort::first_accepted; }

  // attach.cpp: what needs the engine
  Result<void> on_lcore(std::uint16_t lcore, const std::function<Result<void>()>& f);
  void detach(std::uint16_t lcore);
  void close_later(std::uint16_t lcore, std::uint32_t id);

  std::unique_ptr<runtime::ThreadRegistration> registration;
  std::unique_ptr<pkt::Pool> pool;
  runtime::Waker waker;
  std::vector<runtime::Lcore*> lcores;
  std::function<bool()> is_running;
  std::vector<std::unique_ptr<ThreadPort>> ports;    ///< by lcore
  std::map<Socket, Slot> slots;
  std::set<std::uint32_t> udp_ids;                   ///< sockets that stand on every lcore
  std::deque<Event> events;
  std::uint32_t next_id = 0;
  bool announced = false;
};

}  // namespace millrace
