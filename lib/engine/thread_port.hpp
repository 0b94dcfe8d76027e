// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/spsc_ring.hpp>
#include <millrace/env/env.hpp>
#include <millrace/runtime/source.hpp>
#include <millrace/runtime/waker.hpp>
#include <millrace/stack/socket/sockets.hpp>

#include <cstdint>
#include <map>
#include <vector>

namespace millrace {

/// What goes between a ThreadQueue and an lcore. A packet in it is owned by whoever holds the message.
struct ThreadMessage {
  enum class Kind : std::uint8_t {
    connect,
    data,
    datagram,
    credit,
    shutdown_write,
    option,
    close,  // to the lcore; data and credit go both ways
    accepted,
    connected,
    end_of_stream,
    closed,  // to the thread
  };
  Kind kind{};
  socket::Option option{};
  std::uint32_t socket = 0;
  /// credit, close: bytes dealt with since the last one; closed: errno; option: its value; accepted, connected: napi id
  std::int64_t value = 0;
  pkt::Mbuf* packet = nullptr;
  Endpoint endpoint = {};  ///< connect, datagram
};

/// Bytes of one socket that may be under way in one direction between lcore and thread.
inline constexpr std::uint32_t thread_window_bytes = 256 * 1024;

/// The lcore's side of one ThreadQueue: holds the sockets that the thread uses here, carries bytes and news between
/// them and the rings. On its lcore only, but for the rings' other ends.
class ThreadPort final : public runtime::Source {
 public:
  static constexpr std::uint32_t ring_size = 1024;
  /// Numbers of sockets that the lcore names; those below are named by the thread.
  static constexpr std::uint32_t first_accepted = 1u << 31;
  /// A credit for this one says: there is room again in the ring or in the thread's pool.
  static constexpr std::uint32_t no_socket = UINT32_MAX;

  ThreadPort(Env& env, socket::Sockets& sockets, runtime::Waker& lcore, runtime::Waker& thread)
      : lcore_waker(lcore), env_(env), sockets_(sockets), thread_waker_(thread) {}
  ~ThreadPort() override;

  bool run() override;
  [[nodiscard]] bool has_work() const override { return !to_lcore.empty(); }
  [[nodiscard]] Result<void> listen(const Endpoint& local, int backlog);
  void stop_listening(const Endpoint& local);
  [[nodiscard]] Result<void> bind_udp(std::uint32_t id, const Endpoint& local);
  void close(std::uint32_t id) { take({.kind = ThreadMessage::Kind::close, .socket = id}); }
  /// The thread found no room: once its messages are taken, it is to be told.
  void announce_room() { room_due_ = true; }
  /// Closes every socket; the thread has gone.
  void close_all();

  SpscRing<ThreadMessage> to_lcore{ring_size};
  SpscRing<ThreadMessage> to_thread{ring_size};
  runtime::Waker& lcore_waker;

 private:
  struct Slot {
    socket::Stream* stream = nullptr;  ///< null once the connection has ended
    socket::UdpSocket* udp = nullptr;
    pkt::PacketList to_read;      ///< what a stream that is gone had received, or the thread's ring refused
    pkt::PacketList to_write;     ///< from the thread, the send buffer was full
    std::uint32_t under_way = 0;  ///< bytes given to the thread and not yet read there
    std::int64_t written = 0;     ///< bytes of the thread's window to give back
    int error = 0;
    bool ended = false;  ///< the peer has closed its side, and everything before is given or in to_read
    bool end_told = false;
    bool closed = false;            ///< the connection has ended: tell after to_read
    bool closing = false;           ///< the thread has closed: end after to_write
    bool shutting_down = false;     ///< FIN after to_write
    bool news = false;              ///< stands in news_
    ThreadMessage::Kind opening{};  ///< accepted or connected, to be told first
    bool opening_due = false;
  };

  std::uint32_t take_messages();
  void take(const ThreadMessage& message);
  void connect(const ThreadMessage& message);
  void close(std::uint32_t id, Slot& slot, std::int64_t bytes_read);
  void attach(std::uint32_t id, Slot& slot, socket::Stream& stream);
  void ended(std::uint32_t id, Slot& slot, int error);
  void write_out(std::uint32_t id, Slot& slot);
  void send_datagram(std::uint32_t id, Slot& slot, const ThreadMessage& message);
  void mark(std::uint32_t id, Slot& slot);
  void tell_news();
  bool tell(std::uint32_t id, Slot& slot);
  bool tell_data(std::uint32_t id, Slot& slot);
  bool tell_datagrams(std::uint32_t id, Slot& slot);
  bool give(const ThreadMessage& message);
  void settle(std::uint32_t id);
  void discard(Slot& slot);

  Env& env_;
  socket::Sockets& sockets_;
  runtime::Waker& thread_waker_;
  std::map<std::uint32_t, Slot> slots_;
  std::vector<std::uint32_t> news_;     ///< sockets with something to tell
  std::vector<std::uint32_t> telling_;  ///< those of this pass
  std::vector<Endpoint> listening_;
  std::uint32_t next_accepted_ = first_accepted;
  bool room_due_ = false;
  bool gave_ = false;
};

}  // namespace millrace
