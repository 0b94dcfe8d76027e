// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/stack/ip/ip.hpp>
#include <millrace/stack/tcp/connection.hpp>
#include <millrace/stack/tcp/listener.hpp>
#include <millrace/stack/tcp/segment.hpp>
#include <millrace/stack/tcp/slab.hpp>
#include <millrace/stack/tcp/time_wait.hpp>

#include <array>
#include <map>
#include <memory>
#include <vector>

namespace millrace::steer {
class FlowTable;
}

namespace millrace::tcp {

/// TCP of one lcore and one stack (RFC 9293, 7323, 5681, 6298, 6582, 5961): shares nothing, locks nothing. IP gives it
/// segments, the wheel its timeouts, the application its calls; they only decide, and flush() does what they decided.
class Tcp final : public ip::Transport {
 public:
  /// `owners` is this lcore's flow table: every connection stands in it, so that other lcores steer its packets here.
  Tcp(Env& env, ip::Output& ip, steer::FlowTable& owners, std::uint16_t stack_id, const Config& config);
  /// Every connection must have ended or been given up: see shutdown_all().
  ~Tcp() override;
  Tcp(const Tcp&) = delete;
  Tcp& operator=(const Tcp&) = delete;

  void receive(pkt::Packet datagram, const ip::Delivery& delivery) override;
  void error(const ip::ErrorReport& report) override;
  [[nodiscard]] ip::Demuxed early_demux(const ip::EarlyFlow& flow) override;

  /// Passive open. An unspecified address (0.0.0.0 or ::) takes every address of its family; port 0 chooses a port.
  /// backlog is cut to somaxconn. Fails with EADDRINUSE, EADDRNOTAVAIL.
  [[nodiscard]] Result<Listener*> listen(const Endpoint& local, int backlog, AcceptEvents& events);
  /// Active open; the SYN leaves in the next flush(). An unspecified local address or port 0 is chosen. Fails with
  /// ENETUNREACH (no route), EHOSTUNREACH, EACCES, EINVAL (by its type), EADDRNOTAVAIL (no port), EADDRINUSE, ENOBUFS (no room for a connection).
  [[nodiscard]] Result<Connection*> connect(const Endpoint& remote, Events& events, const Endpoint& local = {});

  /// Does what has been decided since the last call: tells the application, sends segments, arms timers, frees what
  /// has ended. The runtime calls it after each burst, each timer batch and each call of the application's.
  void flush();
  [[nodiscard]] bool has_work() const { return !work_.empty() || !ready_listeners_.empty(); }

  /// Ends everything at once, as when the engine stops: a reset to every peer, no events, every packet freed with
  /// reason shutdown. Every Connection and Listener pointer is invalid afterwards. Not from inside an event.
  void shutdown_all();

