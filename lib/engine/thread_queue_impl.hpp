// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/engine/thread_port.hpp>
#include <millrace/engine/thread_queue.hpp>
#include <millrace/engine/thread_tunables.hpp>
#include <millrace/engine/wait_set_impl.hpp>
#include <millrace/stack/socket/busy_poll.hpp>
#include <millrace/pkt/pool.hpp>
#include <millrace/runtime/eal.hpp>
#include <millrace/runtime/lcore.hpp>

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <vector>

namespace millrace {

// What a socket's name says.
inline std::uint16_t lcore_of(ThreadQueue::Socket socket) { return static_cast<std::uint16_t>(socket >> 32); }
inline std::uint32_t id_of(ThreadQueue::Socket socket) { return static_cast<std::uint32_t>(socket); }

/// What a thread keeps of its queue.
struct ThreadQueue::Impl {
  struct Sender {
    Endpoint from;
    std::uint16_t lcore;
  };
  struct Slot {
    bool is_udp = false;
    bool connected = false;                       ///< a stream beyond its opening
    WaitSet::Impl::Entry* watch = nullptr;        ///< its place in a set: who hears its news instead of next_event()
    socket::TimestampOption timestamp;
    socket::InfoOption info;
    socket::BusyPoll busy_poll;
    std::map<socket::Option, std::int64_t> set;  ///< what set_option() was given and the lcores keep
    int incoming_cpu = -1;
    std::uint32_t napi_id = 0;
    pkt::PacketList received;
    std::deque<Sender> senders;                   ///< UDP: one for each packet of `received`
    std::map<std::uint16_t, std::uint32_t> owed;  ///< by lcore: bytes read whose window is still to be given back
    std::uint32_t under_way = 0;                  ///< bytes written and not yet in the socket
    int error = 0;                                ///< of `closed`
    std::uint32_t window = thread_window_bytes;   ///< which under_way stays below: SO_SNDBUF where that is less
    bool wants_room = false;                      ///< a write was cut short
    bool readable_due = false;                    ///< `readable` stands in events
    bool shut = false;                            ///< by shutdown_write()
    bool ended = false;                           ///< nothing more will be received
    bool closed = false;

    [[nodiscard]] socket::SocketKind kind() const {
      return is_udp ? socket::SocketKind::udp : socket::SocketKind::stream;
    }
    /// A receive call has something to say other than -EAGAIN.
    [[nodiscard]] bool is_answered() const { return !received.empty() || ended || closed; }
    void received_by(std::uint16_t lcore, std::uint32_t id) {
      incoming_cpu = id != 0 ? lcore : incoming_cpu;
      napi_id = id != 0 ? id : napi_id;
    }
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
  void give_back(Socket socket, Slot& slot, std::uint16_t lcore, std::size_t bytes);
  std::int64_t send_copy(Socket socket, Slot& slot, ThreadMessage message, std::span<const std::uint8_t> bytes);
  Slot& open(Socket socket, bool is_udp = false);
  int set_buffer(Slot& slot, socket::Option option, std::int64_t value) const;
  void close(Socket socket, Slot& slot);
  [[nodiscard]] Slot* find(Socket socket);
  // thread_wait.cpp
  [[nodiscard]] std::uint32_t events_of(Socket socket) const;
  void post(const Event& event);
  void tell(const Event& event, Slot& slot, std::uint32_t key);
  void withdraw(Socket socket, Slot& slot);
  void tell_again(Socket socket);
  [[nodiscard]] bool has_event();
  [[nodiscard]] bool has_ready() const;
  void arm();
  void disarm();
  void signal();
  void rest();
  void settle_fd();
  void export_fd();
  [[nodiscard]] Instant deadline(Duration timeout) const;
  void wait_until(Instant until, const std::function<bool()>& ready);
  void busy_loop(Slot& slot);
  void wait_for_packets(const Slot& slot, Duration timeout);

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
  std::vector<WaitSet::Impl*> sets;
  WaitSet::Impl::Entry* watch = nullptr;    ///< WaitSet::queue_events
  runtime::Clock* clock = nullptr;
  const ThreadTunables* tunables = nullptr;  ///< the engine's
  std::function<bool(Instant)> step;        ///< set when the clock is manual: ThreadQueue::set_step
  bool armed = false;                       ///< the lcores will write the eventfd
  bool signalled = false;                   ///< the eventfd is readable, as far as is known here
  bool fd_given = false;                    ///< the application has it
  bool exported = false;                    ///< it stands in an epoll of the application's for a WaitSet
};

}  // namespace millrace
