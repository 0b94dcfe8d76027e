// SPDX-License-Identifier: BSD-3-Clause
// Seventh and eighth step: the segment text and the FIN bit. Called by segment_arrives; fills the ReceiveQueue.
// RFC 9293 section 3.10.7.4; when to acknowledge: section 3.8.6.3 and RFC 5681 section 4.2.
#include <millrace/pkt/pool.hpp>
#include <millrace/stack/tcp/tcp.hpp>

#include <algorithm>

namespace millrace::tcp {

Verdict Tcp::process_text(Connection& c, Segment& s) {
  if (!c.may_receive()) {
    // "This should not occur since a FIN has been received from the remote side. Ignore the segment text."
    return s.payload() > 0 ? s.refuse(stats::DropReason::tcp_after_fin) : Verdict::next;
  }
  if (s.fin && !c.rcv.fin) c.rcv.fin = s.seq + s.payload();
  if (s.payload() == 0) return Verdict::next;
  if (c.read_closed) {  // RFC 1122 section 4.2.2.13: data for nobody
    count(stats::TcpExt::TCPAbortOnData);
    reset(c, stats::DropReason::tcp_aborted);
    return s.refuse(stats::DropReason::tcp_after_close);
  }
  c.rcv.mss = std::max(c.rcv.mss, s.mss_seen);
  return s.seq == c.rcv.nxt ? take_in_order(c, s) : take_early(c, s);
}

bool Tcp::receive_memory_full(const Connection& c) const {
  // Buffers may cost 2.5 times the window: one that is just too large for compaction is filled to 43%.
  return c.receiving.memory() > c.space.bytes * 2 + c.space.bytes / 2;
}

Verdict Tcp::take_in_order(Connection& c, Segment& s) {
  // Early segments that hold the last buffers would keep out the very one that they wait for.
  if (c.receiving.has_early() && (receive_memory_full(c) || pkt::is_pool_short(s.packet))) {
    count(stats::TcpExt::OfoPruned);
    c.receiving.drop_early(env_, stats::DropReason::tcp_ofo_full);
  }
  if (receive_memory_full(c) && c.receiving.bytes() > 0) {
    count(stats::TcpExt::TCPRcvQDrop);
    ack_now(c);
    return s.refuse(stats::DropReason::tcp_rcv_full);
  }
  const std::uint32_t length = s.payload();
  c.receiving.push(env_, std::move(s.packet), c.receiving.memory() > c.space.bytes / 2);
  advance(c, length);
  if (c.receiving.has_early()) {
    advance(c, c.receiving.pull(env_, c.rcv.nxt));
    ack_now(c);  // RFC 5681 section 4.2: at once when a segment fills all or part of a gap
  }
  schedule_ack(c);
  return Verdict::next;
}

Verdict Tcp::take_early(Connection& c, Segment& s) {
  ack_now(c);  // RFC 5681 section 4.2: an immediate duplicate ACK for an out-of-order segment
  enter_quick_ack(c);
  if (receive_memory_full(c) || pkt::is_pool_short(s.packet)) {
    count(stats::TcpExt::TCPOFODrop);
    return s.refuse(stats::DropReason::tcp_ofo_full);
  }
  if (c.receiving.push_early(env_, s.seq, std::move(s.packet))) count(stats::TcpExt::TCPOFOQueue);
  return Verdict::next;
}

void Tcp::advance(Connection& c, std::uint32_t bytes) {
  c.rcv.nxt += bytes;
  c.rcv.wnd -= bytes;
  c.bytes_received += bytes;
  c.pending.readable = true;
  mark(c);
}

void Tcp::schedule_ack(Connection& c) {
  AckPolicy& ack = c.ack;
  const Duration gap = env_.now - ack.last_data;
  if (gap > c.rtt.rto()) enter_quick_ack(c);  // the peer may be in slow start again, waiting for each ACK
  // Linux's tcp_event_data_recv: the timeout follows the time between segments.
  if (gap <= config_.delack_min / 2) {
    ack.timeout = ack.timeout / 2 + config_.delack_min / 2;
  } else if (gap < ack.timeout) {
    ack.timeout = ack.timeout / 2 + gap;
  }
  ack.timeout = std::clamp(ack.timeout, config_.delack_min, config_.delack_max);
  ack.last_data = env_.now;

  const bool quick = ack.quick > 0 && !ack.interactive;
  if (quick) --ack.quick;
  // RFC 9293 section 3.8.6.3: an ACK for at least every second full-sized segment.
  if (quick || c.receiving.has_early() || c.rcv.nxt - c.rcv.acked > c.rcv.mss) return ack_now(c);
  Instant& deadline = c.deadlines[Deadline::delayed_ack];
  deadline = std::min(deadline, env_.now + ack.timeout);
  mark(c);
}

void Tcp::enter_quick_ack(Connection& c) {
  c.ack.quick = AckPolicy{}.quick;
  c.ack.interactive = false;
}

Verdict Tcp::process_fin(Connection& c) {
  if (!c.may_receive() || c.rcv.fin != c.rcv.nxt) return Verdict::done;
  c.rcv.nxt += 1;
  if (c.rcv.wnd > 0) --c.rcv.wnd;
  c.pending.readable = true;  // the end of the stream
  ack_now(c);
  switch (c.state) {
    case State::established: c.state = State::close_wait; break;
    // Had our FIN been acknowledged, the fifth step would have left FIN-WAIT-1.
    case State::fin_wait_1: c.state = State::closing; break;
    case State::fin_wait_2: enter_time_wait(c); break;
    default: break;
  }
  return Verdict::done;
}

}  // namespace millrace::tcp
