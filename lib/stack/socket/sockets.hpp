// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/rcu_pointer.hpp>
#include <millrace/base/result.hpp>
#include <millrace/base/time.hpp>
#include <millrace/stack/socket/busy_poll.hpp>
#include <millrace/stack/socket/call_context.hpp>
#include <millrace/stack/socket/raw_socket.hpp>
#include <millrace/stack/socket/stream.hpp>
#include <millrace/stack/socket/udp_socket.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

namespace millrace {
struct Env;
}
namespace millrace::raw {
class Raw;
}
namespace millrace::steer {
class FlowTable;
class SockFlows;
}  // namespace millrace::steer
namespace millrace::pkt {
class Packet;
}
namespace millrace::tcp {
class Listener;
class Tcp;
}  // namespace millrace::tcp
namespace millrace::wire {
class Toeplitz;
}
namespace millrace::timer {
class Timer;
}

namespace millrace::socket {

/// The sockets of one lcore and one stack: what an application may do there. Every call on that lcore only; from
/// elsewhere go through Engine::post() or a ThreadQueue.
class Sockets {
 public:
  using Accept = std::function<void(Stream&)>;

  /// Accepts connections that arrive on this lcore; `on_accept` sets the callbacks of each. An unspecified address
  /// means every own address of its family. What other lcores receive for it comes here unless they listen, too. Fails
  /// with EADDRINUSE, EADDRNOTAVAIL, ENOBUFS (the flow table is full).
  [[nodiscard]] Result<void> listen(const Endpoint& local, int backlog, Accept on_accept);
  /// Ends what listen() began; connections that were accepted stay. Also from inside `on_accept`.
  void stop_listening(const Endpoint& local);
  /// SO_ATTACH_FILTER on what listens there, and on the connections that begin there from now on: as Stream::attach_filter(). ENOENT:
  /// nothing listens there.
  [[nodiscard]] Result<void> attach_filter(const Endpoint& listening, std::span<const bpf::Instruction> program);
  /// SO_DETACH_FILTER: 0 or -ENOENT. Connections keep theirs.
  int detach_filter(const Endpoint& listening);
  /// Begins an active open; the result's on_connected or on_closed tells how it went. Fails with ENETUNREACH (no route),
  /// EHOSTUNREACH, EACCES or EINVAL (a route of type unreachable, prohibit or blackhole), EADDRNOTAVAIL (no port is free), ENOBUFS (no
  /// room for a connection).
  [[nodiscard]] Result<Stream*> connect(const Endpoint& remote);
  /// What bind_udp() sets before it binds. By default an unspecified address means its own family only.
  struct UdpBind {
    bool reuse_address = false;  ///< SO_REUSEADDR: several sockets that have it may bind the same
    bool reuse_port = false;     ///< SO_REUSEPORT: the same; each flow goes to one of them, by its hash
    bool v6_only = true;         ///< IPV6_V6ONLY
  };
  /// A UDP socket bound to `local`; port 0 chooses one that no other lcore chooses. What other lcores receive for it
  /// comes here unless they have it bound, too. Fails with EADDRINUSE, EADDRNOTAVAIL, ENOBUFS.
  [[nodiscard]] Result<UdpSocket*> bind_udp(const Endpoint& local) { return bind_udp(local, UdpBind()); }
  [[nodiscard]] Result<UdpSocket*> bind_udp(const Endpoint& local, const UdpBind& how);
  /// A raw socket of an IP protocol, 1..255 (raw(7)); over IPv6 where `v6`. It sees what is for this host, whichever lcore
  /// receives it. Fails with ENOBUFS.
  [[nodiscard]] Result<RawSocket*> open_raw(std::uint8_t proto, bool v6 = false);
  /// A ping socket (icmp(7)): its requests bear an identifier that the stack has chosen; their replies come here, whichever lcore
  /// receives them. Fails with ENOBUFS.
  [[nodiscard]] Result<RawSocket*> open_ping(bool v6 = false);
  /// Calls `f` once, on this lcore, not before `delay` has passed.
  void after(Duration delay, std::function<void()> f);

  /// Time of the poll or timer batch that is running.
  [[nodiscard]] Instant now() const;
  [[nodiscard]] std::uint16_t lcore() const;

