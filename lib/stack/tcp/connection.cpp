// SPDX-License-Identifier: BSD-3-Clause
// The application's calls on a connection. Called by socket/; they change queues and flags and mark the connection for
// flush(). RFC 9293 sections 3.10.2 to 3.10.5, POSIX for the results.
#include <millrace/stack/tcp/connection.hpp>

#include <millrace/stack/tcp/tcp.hpp>

#include <cerrno>

namespace millrace::tcp {

Connection::Connection(Tcp& tcp, const FlowKey& flow) : Tcb(flow, tcp.config_, &Tcp::on_timer, this), tcp_(tcp) {}

std::int64_t Connection::read(std::span<std::uint8_t> into, pkt::RxTimes* received) {
  if (const std::size_t n = receiving.read(tcp_.env_, into, received); n > 0) {
    after_read(n);
    return static_cast<std::int64_t>(n);
  }
  if (into.empty()) return 0;
  if (error != 0) return -error;
  return at_end() || state == State::closed ? 0 : -EAGAIN;
}

pkt::Packet Connection::read_packet() {
  pkt::Packet payload = receiving.pop();
  if (payload) after_read(payload.length());
  return payload;
}

bool Connection::at_end() const { return rcv.fin && rcv.nxt.after(*rcv.fin) && receiving.bytes() == 0; }

void Connection::after_read(std::size_t bytes) {
  if (!may_receive()) return;
  tcp_.grow_receive_space(*this, static_cast<std::uint32_t>(bytes));
  // A window update when the window at least doubles (Linux: tcp_cleanup_rbuf).
  const std::uint32_t now = rcv.wnd;
  if (2 * now > space.bytes) return;
  const std::uint32_t next = tcp_.window_to_offer(*this);
  if (next > now && next >= 2 * now) tcp_.ack_now(*this);
}

std::int64_t Connection::write(std::span<const std::uint8_t> bytes) {
  if (error != 0) return -error;
  if (fin_queued || state == State::closed) return -EPIPE;
  std::size_t taken = 0;
  const std::uint32_t limit = tcp_.send_memory_limit(*this);
  if (synchronized()) taken = sending.append(tcp_.env_, bytes, mss, limit, snd.nxt);
  if (taken < bytes.size()) {
    want_write = true;
    if (synchronized() && sending.memory() < limit) {  // the pool is empty: nobody's ACK will say when it is not
      tcp_.count(stats::TcpExt::TCPNoBuffer);
      deadlines[Deadline::again] = std::min(deadlines[Deadline::again], tcp_.env_.now + tcp_.config_.resource_probe);
      tcp_.mark(*this);
    }
  }
  if (taken == 0) return bytes.empty() ? 0 : -EAGAIN;
  tcp_.need_output(*this);
  return static_cast<std::int64_t>(taken);
}

std::uint32_t Connection::writable() {
  if (fin_queued || state == State::closed) return 0;
  const std::uint32_t room = synchronized() ? tcp_.send_room(*this) : 0;
  want_write |= room == 0;
  return room;
}

void Connection::shutdown_write() { tcp_.queue_fin(*this); }

void Connection::close() { tcp_.release(*this); }

void Connection::abort() { tcp_.abort(*this); }

void Connection::set_events(Events* events) {
  events_ = events;
  if (events == nullptr) return;
  pending.readable = receiving.bytes() > 0 || at_end();
  tcp_.mark(*this);
}

void Connection::no_delay(bool on) {
  nodelay = on;
  if (on) tcp_.need_output(*this);
}

void Connection::set_rcvbuf(std::uint32_t bytes) {
  space.locked = bytes;
  space.bytes = std::min(bytes / 2, 65535u << rcv.scale);
}

void Connection::set_sndbuf(std::uint32_t bytes) {
  sndbuf_locked = bytes;
  if (!want_write || sending.memory() >= bytes) return;
  want_write = false;
  pending.writable = true;
  tcp_.mark(*this);
}

std::uint32_t Connection::sndbuf() const { return tcp_.send_memory_limit(*this); }

ConnectionInfo Connection::info() const {
  return {.srtt = rtt.srtt(),
          .rttvar = rtt.rttvar(),
          .rto = rtt.rto(),
          .mss = mss,
          .cwnd_bytes = congestion.cwnd(),
          .ssthresh_bytes = congestion.ssthresh(),
          .in_flight_bytes = in_flight(),
          .send_window_bytes = snd.wnd,
          .receive_window_bytes = rcv.wnd,
          .retransmitted_segments = retransmitted,
          .bytes_received = bytes_received,
          .bytes_acked = bytes_acked};
}

const char* to_string(State state) {
  switch (state) {
    case State::closed: return "CLOSED";
    case State::syn_sent: return "SYN-SENT";
    case State::syn_received: return "SYN-RECEIVED";
    case State::established: return "ESTABLISHED";
    case State::fin_wait_1: return "FIN-WAIT-1";
    case State::fin_wait_2: return "FIN-WAIT-2";
    case State::close_wait: return "CLOSE-WAIT";
    case State::closing: return "CLOSING";
    case State::last_ack: return "LAST-ACK";
  }
  return "?";
}

}  // namespace millrace::tcp
