// SPDX-License-Identifier: BSD-3-Clause
// A segment for a connection in TIME-WAIT. Called by dispatch; may reopen it through the listener. RFC 9293 section
// 3.10.7.4 (TIME-WAIT rows) and 3.6.1, RFC 6191 and, where they leave a choice, Linux's tcp_timewait_state_process.
#include <millrace/stack/tcp/isn.hpp>
#include <millrace/stack/tcp/output.hpp>
#include <millrace/stack/tcp/tcp.hpp>

namespace millrace::tcp {

Verdict Tcp::time_wait_arrives(TimeWait& w, Segment& s) {
  const bool stamped = w.ts.enabled && s.options.has_timestamps;
  const bool old_stamp = stamped && Seq(s.options.ts_value).before(Seq(w.ts.recent)) && !s.rst;
  const bool newer_stamp = stamped && Seq(s.options.ts_value).after(Seq(w.ts.recent));

  if (s.rst) {
    if (s.seq == w.rcv_nxt) time_waits_.remove(w);  // Linux with its default tcp_rfc1337 = 0
    return s.refuse(stats::DropReason::tcp_reset);
  }
  // RFC 9293 section 3.6.1: a SYN may reopen the connection if it cannot be an old one, and the new ISN lies beyond
  // every number used before.
  if (s.syn && !s.has_ack && !old_stamp && (s.seq.after(w.rcv_nxt) || newer_stamp)) {
    if (Listener* listener = find_listener(s.flow.local, s.flow.local_port)) {
      const Seq iss = later(initial_sequence(env_, s.flow), w.snd_nxt + 65537);
      time_waits_.remove(w);
      count(stats::TcpExt::TWRecycled);
      return listen_arrives(*listener, s, iss);
    }
  }
  if (old_stamp) count(stats::TcpExt::PAWSEstab);
  if (s.seq == w.rcv_nxt && s.len() == 0) return Verdict::done;  // the ACK that was expected: nothing to say
  // "The only thing that can arrive in this state is a retransmission of the remote FIN. Acknowledge it, and restart
  // the 2 MSL timeout." Anything else is answered too, but seldom.
  const bool fin_again = s.fin && s.end() == w.rcv_nxt;
  if (fin_again) time_waits_.restart(w);
  if (fin_again || may_answer(w.last_refusal)) send_time_wait_ack(w);
  return s.refuse(stats::DropReason::tcp_time_wait);
}

void Tcp::send_time_wait_ack(TimeWait& w) {
  Outgoing ack{.flow = w.key, .seq = w.snd_nxt, .ack = w.rcv_nxt, .flags = wire::tcp_flag::ack, .wnd = w.wnd};
  if (w.ts.enabled) {
    ack.options.has_timestamps = true;
    ack.options.ts_value = timestamp_clock(env_) + w.ts.offset;
    ack.options.ts_echo = w.ts.recent;
  }
  if (emit(ack, {}) == Sent::yes) count(stats::Tcp::OutSegs);
}

}  // namespace millrace::tcp
