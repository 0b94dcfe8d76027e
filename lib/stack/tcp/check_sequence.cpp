// SPDX-License-Identifier: BSD-3-Clause
// First step: is the segment acceptable? Timestamps (PAWS), the window, and cutting off what lies outside it. Called
// by segment_arrives. RFC 9293 section 3.10.7.4, RFC 7323 sections 4.3 and 5, RFC 5961.
#include <millrace/stack/tcp/tcp.hpp>

#include <algorithm>

namespace millrace::tcp {
namespace {

bool is_acceptable(const ReceiveSequence& rcv, const Segment& s) {
  // The right edge itself is allowed to a segment without length: after a loss, the ACKs of a peer that has filled our
  // window bear that number, and they count (as in Linux; the RFC's strict "<" would lose them).
  if (s.len() == 0) return s.seq.in_window(rcv.nxt, rcv.wnd + 1);
  if (rcv.wnd == 0) return false;
  return s.seq.in_window(rcv.nxt, rcv.wnd) || (s.end() - 1).in_window(rcv.nxt, rcv.wnd);
}

// RFC 7323 section 5.5: a TS.Recent older than this proves nothing.
constexpr Duration timestamp_lifetime = 24 * 24h;

}  // namespace

Verdict Tcp::check_sequence(Connection& c, Segment& s) {
  if (c.state == State::syn_received && s.syn && s.seq == c.rcv.irs) {
    if (!s.has_ack) {  // the peer's SYN again: our SYN-ACK was lost
      c.syn_due = true;
      need_output(c);
      return s.refuse(stats::DropReason::tcp_duplicate);
    }
    // The SYN-ACK of a simultaneous open (RFC 9293 figure 7): its SYN is known, its ACK is what we wait for.
    s.syn = false;
    s.seq += 1;
    s.wnd >>= c.snd.scale;  // a SYN's window is not scaled; the fifth step will
  }
  if (paws_rejects(c, s)) {
    count(stats::TcpExt::PAWSEstab);
    if (!s.rst) refuse_politely(c, s);
    return s.refuse(stats::DropReason::tcp_paws);
  }
  if (!is_acceptable(c.rcv, s)) {
    // "Special allowance should be made to accept valid ACKs and RSTs" when the window is zero: the text goes, the
    // rest is looked at, and the peer, which is probing, gets its answer.
    const bool probe_of_zero_window = c.rcv.wnd == 0 && s.seq == c.rcv.nxt;
    if (!probe_of_zero_window) {
      if (!s.rst) refuse_politely(c, s);
      return s.refuse(s.end().at_or_before(c.rcv.nxt) ? stats::DropReason::tcp_duplicate
                                                      : stats::DropReason::tcp_out_of_window);
    }
    count(stats::TcpExt::TCPZeroWindowDrop);
    ack_now(c);
  }
  update_recent_timestamp(c, s);
  trim_to_window(c, s);
  return Verdict::next;
}

bool Tcp::paws_rejects(const Connection& c, const Segment& s) const {
  // A RST is never rejected by its timestamp (RFC 7323 section 5.2).
  return c.ts.enabled && s.options.has_timestamps && !s.rst &&
         Seq(s.options.ts_value).before(Seq(c.ts.recent)) && env_.now - c.ts.recent_at < timestamp_lifetime;
}

void Tcp::update_recent_timestamp(Connection& c, const Segment& s) {
  // RFC 7323 section 4.3 (2): SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent.
  if (!c.ts.enabled || !s.options.has_timestamps || s.rst || s.seq.after(c.rcv.acked)) return;
  c.ts.recent = s.options.ts_value;
  c.ts.recent_at = env_.now;
}

void Tcp::trim_to_window(Connection& c, Segment& s) {
  if (s.seq.before(c.rcv.nxt)) {
    std::uint32_t known = c.rcv.nxt - s.seq;
    if (s.syn) {
      s.syn = false;
      --known;
    }
    s.seq = c.rcv.nxt;
    if (known > s.payload()) s.fin = false;
    if (known > 0) {
      // A retransmission: the peer has not seen our ACK (RFC 9293 section 3.10.7.4).
      s.packet.trim_front(std::min(known, s.payload()));
      enter_quick_ack(c);
      ack_now(c);
    }
  }
  const Seq edge = c.rcv.nxt + c.rcv.wnd;
  if (s.end().after(edge)) {
    s.fin = false;
    if (s.end().after(edge)) s.packet.truncate(edge.after(s.seq) ? edge - s.seq : 0);
  }
}

void Tcp::refuse_politely(Connection& c, const Segment& s) {
  // "If an incoming segment is not acceptable, an acknowledgment should be sent in reply." Without text it may be
  // itself such an answer, so those are limited (Linux: tcp_invalid_ratelimit), lest two peers never stop.
  if (s.payload() > 0) enter_quick_ack(c);
  if (s.payload() > 0 || may_answer(c.last_refusal)) ack_now(c);
}

void Tcp::challenge(Connection& c) {
  // RFC 5961 section 7: challenge ACKs are throttled; per connection, so that no one learns anything from the limit.
  if (!may_answer(c.last_refusal)) return;
  count(stats::TcpExt::TCPChallengeACK);
  ack_now(c);
}

bool Tcp::may_answer(std::optional<Instant>& last) {
  if (last && env_.now - *last < config_.invalid_ratelimit) return false;
  last = env_.now;
  return true;
}

}  // namespace millrace::tcp
