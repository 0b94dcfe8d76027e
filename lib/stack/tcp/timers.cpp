// SPDX-License-Identifier: BSD-3-Clause
// What happens when time passes: one wheel timer per connection, standing at the earliest of its deadlines or before it,
// so that an ACK moves a number and no timer. Called by the wheel. RFC 6298 section 5, RFC 9293 section 3.8.
#include <millrace/stack/tcp/tcp.hpp>

#include <cerrno>

namespace millrace::tcp {

void Tcp::on_timer(void* connection, Instant now) {
  auto& c = *static_cast<Connection*>(connection);
  c.tcp_.timer_fired(c, now);
}

void Tcp::timer_fired(Connection& c, Instant now) {
  mark(c);  // settle() arms the timer again
  if (c.deadlines.take(Deadline::retransmit, now)) retransmit_timeout(c);
  if (c.deadlines.take(Deadline::persist, now)) persist_timeout(c);
  if (c.deadlines.take(Deadline::delayed_ack, now)) {
    count(stats::TcpExt::DelayedACKs);
    c.ack.interactive = false;
    ack_now(c);
  }
  if (c.deadlines.take(Deadline::fin_wait_2, now)) finish_close(c, 0, stats::DropReason::tcp_aborted);
  if (c.deadlines.take(Deadline::again, now)) {
    if (c.want_write && c.sending.memory() < send_memory_limit(c)) {
      c.want_write = false;
      c.pending.writable = true;
    }
    need_output(c);
  }
}

void Tcp::retransmit_timeout(Connection& c) {
  Recovery& r = c.recovery;
  const bool handshake = !c.synchronized();
  const std::uint8_t limit = c.state == State::syn_sent       ? config_.syn_retries
                             : c.state == State::syn_received ? config_.synack_retries
                             : c.held                         ? config_.retries2
                                                              : config_.orphan_retries;
  count(stats::TcpExt::TCPTimeouts);
  if (r.retries >= limit) {  // RFC 9293 section 3.8.3, R2
    if (!handshake) count(stats::TcpExt::TCPAbortOnTimeout);
    return fail(c, c.soft_error != 0 ? c.soft_error : ETIMEDOUT);
  }
  if (handshake) {
    c.syn_due = true;
  } else {
    c.congestion.on_rto(c.in_flight(), r.retries == 0);
    r.fast = r.resend_head = false;
    r.dup_acks = 0;
    r.point = c.snd.nxt;  // RFC 6582 section 3.2 step 4: no fast retransmit for what is outstanding now
    c.snd.rtx = c.snd.una;
  }
  ++r.retries;
  c.rtt.back_off();  // RFC 6298 (5.5)
  need_output(c);
}

void Tcp::persist_timeout(Connection& c) {
  const std::uint8_t limit = c.held ? config_.retries2 : config_.orphan_retries;
  if (c.probes >= limit) {  // not one answer to any probe: the peer is gone
    count(stats::TcpExt::TCPAbortOnTimeout);
    return fail(c, c.soft_error != 0 ? c.soft_error : ETIMEDOUT);
  }
  ++c.probes;
  ++c.probe_shift;
  c.probe_due = true;
  need_output(c);
}

void Tcp::arm_timer(Connection& c) {
  const Instant earliest = c.deadlines.earliest();
  if (earliest == never) return;
  if (!c.timer.is_armed() || earliest < c.timer.deadline()) env_.wheel->arm(c.timer, earliest);
}

}  // namespace millrace::tcp
