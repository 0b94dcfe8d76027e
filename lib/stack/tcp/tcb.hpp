// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/stack/ip/ip.hpp>
#include <millrace/stack/tcp/newreno.hpp>
#include <millrace/stack/tcp/receive_queue.hpp>
#include <millrace/stack/tcp/rtt.hpp>
#include <millrace/stack/tcp/send_buffer.hpp>
#include <millrace/timer/wheel.hpp>
#include <millrace/wire/address.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace millrace::tcp {

/// RFC 9293 section 3.3.2. LISTEN is a Listener and TIME-WAIT a record of its own: neither needs a whole connection.
enum class State : std::uint8_t {
  closed, syn_sent, syn_received, established, fin_wait_1, fin_wait_2, close_wait, closing, last_ack,
};

/// What the owner table points to: whatever answers for a 4-tuple.
struct Flow {
  enum class Kind : std::uint8_t { connection, time_wait };
  FlowKey key;
  Kind kind;
};

/// SND.* of RFC 9293 section 3.3.1, and what retransmission adds.
struct SendSequence {
  Seq una;
  Seq nxt;
  Seq rtx;    ///< next to be sent again after a timeout; nxt when nothing is
  Seq iss;
  Seq wl1;    ///< SEG.SEQ of the last window update
  Seq wl2;    ///< SEG.ACK of the last window update
  Seq small;  ///< end of the last segment sent shorter than the MSS (Nagle as Minshall amended it)
  std::uint32_t wnd = 0;
  std::uint32_t max_wnd = 0;  ///< MAX.SND.WND, RFC 5961 section 5
  std::uint8_t scale = 0;     ///< Snd.Wind.Shift, RFC 7323
};

/// RCV.* of RFC 9293 section 3.3.1.
struct ReceiveSequence {
  Seq nxt;
  Seq irs;
  Seq acked;                  ///< Last.ACK.sent, RFC 7323 section 4.3
  std::optional<Seq> fin;     ///< where the peer's FIN stands, once it was seen
  std::uint32_t wnd = 0;
  std::uint8_t scale = 0;     ///< Rcv.Wind.Shift
  std::uint16_t mss = 536;    ///< the largest segment seen: what a full-sized one is (Linux: rcv_mss)
};

/// RFC 7323 section 3.
struct Timestamps {
  bool enabled = false;       ///< both sides agreed
  std::uint32_t offset = 0;   ///< added to the clock, so that it tells nothing (RFC 7323 section 7.1)
  std::uint32_t recent = 0;   ///< TS.Recent
  Instant recent_at{};
};

/// When to acknowledge (RFC 9293 section 3.8.6.3), the way Linux adapts it.
struct AckPolicy {
  Duration timeout{};         ///< ATO
  Instant last_data{};
  std::uint8_t quick = 16;    ///< segments still acknowledged at once
  bool interactive = false;   ///< answers follow requests: let them carry the ACK
  bool now = false;           ///< one is owed
};

/// Loss detection: RFC 5681 section 3.2, RFC 6582.
struct Recovery {
  std::uint8_t dup_acks = 0;
  bool fast = false;          ///< in fast recovery
  bool resend_head = false;   ///< the segment at SND.UNA is to be sent again
  Seq point;                  ///< "recover"
  std::uint8_t retries = 0;   ///< timeouts since the last progress
  std::optional<Seq> timed;   ///< end of the segment whose round trip is being measured
  Instant timed_at{};
};

/// How far the receive window may open, and the measurement that opens it (Linux: dynamic right-sizing).
struct ReceiveSpace {
  std::uint32_t bytes = 0;    ///< payload that the window may cover
  std::uint32_t read = 0;     ///< by the application since `since`
  Instant since{};
  std::uint32_t locked = 0;   ///< SO_RCVBUF, bytes: the window follows it and not the reader; 0: not set
};

enum class Deadline : std::uint8_t { retransmit, persist, delayed_ack, fin_wait_2, again, count_ };

