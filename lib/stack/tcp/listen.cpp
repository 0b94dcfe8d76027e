// SPDX-License-Identifier: BSD-3-Clause
// A segment for a listener: a SYN makes a half-open connection. Called by dispatch and time_wait_arrives.
// RFC 9293 section 3.10.7.2; the bounds are Linux's (receive_path K5).
#include <millrace/stack/tcp/isn.hpp>
#include <millrace/stack/tcp/tcp.hpp>

namespace millrace::tcp {

Verdict Tcp::listen_arrives(Listener& l, Segment& s, Seq iss) {
  if (s.rst) return s.refuse(stats::DropReason::tcp_no_connection);  // first
  if (s.has_ack) return closed_arrives(s);                           // second
  // third: SYN. One with FIN is nobody's attempt to connect: Linux drops it, as RFC 9293 allows.
  if (!s.syn || s.fin) return s.refuse(stats::DropReason::tcp_bad_flags);

  if (l.accept_queue_full()) {
    count(stats::TcpExt::ListenOverflows);
    count(stats::TcpExt::ListenDrops);
    return s.refuse(stats::DropReason::tcp_listen_overflow);
  }
  if (l.syn_length_ > l.backlog_ || l.syn_length_ >= config_.max_syn_backlog) {
    count(stats::TcpExt::TCPReqQFullDrop);
    count(stats::TcpExt::ListenDrops);
    return s.refuse(stats::DropReason::tcp_syn_queue_full);
  }
  Connection* c = create(s.flow);
  if (c == nullptr) {
    count(stats::TcpExt::ListenDrops);
    return s.refuse(stats::DropReason::tcp_no_memory);
  }
  c->passive = true;
  c->listener_ = &l;
  c->filter_ = l.filter_;  // sk_clone_lock()
  l.syn_queue_.push_back(*c);
  ++l.syn_length_;
  start_sequence(*c, iss);
  c->rcv.irs = s.seq;
  c->rcv.nxt = c->rcv.acked = s.seq + 1;
  take_options(*c, s);
  c->snd.wnd = c->snd.max_wnd = s.wnd;  // the window of a SYN is never scaled (RFC 7323 section 2.2)
  c->state = State::syn_received;
  c->syn_due = true;
  need_output(*c);
  // Text that came with the SYN is left to be sent again: it may be kept only until the handshake is complete.
  return s.payload() > 0 ? s.refuse(stats::DropReason::tcp_data_in_syn) : Verdict::done;
}

}  // namespace millrace::tcp
