// SPDX-License-Identifier: BSD-3-Clause
// The answer to our SYN. Called by segment_arrives. RFC 9293 section 3.10.7.3.
#include <millrace/stack/tcp/tcp.hpp>

#include <cerrno>

namespace millrace::tcp {

Verdict Tcp::syn_sent_arrives(Connection& c, Segment& s) {
  // first: the ACK bit. Only our SYN can be acknowledged: nothing else was sent.
  if (s.has_ack && s.ack != c.snd.iss + 1) return closed_arrives(s);
  // second: the RST bit
  if (s.rst) {
    if (!s.has_ack) return s.refuse(stats::DropReason::tcp_bad_ack);
    fail(c, ECONNREFUSED);
    return s.refuse(stats::DropReason::tcp_reset);
  }
  // third: security; fourth: the SYN bit
  if (!s.syn) return s.refuse(stats::DropReason::tcp_bad_flags);

  c.rcv.irs = s.seq;
  c.rcv.nxt = c.rcv.acked = s.seq + 1;
  take_options(c, s);
  set_peer_window(c, s, s.wnd);  // never scaled in a SYN (RFC 7323 section 2.2)
  s.syn = false;                 // what follows stands behind it
  s.seq += 1;
  if (!s.has_ack) {  // simultaneous open, RFC 9293 figure 7
    c.state = State::syn_received;
    c.syn_due = true;
    need_output(c);
    return Verdict::done;
  }
  syn_acked(c, s);
  enter_established(c, s);
  ack_now(c);
  // Text or FIN that came with the SYN is left to be sent again, as in listen.cpp.
  return s.len() > 0 ? s.refuse(stats::DropReason::tcp_data_in_syn) : Verdict::done;
}

}  // namespace millrace::tcp
