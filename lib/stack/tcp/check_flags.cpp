// SPDX-License-Identifier: BSD-3-Clause
// Second and fourth step: the RST and SYN bits of an acceptable segment. Called by segment_arrives.
// RFC 9293 section 3.10.7.4, with the protections of RFC 5961 that it took in.
#include <millrace/stack/tcp/tcp.hpp>

#include <cerrno>

namespace millrace::tcp {

Verdict Tcp::check_rst(Connection& c, Segment& s) {
  if (!s.rst) return Verdict::next;
  if (s.seq != c.rcv.nxt) {  // in the window, but not where the peer's next byte belongs: ask it
    challenge(c);
    return s.refuse(stats::DropReason::tcp_reset);
  }
  switch (c.state) {
    case State::syn_received:
      fail(c, c.passive ? 0 : ECONNREFUSED);  // passive: back to LISTEN, silently
      break;
    case State::closing:
    case State::last_ack: fail(c, 0); break;
    default: fail(c, ECONNRESET); break;
  }
  return s.refuse(stats::DropReason::tcp_reset);
}

Verdict Tcp::check_syn(Connection& c, Segment& s) {
  if (!s.syn) return Verdict::next;
  if (c.state == State::syn_received && c.passive) {  // RFC 9293: "return to LISTEN"
    fail(c, 0);
  } else {
    count(stats::TcpExt::TCPSYNChallenge);
    challenge(c);
  }
  return s.refuse(stats::DropReason::tcp_unexpected_syn);
}

}  // namespace millrace::tcp
