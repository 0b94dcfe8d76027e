// SPDX-License-Identifier: BSD-3-Clause
// How a connection ends: CLOSE and ABORT, resets, TIME-WAIT, and the way back of its memory. Called from above and by
// every step that ends one. RFC 9293 sections 3.6, 3.10.4 and 3.10.5.
#include <millrace/stack/tcp/tcp.hpp>
#include <millrace/steer/flow_table.hpp>

#include <cerrno>
#include <utility>

namespace millrace::tcp {

void Tcp::queue_fin(Connection& c) {
  if (c.fin_queued || c.state == State::closed) return;
  c.fin_queued = true;
  if (c.state == State::established) c.state = State::fin_wait_1;
  if (c.state == State::close_wait) c.state = State::last_ack;
  need_output(c);
}

void Tcp::release(Connection& c) {
  c.held = false;
  c.events_ = nullptr;
  c.read_closed = true;
  mark(c);
  if (c.state == State::closed) return;
  if (c.state == State::syn_sent) return finish_close(c, 0, stats::DropReason::tcp_aborted);
  if (c.receiving.bytes() > 0) {  // RFC 1122 section 4.2.2.13: the peer must learn that its data was not taken
    count(stats::TcpExt::TCPAbortOnClose);
    return reset(c, stats::DropReason::tcp_aborted);
  }
  queue_fin(c);
  if (c.state == State::fin_wait_2) c.deadlines[Deadline::fin_wait_2] = env_.now + config_.fin_timeout;
}

void Tcp::abort(Connection& c) {
  c.held = false;
  c.events_ = nullptr;
  mark(c);
  reset(c, stats::DropReason::tcp_aborted);
}

void Tcp::reset(Connection& c, stats::DropReason reason) {
  if (c.state == State::closed) return;
  if (c.state != State::syn_sent) send_rst(c);
  finish_close(c, ECONNRESET, reason);
}

void Tcp::fail(Connection& c, int error) { finish_close(c, error, stats::DropReason::tcp_aborted); }

void Tcp::finish_close(Connection& c, int error, stats::DropReason reason) {
  const State before = std::exchange(c.state, State::closed);
  if (before == State::closed) return;
  if (before == State::syn_sent || before == State::syn_received) count(stats::Tcp::AttemptFails);
  if (before == State::established || before == State::close_wait) count(stats::Tcp::EstabResets);
  if (before == State::syn_received && c.passive) {
    c.queue_hook.unlink();
    --c.listener_->syn_length_;
  }
  owners_.erase(c.key);
  c.error = error;
  c.deadlines.clear();
  env_.wheel->cancel(c.timer);
  c.want_write = c.syn_due = c.ack.now = false;
  c.sending.clear(env_, reason);
  c.receiving.drop_early(env_, reason);
  c.pending.connected = c.pending.writable = false;
  c.pending.closed = true;
  mark(c);
}

void Tcp::enter_time_wait(Connection& c) {
  if (c.ack.now) send_ack(c);  // the last thing that it does as a connection; lost, the peer's FIN comes again
  const std::uint16_t wnd = window_field(c);
  finish_close(c, 0, stats::DropReason::tcp_aborted);
  time_waits_.add(c, wnd);
}

void Tcp::close(Listener& l) {
  if (l.closed_) return;
  l.closed_ = true;
  l.ready_hook_.unlink();
  for (auto* queue : {&l.syn_queue_, &l.accept_queue_}) {
    while (Tcb* tcb = queue->front()) {
      Connection& c = connection(*tcb);
      reset(c, stats::DropReason::tcp_aborted);
      c.queue_hook.unlink();  // a half-open one was taken off already
      c.listener_ = nullptr;
      mark(c);
    }
  }
  // It may be on_accept that closes it: the object lives until flush() has left the callback.
  const auto at = listeners_.find(l.local_);
  closed_listeners_.push_back(std::move(at->second));
  listeners_.erase(at);
}

void Tcp::settle(Connection& c) {
  if (c.state != State::closed) return arm_timer(c);
  if (c.held || c.queue_hook.is_linked()) return;
  c.receiving.clear(env_, stats::DropReason::tcp_unread);
  c.work_hook.unlink();
  dead_.push_back(c);
}

void Tcp::shutdown_all() {
  while (!listeners_.empty()) close(*listeners_.begin()->second);
  while (Tcb* tcb = all_.front()) {
    Connection& c = connection(*tcb);
    if (c.state != State::closed && c.state != State::syn_sent) send_rst(c);
    finish_close(c, 0, stats::DropReason::shutdown);
    c.receiving.clear(env_, stats::DropReason::shutdown);
    slab_.destroy(&c);
  }
  time_waits_.clear();
  closed_listeners_.clear();
}

}  // namespace millrace::tcp
