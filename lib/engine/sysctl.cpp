// SPDX-License-Identifier: BSD-3-Clause
// Tunables by dotted name while the engine runs. Called by applications through Engine; asks the lcores through their
// control requests.
#include <millrace/engine/impl.hpp>
#include <millrace/engine/options.hpp>

#include <algorithm>
#include <array>
#include <cerrno>

namespace millrace {
namespace {

// What apply_sysctl() brings to the parts; the rest they are given once, when they are made.
constexpr std::array live_keys = std::to_array<std::string_view>({
    "net.core.netdev_budget",
    "net.core.netdev_budget_usecs",
    "net.core.dev_weight",
    "net.core.netdev_max_backlog",
    "net.core.netdev_tstamp_prequeue",
    "trace.tracing_on",
    "trace.buffer_events",
    "net.core.flow_limit_cpu_bitmap",
    "net.core.flow_limit_table_len",
    "net.core.rps_sock_flow_entries",
    "net.core.gro_normal_batch",
    "net.core.busy_poll",
    "net.core.busy_read",
    "net.core.rmem_default",
    "net.core.rmem_max",
    "net.core.wmem_default",
    "net.core.wmem_max",
    "socket.cap_net_admin",
    "net.ipv4.ip_forward",
    "net.ipv6.conf.all.forwarding",
    "net.ipv4.ip_early_demux",
    "net.ipv4.tcp_early_demux",
    "net.ipv4.udp_early_demux",
    "net.ipv4.conf.all.send_redirects",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.udp_mem",
    "net.ipv4.udp_rmem_min",
    "net.ipv4.udp_wmem_min",
    "softirq.max_restart",
    "softirq.max_time_us",
    "softirq.defer_when_deferred",
    "softirq.force_thread",
    "gro.tick_us",
    "gro.poll_hold_us",
    "gro.compat",
});

bool is_live(std::string_view name) { return std::find(live_keys.begin(), live_keys.end(), name) != live_keys.end(); }

}  // namespace

Result<std::string> Engine::sysctl(std::string_view name) const { return config::get_sysctl(impl_->config.sysctl, name); }

Result<void> Engine::set_sysctl(std::string_view name, std::string_view value) {
  Config wanted = impl_->config;
  if (Result<void> set = config::set_sysctl(wanted.sysctl, name, value); !set) {
    if (set.error().code == ENOENT) return set;
    return failure(set.error().code, std::string(name) + ": " + std::string(value) + ": " + set.error().message);
  }
  if (!is_live(name))
    return failure(EOPNOTSUPP, std::string(name) + " is read when an engine is created; set it in the configuration of the next one");
  if (const auto problems = config::validate(wanted); !problems.empty()) return failure(EINVAL, problems[0].to_string());
  return impl_->apply_sysctl(wanted.sysctl);
}

// First what may fail, so that all of it is done or none.
Result<void> Engine::Impl::apply_sysctl(const config::Sysctl& wanted) {
  const auto entries = static_cast<std::uint32_t>(wanted.rps_sock_flow_entries);
  std::unique_ptr<steer::SockFlows> flows;
  const steer::SockFlows* const now = sock_flows.read();
  const bool keeps_flows = (now != nullptr ? now->entries() : 0) == (entries != 0 ? std::bit_ceil(entries) : 0);
  if (entries != 0 && !keeps_flows) {
    auto made = steer::SockFlows::create(entries);
    if (!made) return failure(made.error().code, "net.core.rps_sock_flow_entries: " + made.error().message);
    flows = std::move(*made);
  }
  if (!keeps_flows) replace(sock_flows, std::move(flows));
  const config::Sysctl before = std::exchange(config.sysctl, wanted);
  thread_tunables.set(wanted);
  for (std::uint16_t id = 0; id < lcores.size(); ++id) {
    control(id, [&] { apply_sysctl_on(id, before); });
    apply_tracing(id);
  }
  return {};
}

// The ring is made and freed here, on the control thread.
void Engine::Impl::apply_tracing(std::uint16_t id) {
  const bool wanted = config.sysctl.trace_tracing_on != 0;
  if (wanted == lcores.shared(id)->is_traced()) return;
  std::unique_ptr<runtime::TraceRing> ring;
  if (wanted) ring = std::make_unique<runtime::TraceRing>(static_cast<std::uint32_t>(config.sysctl.trace_buffer_events));
  control(id, [&] { ring = lcores[id]->set_trace(std::move(ring)); });
}

void Engine::Impl::apply_sysctl_on(std::uint16_t id, const config::Sysctl& before) {
  const config::Sysctl& wanted = config.sysctl;
  runtime::Lcore& lcore = *lcores[id];
  runtime::LcoreParts& parts = lcore.parts;
  lcore.set_limits(softnet_limits(wanted));
  // flow_limit_cpu_sysctl(): a table that is there stays, whatever its length.
  const bool limits_flows = wanted.flow_limit_cpu_bitmap.test(id);
  if (limits_flows != parts.receive->has_flow_limit()) {
    const auto buckets = static_cast<std::uint32_t>(wanted.flow_limit_table_len);
    parts.receive->set_flow_limit(limits_flows ? std::make_unique<steer::FlowLimit>(buckets) : nullptr);
  }
  for (auto& stack : parts.stacks) {
    stack->sockets().set_busy_poller(lcore, static_cast<std::uint32_t>(wanted.busy_read));
    stack->sockets().set_buffer_limits(buffer_limits(wanted));
    stack->udp().set_memory(udp_memory(wanted));
    stack->ip().configure_forwarding(forwarding(wanted));
    stack->ip().configure_early_demux(early_demux(wanted));
  }
  for (auto& poller : parts.pollers) {
    const std::size_t index = poller->id() / (1u << 16) - 1;
    const config::Port& port = config.ports[index];
    if (gro_config(before, port) != gro_config(wanted, port)) poller->configure_gro(lcore.env(), gro_of(index));
  }
}

}  // namespace millrace
