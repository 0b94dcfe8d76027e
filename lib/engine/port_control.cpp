// SPDX-License-Identifier: BSD-3-Clause
// A port's knobs while it runs. Called by applications through Engine::port(); asks the lcores through their control
// requests.
#include <millrace/engine/port_control.hpp>

#include <millrace/engine/impl.hpp>
#include <millrace/engine/options.hpp>
#include <millrace/engine/rss.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <utility>

namespace millrace {

Result<PortControl> Engine::port(std::string_view name) {
  for (std::size_t i = 0; i < impl_->config.ports.size(); ++i)
    if (impl_->config.ports[i].name == name) return PortControl(*this, i);
  return failure(ENODEV, "there is no port '" + std::string(name) + "'");
}

// Has an lcore make `f` between two of its passes, and waits; here, when it has no thread.
void Engine::Impl::control(std::uint16_t lcore, const std::function<void()>& f) {
  if (!is_running()) {
    lcores[lcore]->env().now = is_manual() ? manual.peek() : monotonic.now();  // it may have stood still since the last pass
    f();
    return lcores[lcore]->settle();
  }
  std::promise<void> done;
  while (!lcores.shared(lcore)->post_control([&] {
    f();
    done.set_value();
  }))
    std::this_thread::yield();
  done.get_future().get();
}

// Gives a queue to its lcore, with its steering as it is wanted now.
void Engine::Impl::plant(std::size_t port, std::uint16_t queue, std::unique_ptr<runtime::RxPoller> poller) {
  const auto ifindex = static_cast<std::uint16_t>(port + 1);
  runtime::Lcore& lcore = *lcores[rx_lcores[port][queue]];
  lcore.parts.steer->set_rps(ifindex, queue, steer::RpsMap::of(steering[port][queue].rps_cpus));
  lcore.parts.steer->set_rps_flow_cnt(ifindex, queue, steering[port][queue].rps_flow_cnt);
  lcore.parts.steer->set_ntuple(ifindex, config.ports[port].ntuple);
  poller->configure_gro(lcore.env(), gro_of(port));  // it may have missed a change
  lcore.adopt(std::move(poller));
}

// Takes a queue from its lcore: no poll of it begins any more, however busy the lcore is until it makes the request.
std::unique_ptr<runtime::RxPoller> Engine::Impl::uproot(std::size_t port, std::uint16_t queue, std::uint16_t lcore) {
  lcores.shared(lcore)->poller_of(napi_id(port, queue))->request_disable();
  std::unique_ptr<runtime::RxPoller> poller;
  control(lcore, [&] { poller = lcores[lcore]->release(napi_id(port, queue)); });
  return poller;
}

// Takes a queue from its lcore and gives it to `to`, to be steered as is wanted now. What the old lcore has handed over is
// delivered before anything that comes later is steered (receive_path F8, X18).
void Engine::Impl::replant(std::size_t port, std::uint16_t queue, std::uint16_t to) {
  if (is_up(port)) drop_rules(port, queue);
  const std::uint16_t from = std::exchange(rx_lcores[port][queue], to);
  if (from != to) place(port);
  if (!is_up(port)) return;
  std::unique_ptr<runtime::RxPoller> poller = uproot(port, queue, from);
  for (std::uint16_t target = 0; target < lcores.size(); ++target)
    control(target, [&] { lcores[target]->parts.backlog->drain(lcores[target]->env(), from); });
  control(to, [&] { plant(port, queue, std::move(poller)); });
}

// Tells the lcores where the port's RSS brings its flows by now.
void Engine::Impl::place(std::size_t port) {
  const std::vector<std::uint16_t>& by_queue = rx_lcores[port];
  const std::optional<wire::Rss> rss = ports[port]->rss();
  const bool is_told = rss && std::has_single_bit(rss->reta.size()) &&
                       std::all_of(rss->reta.begin(), rss->reta.end(), [&](std::uint16_t queue) { return queue < by_queue.size(); });
  replace(*placements[port], is_told ? std::make_unique<const steer::RxPlacement>(*rss, by_queue) : nullptr);
}

Result<void> Engine::Impl::respread(std::size_t port, const config::Rss& rss) {
  return while_still(port, [&] {
    Result<void> done = ask_rss(*ports[port], rss).and_then([&](const wire::Rss& asked) { return obeyed(*ports[port], asked); });
    place(port);
    return done;
  });
}

// Makes a change while nobody polls, and no flow has a rule. What waits in the device then is taken before what comes
// behind the change, so that no flow overtakes itself (receive_path F22, X18).
Result<void> Engine::Impl::while_still(std::size_t port, const std::function<Result<void>()>& change) {
  if (!is_up(port)) return change();
  drop_rules(port);
  const std::vector<std::uint16_t>& by_queue = rx_lcores[port];
  std::vector<std::unique_ptr<runtime::RxPoller>> pollers(by_queue.size());
  std::vector<int> waiting(by_queue.size());
  for (std::uint16_t q = 0; q < by_queue.size(); ++q) pollers[q] = uproot(port, q, by_queue[q]);
  for (std::uint16_t q = 0; q < by_queue.size(); ++q) waiting[q] = ports[port]->rx_queue(q).waiting();
  Result<void> done = change();
  for (std::uint16_t q = 0; q < by_queue.size(); ++q)
    control(by_queue[q], [&] { pollers[q]->take_waiting(lcores[by_queue[q]]->env(), waiting[q]); });
  for (std::uint16_t target = 0; target < lcores.size(); ++target)
    control(target, [&] {
      for (std::uint16_t source = 0; source < lcores.size(); ++source) lcores[target]->parts.backlog->drain(lcores[target]->env(), source);
    });
  for (std::uint16_t q = 0; q < by_queue.size(); ++q) control(by_queue[q], [&] { plant(port, q, std::move(pollers[q])); });
  return done;
}

Result<void> PortControl::check_queue(std::uint16_t queue) const {
  const std::size_t queues = engine_.impl_->rx_lcores[index_].size();
  if (queue < queues) return {};
  return failure(EINVAL, "rx queue " + std::to_string(queue) + ": the port has " + std::to_string(queues));
}

Result<void> PortControl::set_smp_affinity(std::uint16_t queue, const config::LcoreMask& mask) {
  Engine::Impl& impl = *engine_.impl_;
  if (Result<void> there = check_queue(queue); !there) return there;
  std::uint16_t to = 0;
  while (to < mask.size() && !mask.test(to)) ++to;
  if (to >= impl.lcores.size())
    return failure(EINVAL, "smp_affinity " + config::to_string(mask) + " names no lcore; there are " + std::to_string(impl.lcores.size()));
  const runtime::McsLock::Guard lock(impl.control_lock);
  if (to != impl.rx_lcores[index_][queue]) impl.replant(index_, queue, to);
  return {};
}

config::LcoreMask PortControl::smp_affinity(std::uint16_t queue) const {
  return config::LcoreMask().set(engine_.impl_->rx_lcores[index_].at(queue));
}

// As the configuration would have it, of one queue.
Result<void> PortControl::steer(std::uint16_t queue, const config::LcoreMask& rps_cpus, std::uint32_t rps_flow_cnt) {
  Engine::Impl& impl = *engine_.impl_;
  if (Result<void> there = check_queue(queue); !there) return there;
  Config wanted = impl.config;
  wanted.ports[index_].rps_cpus = rps_cpus;
  wanted.ports[index_].rps_flow_cnt = rps_flow_cnt;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  const runtime::McsLock::Guard lock(impl.control_lock);
  impl.steering[index_][queue] = {rps_cpus, rps_flow_cnt};
  impl.replant(index_, queue, impl.rx_lcores[index_][queue]);
  return {};
}

Result<void> PortControl::set_rps_cpus(std::uint16_t queue, const config::LcoreMask& mask) {
  return steer(queue, mask, queue < engine_.impl_->steering[index_].size() ? engine_.impl_->steering[index_][queue].rps_flow_cnt : 0);
}

config::LcoreMask PortControl::rps_cpus(std::uint16_t queue) const { return engine_.impl_->steering[index_].at(queue).rps_cpus; }

Result<void> PortControl::set_rps_flow_cnt(std::uint16_t queue, std::uint32_t flows) {
  return steer(queue, queue < engine_.impl_->steering[index_].size() ? rps_cpus(queue) : config::LcoreMask(), flows);
}

std::uint32_t PortControl::rps_flow_cnt(std::uint16_t queue) const {
  const std::uint32_t flows = engine_.impl_->steering[index_].at(queue).rps_flow_cnt;
  return flows == 0 ? 0 : std::bit_ceil(flows);
}

void PortControl::set_up(bool up) {
  Engine::Impl& impl = *engine_.impl_;
  const runtime::McsLock::Guard lock(impl.control_lock);
  if (impl.health[index_].is_dead) {
    impl.health[index_].goes_up = up;
    return;
  }
  if (up == impl.is_up(index_)) return;
  up ? impl.bring_up(index_) : impl.take_down(index_);
}

Result<void> PortControl::set_promiscuous(bool on) { return engine_.impl_->ports[index_]->set_promiscuous(on); }

Result<void> PortControl::set_allmulticast(bool on) { return engine_.impl_->ports[index_]->set_allmulticast(on); }

Result<void> PortControl::set_multicast(std::span<const MacAddress> groups) { return engine_.impl_->ports[index_]->set_multicast(groups); }

void Engine::Impl::bring_up(std::size_t port) {
  for (std::uint16_t id = 0; id < lcores.size(); ++id)
    control(id, [&] {
      lcores[id]->parts.tx_paths[port + 1]->set_up(true);
      lcores[id]->parts.receive->packet_types().vlans().set_up(static_cast<std::uint16_t>(port + 1), true);
    });
  for (std::uint16_t q = 0; q < parked[port].size(); ++q)
    control(rx_lcores[port][q], [&] { plant(port, q, std::move(parked[port][q])); });
  parked[port].clear();
  is_down[port] = false;
}

void Engine::Impl::take_down(std::size_t port) {
  drop_rules(port);
  for (std::uint16_t q = 0; q < rx_lcores[port].size(); ++q) parked[port].push_back(uproot(port, q, rx_lcores[port][q]));
  is_down[port] = true;
  // Nothing is handed over any more.
  for (std::uint16_t id = 0; id < lcores.size(); ++id) {
    runtime::LcoreParts& parts = lcores[id]->parts;
    control(id, [&] {
      parts.tx_paths[port + 1]->set_up(false);
      parts.receive->packet_types().vlans().set_up(static_cast<std::uint16_t>(port + 1), false);
      parts.backlog->flush(lcores[id]->env(), static_cast<std::uint16_t>(port + 1));
    });
  }
}

// Has the lcore of a queue, if it has one now, do something with its poller.
void Engine::Impl::on_poller(std::size_t port, std::uint16_t queue, const std::function<void(runtime::RxPoller&)>& f) {
  if (!is_up(port)) return f(*parked[port].at(queue));
  const std::uint16_t lcore = rx_lcores[port].at(queue);
  control(lcore, [&] { f(*lcores[lcore]->poller_of(napi_id(port, queue))); });
}

bool PortControl::is_up() const { return engine_.impl_->is_up(index_); }

Result<void> PortControl::set_txqueuelen(std::uint32_t frames) {
  Engine::Impl& impl = *engine_.impl_;
  Config wanted = impl.config;
  wanted.ports[index_].txqueuelen = frames;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  impl.config.ports[index_].txqueuelen = frames;
  impl.control_all([&](std::uint16_t lcore) { impl.lcores[lcore]->parts.tx_paths[index_ + 1]->set_txqueuelen(frames); });
  return {};
}

std::uint32_t PortControl::txqueuelen() const { return engine_.impl_->config.ports[index_].txqueuelen; }

PortControl::ByteQueueLimits PortControl::byte_queue_limits(std::uint16_t queue) const {
  Engine::Impl& impl = *engine_.impl_;
  ByteQueueLimits limits;
  const config::LcoreMask senders = xps_cpus(queue);
  for (std::uint16_t lcore = 0; lcore < impl.lcores.size(); ++lcore) {
    const runtime::TxPath& path = *impl.lcores.shared(lcore)->parts.tx_paths[index_ + 1];
    if (!senders.test(lcore) || !path.owns_queue()) continue;
    impl.control(lcore, [&] {
      const runtime::QueueLimit& limit = path.byte_limit();
      const runtime::QueueLimit::Bounds& bounds = limit.bounds();
      limits = {limit.limit(), limit.inflight(), bounds.limit_min, bounds.limit_max, static_cast<std::uint32_t>(bounds.hold_time / 1ms)};
    });
  }
  return limits;
}

Result<void> PortControl::set_byte_queue_limits(std::uint32_t limit_min, std::uint32_t limit_max, std::uint32_t hold_time) {
  Engine::Impl& impl = *engine_.impl_;
  Config wanted = impl.config;
  config::Port& port = wanted.ports[index_];
  port.bql_limit_min = limit_min;
  port.bql_limit_max = limit_max;
  port.bql_hold_time = hold_time;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  impl.config.ports[index_] = port;
  impl.control_all([&](std::uint16_t lcore) { impl.lcores[lcore]->parts.tx_paths[index_ + 1]->set_byte_limits(byte_limits(port)); });
  return {};
}

Result<void> PortControl::set_coalesce(const config::Coalesce& coalesce) {
  Engine::Impl& impl = *engine_.impl_;
  Config wanted = impl.config;
  wanted.ports[index_].coalesce = coalesce;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  const runtime::McsLock::Guard lock(impl.control_lock);
  bool can_count = true;
  impl.on_poller(index_, 0, [&](runtime::RxPoller& poller) { can_count = poller.interrupt().can_count_frames(); });
  if (Result<void> can = check_coalesce(impl.config.ports[index_], coalesce, can_count); !can) return can;
  impl.config.ports[index_].coalesce = coalesce;
  for (std::uint16_t q = 0; q < impl.rx_lcores[index_].size(); ++q) {
    impl.on_poller(index_, q, [&](runtime::RxPoller& poller) { poller.interrupt().set_coalesce(coalesce_of(coalesce)); });
  }
  return {};
}

void PortControl::set_gro(bool on) {
  Engine::Impl& impl = *engine_.impl_;
  const runtime::McsLock::Guard lock(impl.control_lock);
  impl.config.ports[index_].gro = on;
  if (!impl.is_up(index_)) return;  // plant() looks when it goes up
  for (std::uint16_t q = 0; q < impl.rx_lcores[index_].size(); ++q) {
    const std::uint16_t lcore = impl.rx_lcores[index_][q];
    impl.control(lcore, [&] {
      impl.lcores[lcore]->poller_of(impl.napi_id(index_, q))->configure_gro(impl.lcores[lcore]->env(), impl.gro_of(index_));
    });
  }
}

bool PortControl::lro() const { return engine_.impl_->ports[index_]->info().offloads.rx_lro; }

bool PortControl::gro() const { return engine_.impl_->config.ports[index_].gro; }

config::Coalesce PortControl::coalesce(std::uint16_t queue) const {
  Engine::Impl& impl = *engine_.impl_;
  const runtime::McsLock::Guard lock(impl.control_lock);
  config::Coalesce shown = impl.config.ports[index_].coalesce;
  impl.on_poller(index_, queue, [&](runtime::RxPoller& poller) {
    shown.rx_usecs = static_cast<std::uint32_t>(poller.interrupt().current_usecs() / 1us);
  });
  return shown;
}

Result<void> PortControl::set_rss(const config::Rss& rss) {
  Engine::Impl& impl = *engine_.impl_;
  Config wanted = impl.config;
  wanted.ports[index_].rss = rss;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  const runtime::McsLock::Guard lock(impl.control_lock);
  return impl.respread(index_, rss);
}

std::int64_t PortControl::so_timestamping() const {
  using namespace socket::timestamping;
  const bool hardware = engine_.impl_->ports[index_]->info().offloads.rx_timestamp;
  return rx_software | software | (hardware ? rx_hardware | raw_hardware : 0);
}

config::LcoreMask PortControl::xps_cpus(std::uint16_t queue) const {
  const Engine::Impl& impl = *engine_.impl_;
  config::LcoreMask mask;
  for (std::uint16_t lcore = 0; lcore < impl.lcores.size(); ++lcore)
    if (tx_place(impl.config.ports[index_], lcore, impl.lcores.size(), impl.ports[index_]->info().tx_queues).queue == queue) mask.set(lcore);
  return mask;
}

std::optional<wire::Rss> PortControl::rss() const { return engine_.impl_->ports[index_]->rss(); }

}  // namespace millrace
