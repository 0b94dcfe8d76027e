// SPDX-License-Identifier: BSD-3-Clause
// Construction and flush(): where everything that was decided is done. Called by the runtime after each burst, timer
// batch and API call; calls the application, output and settle.
#include <millrace/stack/tcp/tcp.hpp>

#include <millrace/base/assert.hpp>

#include <utility>

namespace millrace::tcp {

Tcp::Tcp(Env& env, ip::Output& ip, steer::FlowTable& owners, std::uint16_t stack_id, const Config& config)
    : env_(env),
      ip_(ip),
      owners_(owners),
      stack_(stack_id),
      config_(config),
      slab_(config.max_connections),
      time_waits_(env, owners, config) {
  MR_ASSERT(config.port_stride > 0 && config.port_low <= config.port_high);
}

Tcp::~Tcp() { shutdown_all(); }

void Tcp::flush() {
  if (flushing_) return;  // called from inside an event: the loop below goes on until nothing is left
  flushing_ = true;
  do {
    deliver_accepts();
    while (Tcb* tcb = work_.pop_front()) {
      Connection& c = connection(*tcb);
      deliver_events(c);
      if (c.state != State::closed && c.output_due) output(c);
      settle(c);
    }
  } while (!ready_listeners_.empty());
  while (Tcb* tcb = dead_.pop_front()) slab_.destroy(&connection(*tcb));
  closed_listeners_.clear();
  flushing_ = false;
}

void Tcp::deliver_accepts() {
  while (Listener* listener = ready_listeners_.pop_front()) listener->events_.on_accept(*listener);
}

void Tcp::deliver_events(Connection& c) {
  // Any of these may end the connection or change who is told: each is looked at anew.
  if (c.events_ != nullptr && std::exchange(c.pending.connected, false)) c.events_->on_connected(c);
  if (c.events_ != nullptr && std::exchange(c.pending.readable, false)) c.events_->on_readable(c);
  if (c.events_ != nullptr && std::exchange(c.pending.writable, false)) c.events_->on_writable(c);
  if (c.events_ != nullptr && std::exchange(c.pending.closed, false)) c.events_->on_closed(c, c.error);
}

std::uint64_t Tcp::established() {
  std::uint64_t count = 0;
  for (Tcb* c = all_.front(); c != nullptr; c = all_.next(*c)) count += c->state == State::established || c->state == State::close_wait;
  return count;
}

std::pair<std::uint64_t, std::uint64_t> Tcp::sockets() {
  std::pair<std::uint64_t, std::uint64_t> count{0, 0};
  const auto add = [&](const IpAddress& address) { ++(address.is_v4() ? count.first : count.second); };
  for (Tcb* c = all_.front(); c != nullptr; c = all_.next(*c)) add(c->key.local);
  for (const auto& [local, listener] : listeners_) add(local.address);
  return count;
}

}  // namespace millrace::tcp
