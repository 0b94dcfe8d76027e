// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>
#include <millrace/bpf/filter.hpp>
#include <millrace/stack/tcp/tcb.hpp>
#include <millrace/wire/address.hpp>

#include <cstdint>
#include <memory>
#include <span>

namespace millrace::tcp {

class Connection;
class Listener;
class Tcp;

/// What a connection tells its application. Called from Tcp::flush() only, never from inside a call of the
/// application's, and may itself call anything: close(), abort(), write(), on this connection or another.
class Events {
 public:
  virtual ~Events() = default;
  /// The active open succeeded.
  virtual void on_connected(Connection&) {}
  /// Something can be read, or the end of the stream was reached. Once per burst, only after something new.
  virtual void on_readable(Connection&) {}
  /// After a short write, or a writable() that said 0: there is room again.
  virtual void on_writable(Connection&) {}
  /// The connection has ended: 0 when both sides closed in order, else ECONNRESET, ETIMEDOUT, ECONNREFUSED,
  /// EHOSTUNREACH... What was received can still be read. Not called after close() or abort().
  virtual void on_closed(Connection&, int error) {}
};

/// What ss -i shows.
struct ConnectionInfo {
  Duration srtt{};
  Duration rttvar{};
  Duration rto{};
  std::uint32_t mss = 0;
  std::uint32_t cwnd_bytes = 0;
  std::uint32_t ssthresh_bytes = 0;
  std::uint32_t in_flight_bytes = 0;
  std::uint32_t send_window_bytes = 0;
  std::uint32_t receive_window_bytes = 0;
  std::uint64_t retransmitted_segments = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_acked = 0;
};

/// One TCP connection, on the lcore that made it. A pointer given to the application, by Tcp::connect or
/// Listener::accept, stays valid until it calls close() or abort(), also after on_closed.
class Connection final : private Tcb {
 public:
  /// Copies up to into.size() bytes out, in order. 0 at the end of the stream, -EAGAIN when nothing has come yet,
  /// -errno once everything is read and the connection has failed. `received`: when the last packet read from came, set
  /// when the result is above 0.
  std::int64_t read(std::span<std::uint8_t> into, pkt::RxTimes* received = nullptr);
  /// The next payload without a copy, at most one received packet; null when there is none (ask read() why). The
  /// caller ends it with pkt::consume.
  [[nodiscard]] pkt::Packet read_packet();
  /// Bytes that read() has ready.
  [[nodiscard]] std::uint32_t readable() const { return receiving.bytes(); }
  /// True when the peer has ended its side and everything before was read.
  [[nodiscard]] bool at_end() const;

  /// Copies bytes into the send buffer and returns how many it took. -EAGAIN: none (on_writable follows), also before
  /// the connection is established; -EPIPE: this side is closed; -errno: the connection has failed.
  std::int64_t write(std::span<const std::uint8_t> bytes);
  /// Bytes that write() would take now, about. 0 is as good as a short write: on_writable follows.
  [[nodiscard]] std::uint32_t writable();

  /// Ends this side: a FIN follows what was written. Reading goes on.
  void shutdown_write();
  /// Gives the connection up; what was written is still sent and the close completed in the background. Data that the
  /// application has not read, or that still comes, makes it a reset (RFC 1122 section 4.2.2.13). Ends the pointer.
  void close();
  /// Resets the connection (RFC 9293 section 3.10.5). Ends the pointer.
  void abort();

  /// Who is told; null: nobody, what happens is kept until someone is. New listeners of events hear at once, in the
  /// next flush(), of what can be read and of an end that came before.
  void set_events(Events* events);
  /// TCP_NODELAY: sends short segments at once.
  void no_delay(bool on);
  /// SO_RCVBUF and SO_SNDBUF, bytes of memory, overhead included. From now on the buffer stays so and does not grow by
  /// itself. The window is half of it, within what the handshake agreed on; what was promised is not taken back.
  void set_rcvbuf(std::uint32_t bytes);
  void set_sndbuf(std::uint32_t bytes);
  [[nodiscard]] std::uint32_t rcvbuf() const { return space.locked != 0 ? space.locked : 2 * space.bytes; }
  [[nodiscard]] std::uint32_t sndbuf() const;

  /// SO_ATTACH_FILTER: what sees each segment from its TCP header on, before the connection does; null: none.
  void set_filter(std::shared_ptr<const bpf::Filter> filter);
  [[nodiscard]] bool has_filter() const { return filter_ != nullptr; }

  [[nodiscard]] Endpoint local() const { return {key.local, key.local_port}; }
  [[nodiscard]] Endpoint remote() const { return {key.remote, key.remote_port}; }
  /// SO_INCOMING_NAPI_ID; 0: no segment yet.
  [[nodiscard]] std::uint32_t incoming_napi_id() const { return napi_id; }
  [[nodiscard]] bool is_no_delay() const { return nodelay; }
  [[nodiscard]] State connection_state() const { return state; }
  [[nodiscard]] ConnectionInfo info() const;

  /// Made by Tcp only.
  Connection(Tcp& tcp, const FlowKey& flow);

 private:
  friend class Tcp;
  friend class Listener;
  void after_read(std::size_t bytes);

  Tcp& tcp_;
  Events* events_ = nullptr;
  Listener* listener_ = nullptr;  ///< where it waits to be accepted
  std::shared_ptr<const bpf::Filter> filter_;
};

/// "ESTABLISHED", as RFC 9293 and ss write it.
[[nodiscard]] const char* to_string(State state);

}  // namespace millrace::tcp
