// SPDX-License-Identifier: BSD-3-Clause
// A port's knobs while it runs. Called by applications through Engine::port(); asks the lcores through their control
// requests.
#include <millrace/engine/port_control.hpp>

#include <millrace/engine/impl.hpp>
#include <millrace/engine/options.hpp>
#include <millrace/engine/rss.hpp>

#include <cerrno>

namespace millrace {

Result<PortControl> Engine::port(std::string_view name) {
  for (std::size_t i = 0; i < impl_->config.ports.size(); ++i)
    if (impl_->config.ports[i].name == name) return PortControl(*this, i);
  return failure(ENODEV, "there is no port '" + std::string(name) + "'");
}

// Has an lcore make `f` between two of its passes, and waits; here, when it has no thread.
void Engine::Impl::control(std::uint16_t lcore, const std::function<void()>& f) {
  if (!is_running()) return f();
  std::promise<void> done;
  while (!lcores.shared(lcore)->post_control([&] {
    f();
    done.set_value();
  }))
    std::this_thread::yield();
  done.get_future().get();
}

void Engine::Impl::move_queue(std::size_t port, std::uint16_t queue, std::uint16_t to) {
  const std::uint16_t from = rx_lcores[port][queue];
  if (from == to) return;
  std::unique_ptr<runtime::RxPoller> poller;
  control(from, [&] { poller = lcores[from]->release(napi_id(port, queue)); });
  // What `from` handed over must be delivered before `to` hands over what came later (receive_path F8, X18).
  for (std::uint16_t target = 0; target < lcores.size(); ++target)
    if (target != from) control(target, [&] { lcores[target]->parts.backlog->drain(lcores[target]->env(), from); });
  rx_lcores[port][queue] = to;
  control(to, [&] {
    lcores[to]->parts.steer->set_rps(static_cast<std::uint16_t>(port + 1), queue, steer::RpsMap::of(config.ports[port].rps_cpus));
    lcores[to]->adopt(std::move(poller));
  });
}

Result<void> PortControl::set_smp_affinity(std::uint16_t queue, const config::LcoreMask& mask) {
  Engine::Impl& impl = *engine_.impl_;
  const auto& placed = impl.rx_lcores[index_];
  if (queue >= placed.size())
    return failure(EINVAL, "rx queue " + std::to_string(queue) + ": the port has " + std::to_string(placed.size()));
  std::uint16_t to = 0;
  while (to < mask.size() && !mask.test(to)) ++to;
  if (to >= impl.lcores.size())
    return failure(EINVAL, "smp_affinity " + config::to_string(mask) + " names no lcore; there are " + std::to_string(impl.lcores.size()));
  impl.move_queue(index_, queue, to);
  return {};
}

config::LcoreMask PortControl::smp_affinity(std::uint16_t queue) const {
  return config::LcoreMask().set(engine_.impl_->rx_lcores[index_].at(queue));
}

Result<void> PortControl::set_coalesce(const config::Coalesce& coalesce) {
  Engine::Impl& impl = *engine_.impl_;
  Config wanted = impl.config;
  wanted.ports[index_].coalesce = coalesce;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  impl.config.ports[index_].coalesce = coalesce;
  for (std::uint16_t q = 0; q < impl.rx_lcores[index_].size(); ++q) {
    const std::uint16_t lcore = impl.rx_lcores[index_][q];
    impl.control(lcore, [&] {
      impl.lcores[lcore]->poller_of(impl.napi_id(index_, q))->interrupt().set_coalesce(coalesce_of(coalesce));
    });
  }
  return {};
}

config::Coalesce PortControl::coalesce(std::uint16_t queue) const {
  Engine::Impl& impl = *engine_.impl_;
  config::Coalesce shown = impl.config.ports[index_].coalesce;
  const std::uint16_t lcore = impl.rx_lcores[index_].at(queue);
  impl.control(lcore, [&] {
    const Duration usecs = impl.lcores[lcore]->poller_of(impl.napi_id(index_, queue))->interrupt().current_usecs();
    shown.rx_usecs = static_cast<std::uint32_t>(usecs / 1us);
  });
  return shown;
}

Result<void> PortControl::set_rss(const config::Rss& rss) {
  Engine::Impl& impl = *engine_.impl_;
  Config wanted = impl.config;
  wanted.ports[index_].rss = rss;
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  port::Port& port = *impl.ports[index_];
  return ask_rss(port, rss).and_then([&](const wire::Rss& asked) { return obeyed(port, asked); });
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
