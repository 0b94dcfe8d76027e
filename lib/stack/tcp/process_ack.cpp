// SPDX-License-Identifier: BSD-3-Clause
// Fifth step: the ACK field. Called by segment_arrives; feeds the RTT estimator, loss recovery and congestion control.
// RFC 9293 section 3.10.7.4, RFC 5961 section 5, RFC 5681 section 3.2, RFC 6582.
#include <millrace/stack/tcp/isn.hpp>
#include <millrace/stack/tcp/tcp.hpp>

#include <algorithm>

namespace millrace::tcp {

Verdict Tcp::check_ack(Connection& c, Segment& s) {
  if (!s.has_ack) return s.refuse(stats::DropReason::tcp_bad_flags);
  if (c.state == State::syn_received) {
    if (s.ack != c.snd.nxt) return closed_arrives(s);  // "form a reset segment <SEQ=SEG.ACK><CTL=RST>"
    if (!leave_syn_received(c, s)) return s.refuse(stats::DropReason::tcp_listen_overflow);
  }
  // RFC 5961 section 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT, or it is somebody's guess.
  if (s.ack.after(c.snd.nxt) || s.ack.before(c.snd.una - c.snd.max_wnd)) {
    challenge(c);
    return s.refuse(stats::DropReason::tcp_bad_ack);
  }
  c.probes = 0;
  if (s.wnd == 0) c.recovery.retries = 0;  // it lives and its window is shut: no reason to give up (MUST-37)
  const std::uint32_t wnd_before = c.snd.wnd;
  if (s.ack.at_or_after(c.snd.una)) update_send_window(c, s);
  if (s.ack.after(c.snd.una)) {
    new_data_acked(c, s);
  } else if (is_duplicate_ack(c, s, wnd_before)) {
    duplicate_ack(c);
  }
  return c.fin_acked() ? our_fin_acked(c) : Verdict::next;
}

bool Tcp::leave_syn_received(Connection& c, const Segment& s) {
  if (c.passive && c.listener_->accept_queue_full()) {
    // The ACK is dropped; the peer's data, or our SYN-ACK again, gives another chance (Linux).
    count(stats::TcpExt::ListenOverflows);
    count(stats::TcpExt::ListenDrops);
    if (config_.abort_on_overflow) reset(c, stats::DropReason::tcp_listen_overflow);
    return false;
  }
  set_peer_window(c, s, std::uint32_t{s.wnd} << c.snd.scale);
  syn_acked(c, s);
  enter_established(c, s);
  return true;
}

void Tcp::update_send_window(Connection& c, const Segment& s) {
  const bool newer = c.snd.wl1.before(s.seq) || (c.snd.wl1 == s.seq && c.snd.wl2.at_or_before(s.ack));
  if (!newer) return;
  const std::uint32_t before = c.snd.wnd;
  set_peer_window(c, s, std::uint32_t{s.wnd} << c.snd.scale);
  if (c.snd.wnd != before) need_output(c);
}

void Tcp::set_peer_window(Connection& c, const Segment& s, std::uint32_t wnd) {
  c.snd.wnd = wnd;
  c.snd.max_wnd = std::max(c.snd.max_wnd, wnd);
  c.snd.wl1 = s.seq;
  c.snd.wl2 = s.ack;
}

void Tcp::new_data_acked(Connection& c, const Segment& s) {
  const std::uint32_t flight = c.in_flight();
  const std::uint32_t acked = s.ack - c.snd.una;
  c.snd.una = s.ack;
  c.snd.rtx = later(c.snd.rtx, c.snd.una);
  c.sending.release_before(env_, c.snd.una);
  c.bytes_acked += acked - (c.fin_acked() ? 1 : 0);
  const auto round_trip = measure_round_trip(c, s);
  c.recovery.retries = 0;
  c.soft_error = 0;
  recover_on_ack(c, acked, flight, round_trip);
  // RFC 6298 (5.2) and (5.3).
  c.deadlines[Deadline::retransmit] = c.in_flight() == 0 ? never : env_.now + c.rtt.rto();
  if (env_.now - c.last_confirmed >= 1s) {  // forward progress: RFC 4861 section 7.3.1
    c.last_confirmed = env_.now;
    ip_.confirm_reachable(c.key.remote);
  }
  // Linux's sk_stream_write_space: a third of the buffer must be free.
  if (c.want_write && c.sending.memory() <= send_memory_limit(c) / 3 * 2) {
    c.want_write = false;
    c.pending.writable = true;
  }
  need_output(c);
}

std::optional<Duration> Tcp::measure_round_trip(Connection& c, const Segment& s) {
  std::optional<Duration> sample;
  if (c.recovery.timed) {
    if (c.snd.una.before(*c.recovery.timed)) return std::nullopt;
    sample = env_.now - c.recovery.timed_at;
    c.recovery.timed.reset();
  } else if (c.ts.enabled && s.options.has_timestamps && s.options.ts_echo != 0) {
    // After a retransmission the echo still tells which transmission was acknowledged (RFC 7323 section 4.1).
    sample = Duration{1ms} * (timestamp_clock(env_) + c.ts.offset - s.options.ts_echo);
    if (*sample > config_.rto_max) sample.reset();
  }
  if (sample) c.rtt.sample(*sample);
  return sample;
}

void Tcp::recover_on_ack(Connection& c, std::uint32_t acked, std::uint32_t flight, std::optional<Duration> round_trip) {
  Recovery& r = c.recovery;
  if (r.fast && c.snd.una.before(r.point)) {  // RFC 6582 section 3.2 step 3: a partial ACK shows the next hole
    c.congestion.on_partial_ack(acked);
    r.resend_head = true;
    return;
  }
  r.dup_acks = 0;
  if (r.fast) {
    r.fast = false;
    c.congestion.on_recovered(c.in_flight());
  } else {
    const std::uint32_t used = c.congestion.cwnd() < c.congestion.ssthresh() ? flight * 2 : flight;
    c.congestion.on_ack({env_.now, acked, flight, round_trip, used + c.mss > c.congestion.cwnd()});
  }
  // The point stays just behind, so that sequence numbers wrapping around never make it look ahead.
  if (c.snd.una.after(r.point)) r.point = c.snd.una - 1;
}

bool Tcp::is_duplicate_ack(const Connection& c, const Segment& s, std::uint32_t wnd_before) const {
  // RFC 5681 section 2.
  return s.ack == c.snd.una && c.in_flight() > 0 && s.len() == 0 && c.snd.wnd == wnd_before;
}

void Tcp::duplicate_ack(Connection& c) {
  Recovery& r = c.recovery;
  if (r.dup_acks < 255) ++r.dup_acks;
  if (r.fast) {
    c.congestion.on_dup_ack();
  } else if (r.dup_acks == config_.reordering && c.snd.una.after(r.point)) {  // RFC 6582 section 3.2 step 2
    count(stats::TcpExt::TCPFastRetrans);
    c.congestion.on_loss(c.in_flight());
    r.fast = true;
    r.point = c.snd.nxt;
    r.resend_head = true;
  }
  need_output(c);
}

Verdict Tcp::our_fin_acked(Connection& c) {
  switch (c.state) {
    case State::fin_wait_1:
      c.state = State::fin_wait_2;
      if (c.read_closed) c.deadlines[Deadline::fin_wait_2] = env_.now + config_.fin_timeout;
      return Verdict::next;
    case State::closing: enter_time_wait(c); return Verdict::done;
    case State::last_ack: finish_close(c, 0, stats::DropReason::tcp_aborted); return Verdict::done;
    default: return Verdict::next;
  }
}

}  // namespace millrace::tcp