/// The deadlines of a connection; its one timer stands at the earliest or before it.
class Deadlines {
 public:
  Deadlines() { at_.fill(never); }
  Instant& operator[](Deadline which) { return at_[static_cast<std::size_t>(which)]; }
  [[nodiscard]] Instant earliest() const { return *std::min_element(at_.begin(), at_.end()); }
  [[nodiscard]] bool is_set(Deadline which) const { return at_[static_cast<std::size_t>(which)] != never; }
  void clear() { at_.fill(never); }
  /// Takes a deadline that has come; false when it has not.
  bool take(Deadline which, Instant now) {
    if ((*this)[which] > now) return false;
    (*this)[which] = never;
    return true;
  }

 private:
  std::array<Instant, static_cast<std::size_t>(Deadline::count_)> at_;
};

/// What flush() owes the application.
struct PendingEvents {
  bool connected = false;
  bool readable = false;
  bool writable = false;
  bool closed = false;
};

/// The transmission control block: all that the steps read and write.
struct Tcb : Flow {
  Tcb(const FlowKey& flow, const Config& config, timer::Timer::Fire fire, void* object)
      : Flow{flow, Kind::connection}, rtt(config), timer(fire, object) {}

  State state = State::closed;
  bool held = false;          ///< the application has it
  bool passive = false;
  bool nodelay = false;       ///< TCP_NODELAY
  bool fin_queued = false;    ///< our side is closed: a FIN follows the last byte of `sending`
  bool read_closed = false;   ///< close() was called: data that still comes is refused (RFC 1122 4.2.2.13)
  bool want_write = false;    ///< write() took less than it was given
  bool scaling = false;       ///< both sides agreed on window scaling
  bool syn_due = false;
  bool probe_due = false;
  bool output_due = false;
  std::uint8_t syn_transmits = 0;
  std::uint8_t probe_shift = 0;  ///< back-off of the probes
  std::uint8_t probes = 0;    ///< window probes since the peer was last heard
  int error = 0;              ///< why it ended
  int soft_error = 0;         ///< what ICMP said (RFC 1122 4.2.3.9): the reason given if retransmission fails

  SendSequence snd;
  ReceiveSequence rcv;
  std::uint32_t mss = 536;           ///< Eff.snd.MSS: payload bytes of a full segment, options taken off
  std::uint16_t peer_mss = 536;      ///< what its MSS option said, or RFC 9293's default
  ip::GsoLimits gso{};
  Timestamps ts;
  RttEstimator rtt;
  NewReno congestion{536, 5360};
  Recovery recovery;
  AckPolicy ack;
  ReceiveSpace space;
  SendBuffer sending;
  std::uint32_t sndbuf_locked = 0;   ///< SO_SNDBUF, bytes: the limit of `sending`; 0: not set, it grows
  ReceiveQueue receiving;
  PendingEvents pending;
  Deadlines deadlines;
  timer::Timer timer;
  std::uint32_t napi_id = 0;         ///< where the last segment was received
  mutable ip::RouteCache route;      ///< where segments leave
  ip::ReceiveRoute receive_route;
  Instant last_sent{};
  std::optional<Instant> last_refusal;  ///< last answer to an unacceptable segment
  Instant last_confirmed{};
  std::uint64_t retransmitted = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t bytes_acked = 0;

  ListHook work_hook;                ///< on Tcp's list of connections that flush() has to visit
  ListHook all_hook;
  ListHook queue_hook;               ///< in a listener's SYN or accept queue

  [[nodiscard]] std::uint32_t in_flight() const { return snd.nxt - snd.una; }
  [[nodiscard]] Seq fin_seq() const { return sending.end(); }
  [[nodiscard]] bool fin_sent() const { return fin_queued && snd.nxt.after(fin_seq()); }
  [[nodiscard]] bool fin_acked() const { return fin_queued && snd.una.after(fin_seq()); }
  /// Established or beyond: both sequence numbers are known to both sides.
  [[nodiscard]] bool synchronized() const { return state > State::syn_received; }
  /// The peer may still send data.
  [[nodiscard]] bool may_receive() const {
    return state == State::established || state == State::fin_wait_1 || state == State::fin_wait_2;
  }
};

}  // namespace millrace::tcp
