// SPDX-License-Identifier: BSD-3-Clause
// Ports whose device hangs, asks for a reset or is gone: each ends, or begins anew, alone. On a thread of its own or, when the lcores
// have none, behind a pass; calls Port::check() and reset(), and asks the lcores through their control requests. dev_watchdog()
// and the drivers' tx_timeout, receive_path A9, A14.
#include <millrace/engine/port_control.hpp>

#include <millrace/engine/impl.hpp>

#include <millrace/base/log.hpp>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <utility>

namespace millrace {
namespace {

constexpr Duration watch_period = 1s;
constexpr Duration first_pause = 1s;
constexpr Duration longest_pause = 60s;

bool is_watched(const config::Port& port) { return port.driver == config::PortDriver::ethdev || port.driver == config::PortDriver::vdev; }

}  // namespace

void Engine::Impl::start_watchdog() {
  if (std::none_of(config.ports.begin(), config.ports.end(), is_watched)) return;
  watchdog = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any until_stopped;
    std::unique_lock lock(mutex);
    while (!until_stopped.wait_for(lock, stop, watch_period, [&] { return stop.stop_requested(); })) watch(monotonic.now());
  });
}

// Before the lcores' threads end: it waits for them.
void Engine::Impl::stop_watchdog() {
  if (watchdog.joinable()) watchdog = {};
}

void Engine::Impl::watch_if_due(Instant now) {
  if (now < next_watch) return;
  next_watch = now + watch_period;
  watch(now);
}

void Engine::Impl::watch(Instant now) {
  for (std::size_t port = 0; port < ports.size(); ++port)
    if (is_watched(config.ports[port])) watch(port, now);
}

void Engine::Impl::watch(std::size_t port, Instant now) {
  const runtime::McsLock::Guard lock(control_lock);
  if (health[port].is_dead) {
    if (now >= health[port].next_try) static_cast<void>(try_reset(port, now));
    return;
  }
  if (const auto fault = ports[port]->check(now))
    static_cast<void>(begin_anew(port, *fault, now));
  else if (is_up(port))
    look_for_lost_interrupts(port);
}

void Engine::Impl::look_for_lost_interrupts(std::size_t port) {
  for (std::uint16_t q = 0; q < rx_lcores[port].size(); ++q) {
    if (ports[port]->rx_queue(q).event_fd() < 0) continue;
    bool lost = false;
    on_poller(port, q, [&](runtime::RxPoller& poller) { lost = poller.misses_interrupt(); });
    if (lost) count(port, "lost_interrupts");
  }
}

Result<void> Engine::Impl::begin_anew(std::size_t port, const port::Fault& fault, Instant now) {
  PortHealth& of = health[port];
  log(LogLevel::warn, "port '" + config.ports[port].name + "': " + fault.detail + " (" + fault.cause + "): it begins anew");
  count(port, "reset_" + fault.cause);
  of.goes_up = is_up(port);
  if (of.goes_up) take_down(port);
  of.is_dead = true;
  of.pause = first_pause;
  return try_reset(port, now);
}

Result<void> Engine::Impl::try_reset(std::size_t port, Instant now) {
  PortHealth& of = health[port];
  const Result<void> done = ports[port]->reset();
  const bool is_alive = done || done.error().code == EOPNOTSUPP;  // it has been left as it was
  if (!is_alive) {
    const bool is_first = of.pause == first_pause;
    if (is_first) log(LogLevel::error, "port '" + config.ports[port].name + "' is dead: " + done.error().message + "; it will be tried again");
    of.next_try = now + of.pause;
    of.pause = std::min(2 * of.pause, longest_pause);
    return done;
  }
  of.is_dead = false;
  if (done) count(port, "resets");
  place(port);
  if (of.goes_up) bring_up(port);
  log(LogLevel::warn, "port '" + config.ports[port].name + "' goes on" + (done ? " after a reset" : ", for it cannot be reset"));
  return done;
}

Result<void> PortControl::reset() {
  Engine::Impl& impl = *engine_.impl_;
  const runtime::McsLock::Guard lock(impl.control_lock);
  if (!is_watched(impl.config.ports[index_])) return failure(EOPNOTSUPP, "port '" + impl.config.ports[index_].name + "': it has no device to reset");
  const Instant now = engine_.now();
  return impl.health[index_].is_dead ? impl.try_reset(index_, now) : impl.begin_anew(index_, {"asked", "a reset is asked for"}, now);
}

void Engine::Impl::count(std::size_t port, const std::string& name) {
  const std::lock_guard lock(health_lock);
  stats::NamedValues& all = health[port].counters;
  const auto at = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.first == name; });
  at == all.end() ? static_cast<void>(all.emplace_back(name, 1)) : static_cast<void>(++at->second);
}

}  // namespace millrace