  /// Connections of any state, without those in TIME-WAIT.
  [[nodiscard]] std::uint32_t connections() const { return slab_.live(); }
  /// TCP's CurrEstab: connections in ESTABLISHED or CLOSE-WAIT.
  [[nodiscard]] std::uint64_t established();
  /// Listeners and connections of IPv4, and of IPv6, without those in TIME-WAIT.
  [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> sockets();
  [[nodiscard]] std::uint32_t time_waits() const { return time_waits_.size(); }

 private:
  friend class Connection;
  friend class Listener;

  // receive.cpp: from a datagram to a segment, and to whom it concerns
  bool parse(pkt::Packet& datagram, const ip::Delivery& delivery, Segment& s);
  [[nodiscard]] const bpf::Filter* filter_for(const FlowKey& flow);
  [[nodiscard]] bool passes_filter(pkt::Packet& datagram, const FlowKey& flow, std::uint32_t header_bytes);
  void dispatch(Segment& s, Connection* known);
  void finish(Segment& s);
  Listener* find_listener(const IpAddress& address, std::uint16_t port);

  // RFC 9293 section 3.10.7, each in the file of its name; the steps of 3.10.7.4 in segment_arrives.cpp
  Verdict closed_arrives(Segment& s);
  Verdict listen_arrives(Listener& l, Segment& s, Seq iss);
  Verdict syn_sent_arrives(Connection& c, Segment& s);
  Verdict time_wait_arrives(TimeWait& w, Segment& s);
  Verdict segment_arrives(Connection& c, Segment& s);
  Verdict check_sequence(Connection& c, Segment& s);
  Verdict check_rst(Connection& c, Segment& s);
  Verdict check_syn(Connection& c, Segment& s);
  Verdict check_ack(Connection& c, Segment& s);
  Verdict process_text(Connection& c, Segment& s);
  Verdict process_fin(Connection& c);

  // check_sequence.cpp
  [[nodiscard]] bool paws_rejects(const Connection& c, const Segment& s) const;
  void update_recent_timestamp(Connection& c, const Segment& s);
  void trim_to_window(Connection& c, Segment& s);
  void refuse_politely(Connection& c, const Segment& s);
  void challenge(Connection& c);
  bool may_answer(std::optional<Instant>& last);

  // process_ack.cpp
  bool leave_syn_received(Connection& c, const Segment& s);
  void update_send_window(Connection& c, const Segment& s);
  void set_peer_window(Connection& c, const Segment& s, std::uint32_t wnd);
  void new_data_acked(Connection& c, const Segment& s);
  std::optional<Duration> measure_round_trip(Connection& c, const Segment& s);
  void recover_on_ack(Connection& c, std::uint32_t acked, std::uint32_t flight, std::optional<Duration> round_trip);
  [[nodiscard]] bool is_duplicate_ack(const Connection& c, const Segment& s, std::uint32_t wnd_before) const;
  void duplicate_ack(Connection& c);
  Verdict our_fin_acked(Connection& c);

  // process_text.cpp
  Verdict take_in_order(Connection& c, Segment& s);
  Verdict take_early(Connection& c, Segment& s);
  void advance(Connection& c, std::uint32_t bytes);
  void schedule_ack(Connection& c);
  void enter_quick_ack(Connection& c);
  [[nodiscard]] bool receive_memory_full(const Connection& c) const;

  // windows.cpp
  [[nodiscard]] std::uint16_t mss_to_announce(const Connection& c) const;
  void refresh_mss(Connection& c);
  void take_options(Connection& c, const Segment& s);
  void open_receive_space(Connection& c);
  [[nodiscard]] std::uint32_t window_to_offer(const Connection& c) const;
  [[nodiscard]] std::uint16_t window_field(const Connection& c) const;
  void grow_receive_space(Connection& c, std::uint32_t bytes_read);
  [[nodiscard]] std::uint32_t send_memory_limit(const Connection& c) const;
  [[nodiscard]] std::uint32_t send_room(const Connection& c) const;

  // open.cpp
  std::optional<std::uint16_t> free_listening_port(const IpAddress& address);
  std::optional<std::uint16_t> choose_port(FlowKey flow);
  Connection* create(const FlowKey& flow);
  void start_sequence(Connection& c, Seq iss);
  void syn_acked(Connection& c, const Segment& s);
  void enter_established(Connection& c, const Segment& s);

  // close.cpp
  void queue_fin(Connection& c);
  void release(Connection& c);
  void abort(Connection& c);
  void reset(Connection& c, stats::DropReason reason);
  void fail(Connection& c, int error);
  void finish_close(Connection& c, int error, stats::DropReason reason);
  void enter_time_wait(Connection& c);
  void close(Listener& l);
  void settle(Connection& c);

  // output.cpp: what to send; emit.cpp: sending it
  struct Outgoing;
  enum class Sent : std::uint8_t { yes, nothing, no_buffer, too_big };
  void output(Connection& c);
  void output_handshake(Connection& c);
  [[nodiscard]] bool small_queue_is_full(const Connection& c);
  Sent output_segment(Connection& c, std::uint32_t most_segments);
  [[nodiscard]] std::uint32_t resend_length(const Connection& c, Seq from) const;
  [[nodiscard]] std::uint32_t new_data_length(const Connection& c, std::uint32_t most_segments) const;
  [[nodiscard]] std::uint32_t gso_segments(const Connection& c) const;
  [[nodiscard]] bool nagle_holds(const Connection& c) const;
  void account_sent(Connection& c, Seq from, Seq end);
  void arm_transmit(Connection& c);
  Sent emit(const Outgoing& o, pkt::Packet payload);
  [[nodiscard]] Outgoing outgoing(const Connection& c, Seq seq) const;
  void acknowledged(Connection& c, std::uint16_t window);
  Sent send_range(Connection& c, Seq from, std::uint32_t length);
  Sent send_ack(Connection& c);
  Sent send_probe(Connection& c);
  Sent send_syn(Connection& c);
  void send_rst(Connection& c);
  void send_reset(const Outgoing& reset);
  void send_time_wait_ack(TimeWait& w);

  // timers.cpp
  static void on_timer(void* connection, Instant now);
  void timer_fired(Connection& c, Instant now);
  void retransmit_timeout(Connection& c);
  void persist_timeout(Connection& c);
  void arm_timer(Connection& c);

  // tcp.cpp
  void deliver_accepts();
  void deliver_events(Connection& c);
  void mark(Connection& c) {
    if (!c.work_hook.is_linked()) work_.push_back(c);
  }
  void need_output(Connection& c) {
    c.output_due = true;
    mark(c);
  }
  void ack_now(Connection& c) {
    c.ack.now = true;
    need_output(c);
  }
  void count(stats::Tcp which) { env_.stats->tcp.add(which); }
  void count(stats::TcpExt which) { env_.stats->tcp_ext.add(which); }
  [[nodiscard]] static Connection& connection(Tcb& tcb) { return static_cast<Connection&>(tcb); }

  Env& env_;
  ip::Output& ip_;
  steer::FlowTable& owners_;
  const std::uint16_t stack_;
  const Config config_;
  Slab<Connection> slab_;
  TimeWaitTable time_waits_;
  std::map<Endpoint, std::unique_ptr<Listener>> listeners_;
  std::vector<std::unique_ptr<Listener>> closed_listeners_;  ///< until flush() is out of their events
  List<Listener, &Listener::ready_hook_> ready_listeners_;
  List<Tcb, &Tcb::all_hook> all_;
  List<Tcb, &Tcb::work_hook> work_;                          ///< what flush() has to visit
  List<Tcb, &Tcb::work_hook> dead_;                          ///< freed when flush() is out of all events
  std::array<std::uint32_t, 256> port_counters_{};           ///< RFC 6056 section 3.3.4
  bool flushing_ = false;
  bool has_filters_ = false;  ///< there was a filter once
};

}  // namespace millrace::tcp
