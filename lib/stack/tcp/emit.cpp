// SPDX-License-Identifier: BSD-3-Clause
// Builds segments and gives them to IP: a direct buffer for the header, references for the payload, so that nothing is
// copied, on a retransmission neither. Called by output, the steps that answer without a connection, and close.
#include <millrace/stack/tcp/isn.hpp>
#include <millrace/stack/tcp/output.hpp>

#include <millrace/pkt/pool.hpp>
#include <millrace/wire/protocol.hpp>

#include <cerrno>

namespace millrace::tcp {

namespace {

// Linux: tcp_set_skb_tso_segs(). data() begins at the TCP header, the only thing in the datagram yet.
void mark_segments(pkt::Packet& datagram, std::uint32_t mss, std::uint32_t payload) {
  pkt::Meta& meta = datagram.meta();
  meta.payload_offset = static_cast<std::uint16_t>(datagram.length());
  meta.gso_size = static_cast<std::uint16_t>(mss);
  meta.gso_segs = static_cast<std::uint16_t>((payload + mss - 1) / mss);
}

}  // namespace

Tcp::Sent Tcp::emit(const Outgoing& o, pkt::Packet payload) {
  trace(env_, TracePoint::tcp_transmit_skb);
  pkt::Packet datagram = make_packet(env_);
  if (!datagram) {
    if (payload) consume(env_, std::move(payload), stats::Ledger::used);
    count(stats::TcpExt::TCPNoBuffer);
    return Sent::no_buffer;
  }
  const std::size_t length = wire::tcp_header_bytes + wire::emitted_length(o.options);
  std::uint8_t* at = datagram.append(static_cast<std::uint16_t>(length));
  wire::emit(wire::TcpHeader{.source_port = o.flow.local_port,
                             .destination_port = o.flow.remote_port,
                             .seq = o.seq.value(),
                             .ack = o.ack.value(),
                             .header_length = static_cast<std::uint8_t>(length),
                             .flags = o.flags,
                             .window = o.wnd},
             at);
  wire::emit(o.options, at + wire::tcp_header_bytes);
  if (payload) {
    if (payload.length() > o.mss) mark_segments(datagram, o.mss, payload.length());
    join(env_, datagram, std::move(payload));
  }
  datagram.meta().tx_checksum = pkt::ChecksumRequest::tcp;
  const ip::SendHeader header{.source = o.flow.local, .destination = o.flow.remote, .proto = wire::ip_proto::tcp, .traffic_class = o.traffic_class, .route = o.route, .link_mtu_only = true};
  switch (ip_.send(std::move(datagram), header)) {
    case ip::SendVerdict::no_buffer: count(stats::TcpExt::TCPNoBuffer); return Sent::no_buffer;
    case ip::SendVerdict::too_big: return Sent::too_big;
    // Without a route it is lost, like a segment lost further on: a timer sends it again.
    case ip::SendVerdict::no_route:
    case ip::SendVerdict::blackhole:
    case ip::SendVerdict::host_unreachable:
    case ip::SendVerdict::prohibited:
    case ip::SendVerdict::denied:
    case ip::SendVerdict::sent: break;
  }
  return Sent::yes;
}

Tcp::Outgoing Tcp::outgoing(const Connection& c, Seq seq) const {
  Outgoing o{.flow = c.key, .seq = seq, .ack = c.rcv.nxt, .flags = wire::tcp_flag::ack, .wnd = window_field(c), .mss = c.mss, .route = &c.route};
  if (c.ts.enabled) {
    o.options.has_timestamps = true;
    o.options.ts_value = timestamp_clock(env_) + c.ts.offset;
    o.options.ts_echo = c.ts.recent;
  }
  return o;
}

void Tcp::acknowledged(Connection& c, std::uint16_t window) {
  c.rcv.wnd = std::uint32_t{window} << c.rcv.scale;
  c.rcv.acked = c.rcv.nxt;
  c.ack.now = false;
  c.deadlines[Deadline::delayed_ack] = never;
}

Tcp::Sent Tcp::send_range(Connection& c, Seq from, std::uint32_t length) {
  Outgoing o = outgoing(c, from);
  Seq end = from + length;
  pkt::Packet payload;
  if (length > 0) {
    payload = c.sending.slice(env_, from, length);
    if (!payload) {
      count(stats::TcpExt::TCPNoBuffer);
      return Sent::no_buffer;
    }
    if (end == c.sending.end()) o.flags |= wire::tcp_flag::psh;
  }
  if (c.fin_queued && end == c.fin_seq() && (c.fin_sent() || end - c.snd.una < c.snd.wnd)) {
    o.flags |= wire::tcp_flag::fin;
    end += 1;
  }
  const Sent sent = emit(o, std::move(payload));
  if (sent == Sent::no_buffer) return sent;
  if (sent == Sent::too_big) {
    const std::uint32_t before = c.mss;
    refresh_mss(c);
    if (c.mss < before) return Sent::yes;  // again, in smaller pieces
  }
  acknowledged(c, o.wnd);
  account_sent(c, from, end);
  return Sent::yes;
}

Tcp::Sent Tcp::send_ack(Connection& c) {
  const Outgoing o = outgoing(c, c.snd.nxt);
  const Sent sent = emit(o, {});
  if (sent == Sent::no_buffer) return sent;
  count(stats::Tcp::OutSegs);
  acknowledged(c, o.wnd);
  return Sent::yes;
}

Tcp::Sent Tcp::send_probe(Connection& c) {
  // As Linux: a number already acknowledged and no text. It is not acceptable, so the peer must answer with an ACK,
  // which tells its window (RFC 9293 section 3.10.7.4, first step).
  const Outgoing o = outgoing(c, c.snd.una - 1);
  const Sent sent = emit(o, {});
  if (sent == Sent::no_buffer) return sent;
  count(stats::Tcp::OutSegs);
  count(stats::TcpExt::TCPWinProbe);
  acknowledged(c, o.wnd);
  return Sent::yes;
}

Tcp::Sent Tcp::send_syn(Connection& c) {
  const bool answer = c.state == State::syn_received;
  Outgoing o = outgoing(c, c.snd.iss);
  o.flags = wire::tcp_flag::syn;
  if (answer) o.flags |= wire::tcp_flag::ack;
  if (!answer) o.ack = Seq{};
  o.wnd = static_cast<std::uint16_t>(std::min(c.rcv.wnd, 65535u));  // never scaled (RFC 7323 section 2.2)
  o.options.mss = mss_to_announce(c);
  // Offered by a SYN, confirmed by a SYN-ACK (RFC 7323 sections 2.2 and 3.2).
  if (answer ? c.scaling : config_.window_scaling) o.options.window_scale = c.rcv.scale;
  if (!answer && config_.timestamps) {
    o.options.has_timestamps = true;
    o.options.ts_value = timestamp_clock(env_) + c.ts.offset;
  }
  const Sent sent = emit(o, {});
  if (sent == Sent::no_buffer) return sent;
  c.syn_due = c.ack.now = false;
  c.last_sent = env_.now;
  if (c.syn_transmits++ == 0) {
    count(stats::Tcp::OutSegs);
    c.recovery.timed = c.snd.iss + 1;
    c.recovery.timed_at = env_.now;
  } else {
    count(stats::Tcp::RetransSegs);
    count(stats::TcpExt::TCPSynRetrans);
    c.recovery.timed.reset();
  }
  Instant& retransmit = c.deadlines[Deadline::retransmit];
  if (retransmit == never) retransmit = env_.now + c.rtt.rto();
  return Sent::yes;
}

void Tcp::send_rst(Connection& c) {
  // RFC 9293 section 3.10.5: <SEQ=SND.NXT><CTL=RST>; with ACK, as everyone does.
  Outgoing o{.flow = c.key, .seq = c.snd.nxt, .ack = c.rcv.nxt,
             .flags = static_cast<std::uint8_t>(wire::tcp_flag::rst | wire::tcp_flag::ack)};
  send_reset(o);
}

// A reset is a segment sent, too: tcp_v4_send_reset(), tcp_send_active_reset().
void Tcp::send_reset(const Outgoing& reset) {
  if (emit(reset, {}) != Sent::yes) return;
  count(stats::Tcp::OutSegs);
  count(stats::Tcp::OutRsts);
}

}  // namespace millrace::tcp
