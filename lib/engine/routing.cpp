// SPDX-License-Identifier: BSD-3-Clause
// Routes and addresses of the configuration, and those that come and go while the engine runs. Called by build.cpp and by
// applications through Engine; calls ip::Stack on its lcore. inet_rtm_newroute, inet_rtm_newaddr (receive_path H4).
#include <millrace/engine/routing.hpp>

#include <millrace/engine/impl.hpp>

#include <algorithm>
#include <cerrno>

namespace millrace::engine {
namespace {

ip::RouteType type_of(config::RouteType type) {
  switch (type) {
    case config::RouteType::unicast: break;
    case config::RouteType::local: return ip::RouteType::local;
    case config::RouteType::blackhole: return ip::RouteType::blackhole;
    case config::RouteType::unreachable: return ip::RouteType::unreachable;
    case config::RouteType::prohibit: return ip::RouteType::prohibit;
  }
  return ip::RouteType::unicast;
}

std::string text_of(const config::Route& route) { return "route " + route.to.to_string() + ": "; }

// The interface that it names, or the one on whose link its gateway is.
Result<std::uint16_t> leaves_by(const ip::Stack& stack, const config::Route& route) {
  if (!route.dev.empty()) {
    if (const neighbor::Interface* const named = stack.interface(std::string_view(route.dev))) return named->ifindex;
    return failure(ENODEV, text_of(route) + "no interface of the stack is named '" + route.dev + "'");
  }
  if (!route.via) return failure(EINVAL, text_of(route) + "leads nowhere: give via, a gateway, or dev, an interface");
  if (route.via->is_link_local()) return failure(EINVAL, text_of(route) + "via is link-local: say with dev on which interface's link");
  const ip::NextHop* const link = stack.routes().lookup(*route.via);
  return link != nullptr ? link->ifindex : std::uint16_t{0};
}

}  // namespace

Result<void> add_route(ip::Stack& stack, const config::Route& wanted) {
  ip::Route route{.prefix = wanted.to, .to = {.type = type_of(wanted.type)}};
  if (wanted.to.length > (wanted.to.address.is_v4() ? 32 : 128)) return failure(EINVAL, text_of(wanted) + "the prefix length must be 0..32, of IPv6 0..128");
  route.metric = wanted.metric.value_or(wanted.to.address.is_v4() ? 0 : ip::Route::default_metric_v6);
  if (route.to.type == ip::RouteType::unicast) {
    const Result<std::uint16_t> ifindex = leaves_by(stack, wanted);
    if (!ifindex) return tl::unexpected(ifindex.error());
    route.to.ifindex = *ifindex;
    route.to.gateway = wanted.via.value_or(IpAddress{});
    route.to.source = wanted.src.value_or(IpAddress{});
    if (wanted.src && !stack.is_local(*wanted.src)) return failure(EINVAL, text_of(wanted) + "src must be an address of this host");
  }
  return stack.add_route(route);
}

Result<void> remove_route(ip::Stack& stack, const config::Route& route) { return stack.remove_route(route.to, route.metric); }

}  // namespace millrace::engine

namespace millrace {
namespace {

Result<void> check_stack(const Config& config, std::size_t stack) {
  if (stack < config.stacks.size()) return {};
  return failure(EINVAL, "there is no stack " + std::to_string(stack) + "; the configuration has " + std::to_string(config.stacks.size()));
}

}  // namespace

// The lcores share the routes: one of them changes them, between two of its passes.
Result<void> Engine::add_route(const config::Route& route, std::size_t stack) {
  Result<void> result = check_stack(impl_->config, stack);
  if (result) impl_->control(0, [&] { result = engine::add_route(impl_->lcores[0]->parts.stacks[stack]->ip(), route); });
  return result;
}

Result<void> Engine::remove_route(const config::Route& route, std::size_t stack) {
  Result<void> result = check_stack(impl_->config, stack);
  if (result) impl_->control(0, [&] { result = engine::remove_route(impl_->lcores[0]->parts.stacks[stack]->ip(), route); });
  return result;
}

// Each lcore has its own view of the interface; all of them are the same, so that the first one tells.
Result<void> Engine::Impl::change_address(std::size_t stack, std::string_view name, const std::function<Result<void>(ip::Stack&, neighbor::Interface&)>& change) {
  Result<void> result = check_stack(config, stack);
  for (std::uint16_t id = 0; id < lcores.size() && result; ++id) {
    control(id, [&] {
      ip::Stack& ip = lcores[id]->parts.stacks[stack]->ip();
      neighbor::Interface* const interface = ip.interface(name);
      result = interface != nullptr ? change(ip, *interface) : failure(ENODEV, "no interface of the stack is named '" + std::string(name) + "'");
    });
  }
  return result;
}

Result<void> Engine::add_address(std::string_view interface, const IpPrefix& address, std::size_t stack) {
  const IpAddress& own = address.address;
  if (own.is_multicast() || own.is_unspecified() || own.is_loopback() || address.length > (own.is_v4() ? 32 : 128))
    return failure(EINVAL, "address " + address.to_string() + ": must be a unicast address of a host with its prefix length");
  return impl_->change_address(stack, interface, [&](ip::Stack& ip, neighbor::Interface& on) { return ip.add_address(on, address); });
}

Result<void> Engine::remove_address(std::string_view interface, const IpPrefix& address, std::size_t stack) {
  return impl_->change_address(stack, interface, [&](ip::Stack& ip, neighbor::Interface& on) { return ip.remove_address(on, address); });
}

}  // namespace millrace
