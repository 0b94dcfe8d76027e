// SPDX-License-Identifier: BSD-3-Clause
// What to send now: one output() per connection, from flush(), after the steps have decided. Calls emit. RFC 9293
// sections 3.8.6.2.1 (sender's silly window avoidance) and 3.7.4 (Nagle), RFC 5681, RFC 3042.
#include <millrace/stack/tcp/tcp.hpp>

#include <millrace/pkt/pool.hpp>

#include <algorithm>

namespace millrace::tcp {
namespace {
// A turn; what is left goes in the next pass, when the tx queue has been drained and other connections have had theirs.
constexpr std::uint32_t segments_per_turn = 64;

std::uint32_t segments_of(std::uint32_t bytes, std::uint32_t mss) { return std::max(1u, (bytes + mss - 1) / mss); }
}  // namespace

void Tcp::output(Connection& c) {
  trace(env_, TracePoint::tcp_write_xmit);
  c.output_due = false;
  if (!c.synchronized()) return output_handshake(c);
  if (config_.slow_start_after_idle && c.in_flight() == 0 && env_.now - c.last_sent > c.rtt.rto())
    c.congestion.on_idle();  // RFC 5681 section 4.1
  std::uint32_t turn = segments_per_turn;
  Sent sent = Sent::yes;
  const bool is_throttled = env_.tx_behind != 0 && small_queue_is_full(c);
  if (is_throttled) turn = 0;
  while (turn > 0) {
    const Seq before = c.snd.nxt;
    if ((sent = output_segment(c, turn)) != Sent::yes) break;
    turn -= std::min(turn, segments_of(c.snd.nxt - before, c.mss));
  }
  if (c.ack.now && sent != Sent::no_buffer) sent = send_ack(c);
  if (sent == Sent::no_buffer) {
    c.deadlines[Deadline::again] = env_.now + config_.resource_probe;
  } else if (is_throttled) {
    c.deadlines[Deadline::again] = env_.now + config_.small_queue_probe;
  } else if (turn == 0) {
    c.deadlines[Deadline::again] = env_.now;
  } else {
    c.probe_due = false;
  }
  arm_transmit(c);
}

// tcp_small_queue_check(): what the connection has in the tx queue is enough; more would only wait there.
bool Tcp::small_queue_is_full(const Connection& c) {
  if (ip_.queued_bytes(c.key) < config_.limit_output_bytes) return false;
  count(stats::TcpExt::TCPSmallQueueFull);
  return true;
}

void Tcp::output_handshake(Connection& c) {
  Sent sent = Sent::nothing;
  if (c.syn_due) {
    sent = send_syn(c);
  } else if (c.ack.now) {
    sent = send_ack(c);
  }
  if (sent == Sent::no_buffer) c.deadlines[Deadline::again] = env_.now + config_.resource_probe;
}

Tcp::Sent Tcp::output_segment(Connection& c, std::uint32_t most_segments) {
  if (c.recovery.resend_head && c.in_flight() > 0) {  // RFC 5681 section 3.2 step 3, RFC 6582 step 3
    const Sent sent = send_range(c, c.snd.una, resend_length(c, c.snd.una));
    if (sent == Sent::yes) c.recovery.resend_head = false;
    return sent;
  }
  if (c.snd.rtx.before(c.snd.nxt)) {  // after a timeout: go back, in slow start (RFC 5681 section 3.1)
    const std::uint32_t length = resend_length(c, c.snd.rtx);
    const std::uint32_t ahead = c.snd.rtx - c.snd.una + length;
    const bool allowed = c.snd.rtx == c.snd.una || (ahead <= c.congestion.cwnd() && ahead <= c.snd.wnd);
    return allowed ? send_range(c, c.snd.rtx, length) : Sent::nothing;
  }
  if (c.fin_sent()) return Sent::nothing;
  if (const std::uint32_t length = new_data_length(c, most_segments); length > 0) return send_range(c, c.snd.nxt, length);
  const bool only_fin_left = c.fin_queued && c.snd.nxt == c.fin_seq();
  if (only_fin_left && c.snd.wnd > c.in_flight()) return send_range(c, c.snd.nxt, 0);
  if (!c.probe_due) return Sent::nothing;
  const Sent sent = send_probe(c);
  if (sent == Sent::yes) c.probe_due = false;
  return sent == Sent::yes ? Sent::nothing : sent;
}

std::uint32_t Tcp::resend_length(const Connection& c, Seq from) const {
  const Seq end = earlier(c.snd.nxt, c.sending.end());
  return end.after(from) ? std::min(end - from, c.mss) : 0;
}

// Linux's tcp_tso_segs(), without its pacing: what one packet may carry. A pool that runs short gets small ones, which
// ask for few buffers at a time.
std::uint32_t Tcp::gso_segments(const Connection& c) const {
  constexpr std::uint32_t headers = 40 + 60;
  const std::uint32_t by_size = (c.gso.max_size - 1 - headers) / c.mss;
  const std::uint32_t by_pool = env_.pool->spare() / 8;
  return std::max(1u, std::min({by_size, by_pool, std::uint32_t{c.gso.max_segs}}));
}

std::uint32_t Tcp::new_data_length(const Connection& c, std::uint32_t most_segments) const {
  const std::uint32_t flight = c.in_flight();
  // RFC 3042: the first two duplicate ACKs each let one new segment out.
  const std::uint32_t limited_transmit = c.recovery.fast ? 0 : std::min<std::uint32_t>(c.recovery.dup_acks, 2) * c.mss;
  const std::uint32_t cwnd = c.congestion.cwnd() + limited_transmit;
  if (flight >= c.snd.wnd || flight >= cwnd) return 0;
  const std::uint32_t room = c.snd.wnd - flight;
  const std::uint32_t waiting = c.sending.end() - c.snd.nxt;
  const std::uint32_t allowed = std::min({waiting, room, cwnd - flight});
  // tcp_mss_split_point(): whole segments, and behind them a short one when it is the last and need not wait.
  if (allowed > c.mss) {
    const std::uint32_t length = std::min(allowed, std::min(most_segments, gso_segments(c)) * c.mss);
    return length == waiting && !nagle_holds(c) ? length : length - length % c.mss;
  }
  const std::uint32_t length = allowed;
  // RFC 9293 section 3.8.6.2.1, rules (1) to (4).
  if (length == c.mss) return length;
  if (length == waiting) return nagle_holds(c) ? 0 : length;
  if (length == room && (length >= c.snd.max_wnd / 2 || c.probe_due)) return length;
  return 0;
}

bool Tcp::nagle_holds(const Connection& c) const {
  // Section 3.7.4 as Minshall amended it and Linux does: a short segment waits only for another short one.
  const bool short_in_flight = c.snd.small.after(c.snd.una) && c.snd.small.at_or_before(c.snd.nxt);
  return short_in_flight && !c.nodelay && !c.fin_queued;
}

void Tcp::account_sent(Connection& c, Seq from, Seq end) {
  c.last_sent = env_.now;
  if (end.after(c.snd.nxt)) {
    env_.stats->tcp.add(stats::Tcp::OutSegs, segments_of(end - from, c.mss));
    if ((end - from) % c.mss != 0) c.snd.small = end;
    c.snd.nxt = end;
    if (!c.recovery.timed) {
      c.recovery.timed = from + std::min(end - from, c.mss);  // the first segment of many
      c.recovery.timed_at = env_.now;
    }
    // An answer soon after a request: such a conversation's ACKs ride on its answers.
    if (env_.now - c.ack.last_data < c.ack.timeout) c.ack.interactive = true;
  } else {
    count(stats::Tcp::RetransSegs);
    ++c.retransmitted;
    c.recovery.timed.reset();  // Karn: its acknowledgment would be ambiguous
  }
  if (from.at_or_before(c.snd.rtx)) c.snd.rtx = later(c.snd.rtx, end);
}

void Tcp::arm_transmit(Connection& c) {
  Instant& retransmit = c.deadlines[Deadline::retransmit];
  Instant& persist = c.deadlines[Deadline::persist];
  const bool unsent = c.sending.end().after(c.snd.nxt) || (c.fin_queued && !c.fin_sent());
  if (c.in_flight() > 0 || !unsent) c.probe_shift = 0;
  if (c.in_flight() > 0) {
    if (retransmit == never) retransmit = env_.now + c.rtt.rto();  // RFC 6298 (5.1)
    persist = never;
  } else if (!unsent) {
    persist = never;
  } else if (persist == never) {  // the window is shut: RFC 9293 section 3.8.6.1
    const auto wait = c.rtt.rto() * (std::int64_t{1} << std::min<int>(c.probe_shift, 10));
    persist = env_.now + std::min(wait, config_.rto_max);
  }
}

}  // namespace millrace::tcp
