// SPDX-License-Identifier: BSD-3-Clause
// Handlers of the application's own for received frames. Called by applications through Engine and PortControl; calls the
// lcores' PacketTypes. dev_add_pack(), netdev_rx_handler_register(), ptype_seq_show() (receive_path G3, G6, G9).
#include <millrace/engine/packet_handler.hpp>

#include <millrace/engine/impl.hpp>
#include <millrace/engine/options.hpp>

#include <cerrno>
#include <cstdio>

namespace millrace {
namespace {

constexpr std::uint16_t lowest_ethertype = 0x0600;

runtime::RxHandlerVerdict to_runtime(RxVerdict verdict) {
  switch (verdict) {
    case RxVerdict::consumed: return runtime::RxHandlerVerdict::consumed;
    case RxVerdict::another: return runtime::RxHandlerVerdict::another;
    case RxVerdict::exact: return runtime::RxHandlerVerdict::exact;
    case RxVerdict::pass: break;
  }
  return runtime::RxHandlerVerdict::pass;
}

}  // namespace

Result<std::uint16_t> Engine::ifindex(std::string_view interface) const {
  const Config& config = impl_->config;
  for (std::size_t i = 0; i < config.ports.size(); ++i)
    if (config.ports[i].name == interface) return static_cast<std::uint16_t>(i + 1);
  for (std::size_t i = 0; i < config.stacks.size(); ++i)
    if (loopback_name(config, i) == interface) return loopback_ifindex(config, i);
  return failure(ENODEV, "no interface is named '" + std::string(interface) + "'");
}

Result<std::uint32_t> Engine::add_packet_handler(PacketHandler handler) {
  const std::string what = "packet handler '" + handler.name + "': ";
  if (!handler.func) return failure(EINVAL, what + "it has no function; set func");
  if (handler.type != PacketHandler::all && handler.type < lowest_ethertype)
    return failure(EINVAL, what + "type must be an EtherType, 0x0600 or more, or PacketHandler::all");
  std::uint16_t ifindex = 0;
  if (!handler.port.empty()) {
    const Result<std::uint16_t> found = this->ifindex(handler.port);
    if (!found) return failure(found.error().code, what + found.error().message);
    ifindex = *found;
  }
  const std::uint32_t id = impl_->next_packet_handler++;
  const runtime::PacketType type{.type = handler.type,
                                 .ifindex = ifindex,
                                 .name = handler.name,
                                 .func = [func = std::move(handler.func)](Env& env, pkt::Packet frame) {
                                   env.stats->ledger.add(stats::Ledger::delivered);
                                   func(env.lcore, std::move(frame));
                                 }};
  impl_->control_all([&](std::uint16_t lcore) { impl_->lcores[lcore]->parts.receive->packet_types().add(id, type); });
  return id;
}

void Engine::remove_packet_handler(std::uint32_t id) {
  if (id < runtime::PacketTypes::protocols) return;
  impl_->control_all([&](std::uint16_t lcore) { impl_->lcores[lcore]->parts.receive->packet_types().remove(id); });
}

// "Type Device      Function", a line each.
std::string Engine::proc_net_ptype() const {
  std::string text = "Type Device      Function\n";
  const auto show = [&] {
    for (const runtime::PacketType* row : impl_->lcores.shared(0)->parts.receive->packet_types().all()) {
      char type[8];
      std::snprintf(type, sizeof type, "%04x", unsigned{row->type});
      const std::string device = row->ifindex != 0 ? impl_->interface_name(row->ifindex) : "";
      char line[128];
      std::snprintf(line, sizeof line, "%s %-8s %s\n", row->type == PacketHandler::all ? "ALL " : type, device.c_str(), row->name.c_str());
      text += line;
    }
  };
  impl_->control(0, show);
  return text;
}

std::string Engine::Impl::interface_name(std::uint16_t ifindex) const {
  return ifindex <= config.ports.size() ? config.ports[ifindex - 1u].name : loopback_name(config, ifindex - 1u - config.ports.size());
}

Result<void> PortControl::set_rx_handler(RxHandler handler) {
  Engine::Impl& impl = *engine_.impl_;
  const auto ifindex = static_cast<std::uint16_t>(index_ + 1);
  const std::string what = "port '" + impl.config.ports[index_].name + "': ";
  if (!handler) return failure(EINVAL, what + "the rx handler has no function");
  const auto run = [handler = std::move(handler)](Env& env, pkt::Packet& frame) {
    const RxVerdict verdict = handler(env.lcore, frame);
    if (verdict == RxVerdict::consumed) env.stats->ledger.add(stats::Ledger::delivered);
    return to_runtime(verdict);
  };
  bool is_set = true;
  impl.control_all([&](std::uint16_t lcore) { is_set &= impl.lcores[lcore]->parts.receive->packet_types().set_rx_handler(ifindex, run); });
  if (!is_set) return failure(EBUSY, what + "it has an rx handler already; remove that first");
  return {};
}

Result<void> PortControl::set_xdp(XdpHook hook) {
  Engine::Impl& impl = *engine_.impl_;
  const std::string what = "port '" + impl.config.ports[index_].name + "': ";
  if (!hook) return failure(EINVAL, what + "the early hook has no function");
  if (impl.rx_lcores[index_].empty()) return failure(EOPNOTSUPP, what + "a VLAN has no rx queue of its own; set the hook at the port below it");
  if (impl.xdp[index_] != nullptr) return failure(EBUSY, what + "it has an early hook already; remove that first");
  impl.xdp[index_] = std::make_shared<const runtime::XdpHook>(
      [hook = std::move(hook)](Env& env, pkt::Packet& frame) { return static_cast<runtime::XdpAction>(hook(env.lcore, frame)); });
  impl.spread_xdp(index_);
  return {};
}

void PortControl::remove_xdp() {
  engine_.impl_->xdp[index_] = nullptr;
  engine_.impl_->spread_xdp(index_);
}

void Engine::Impl::spread_xdp(std::size_t port) {
  const runtime::McsLock::Guard lock(control_lock);
  for (std::uint16_t q = 0; q < rx_lcores[port].size(); ++q) on_poller(port, q, [&](runtime::RxPoller& poller) { poller.set_xdp(xdp[port]); });
}

void PortControl::remove_rx_handler() {
  Engine::Impl& impl = *engine_.impl_;
  impl.control_all([&](std::uint16_t lcore) {
    impl.lcores[lcore]->parts.receive->packet_types().remove_rx_handler(static_cast<std::uint16_t>(index_ + 1));
  });
}

}  // namespace millrace