  /// Made by Stack only.
  Sockets(Env& env, tcp::Tcp& tcp, udp::Udp& udp, raw::Raw& raw, steer::FlowTable& flows, std::uint16_t stack);
  ~Sockets();
  Sockets(const Sockets&) = delete;
  Sockets& operator=(const Sockets&) = delete;

  /// Set-up: by whom the sockets busy poll, and the SO_BUSY_POLL of new ones (net.core.busy_read).
  void set_busy_poller(BusyPoller& poller, std::uint32_t busy_read_us) {
    busy_poller_ = &poller;
    busy_read_us_ = busy_read_us;
  }

  /// What bounds SO_RCVBUF and SO_SNDBUF from now on.
  void set_buffer_limits(const BufferLimits& limits) { buffer_limits_ = limits; }

  /// Set-up: in what the calls of these sockets run.
  void set_call_context(CallContext& context) { call_context_ = &context; }

  /// Set-up: where calls on connected UDP sockets record that their flows are read here (receive_path F7), whenever
  /// there is such a table.
  void set_sock_flows(const RcuPointer<steer::SockFlows>& flows, const wire::Toeplitz& toeplitz) {
    sock_flows_ = &flows;
    toeplitz_ = &toeplitz;
  }

  /// Destroys what was closed since the last call; by the stack, at the end of a burst.
  void sweep();
  /// Closes everything; by the stack, at the end of its life.
  void shut_down();

 private:
  friend class Stream;
  friend class UdpSocket;
  friend class RawSocket;
  struct Listening;
  struct Delayed;
  /// A call that may send. Its socket does not go before it ends.
  class Call {
   public:
    explicit Call(Sockets& sockets);
    ~Call();
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    Sockets& sockets_;
  };

  /// A packet was given to the application, whose it is now.
  void count_delivered();
  /// The same of those that a receive call gives away in their buffers (receive_path L12).
  void count_uncopied(std::uint32_t packets, std::uint64_t bytes);
  /// Packets of the application's are the stack's again.
  void count_taken_back(std::uint32_t packets);
  /// Of a socket that is closed.
  void drop_closed(pkt::Packet packet);
  [[nodiscard]] tcp::Listener* listener_at(const Endpoint& local) const;
  /// A receive call copied so many bytes, of a datagram or stream: its result, of which no more than `room`.
  std::int64_t count_copied(std::int64_t result, std::size_t room);
  void count_data_ready(bool is_heard);
  void record_flow(const udp::Socket& socket) const;
  void busy_poll(std::uint32_t napi_id, const BusyPoll& wanted, bool (*done)(void*), void* socket);
  Stream& adopt(tcp::Connection& connection);
  Stream& keep(std::unique_ptr<Stream> stream, tcp::Connection& connection);
  RawSocket& keep(std::unique_ptr<RawSocket> socket);
  void bury(Stream& stream);
  void bury(UdpSocket& socket);
  void forget_bound(const UdpSocket& socket);
  void bury(RawSocket& socket);
  void forget_bound(const RawSocket& socket);

  const RcuPointer<steer::SockFlows>* sock_flows_ = nullptr;
  const wire::Toeplitz* toeplitz_ = nullptr;
  BusyPoller* busy_poller_ = nullptr;
  std::uint32_t busy_read_us_ = 0;
  BufferLimits buffer_limits_;
  CallContext* call_context_ = nullptr;
  int calls_ = 0;  ///< under way, which may end bursts: their sockets must not go
  Env& env_;
  tcp::Tcp& tcp_;
  udp::Udp& udp_;
  raw::Raw& raw_;
  steer::FlowTable& flows_;  ///< tells other lcores what is bound here (receive_path F22)
  const std::uint16_t stack_;
  std::vector<std::unique_ptr<Listening>> listening_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<UdpSocket>> udp_sockets_;
  std::vector<std::unique_ptr<RawSocket>> raw_sockets_;
  std::vector<std::unique_ptr<Delayed>> delayed_;
  // Closed inside a callback of their own, perhaps: they live until sweep().
  std::vector<std::unique_ptr<Listening>> dead_listening_;
  std::vector<std::unique_ptr<Stream>> dead_streams_;
  std::vector<std::unique_ptr<UdpSocket>> dead_udp_sockets_;
  std::vector<std::unique_ptr<RawSocket>> dead_raw_sockets_;
};

}  // namespace millrace::socket
