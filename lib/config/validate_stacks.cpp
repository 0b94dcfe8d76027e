// SPDX-License-Identifier: BSD-3-Clause
// Checks the stacks of a Config: interfaces on ports, their addresses, and routes that lead somewhere. Called by
// validate().
#include <millrace/config/findings.hpp>

#include <algorithm>

namespace millrace::config {
namespace {

constexpr std::uint16_t ipv6_smallest_mtu = 1280;  // RFC 8200 section 5
constexpr std::uint16_t dhcp_smallest_mtu = 576;   // RFC 2131 section 2: what a client takes

/// The prefix with its host bits all `fill`.
IpAddress with_host_bits(const IpPrefix& prefix, bool fill) {
  IpAddress address = prefix.address;
  const unsigned first = prefix.length + (prefix.address.is_v4() ? 96u : 0u);
  for (unsigned bit = first; bit < 128; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80u >> (bit % 8));
    std::uint8_t& byte = address.bytes[bit / 8];
    byte = static_cast<std::uint8_t>(fill ? byte | mask : byte & ~mask);
  }
  return address;
}

const Port* find_port(const Config& config, const std::string& name) {
  const auto it = std::find_if(config.ports.begin(), config.ports.end(), [&](const Port& p) { return p.name == name; });
  return it != config.ports.end() ? &*it : nullptr;
}

const StackInterface* find_interface(const Stack& stack, const std::string& name) {
  const auto is_it = [&](const StackInterface& i) { return i.name == name; };
  const auto it = std::find_if(stack.interfaces.begin(), stack.interfaces.end(), is_it);
  return it != stack.interfaces.end() ? &*it : nullptr;
}

bool is_on_link(const StackInterface& interface, const IpAddress& address) {
  if (address.is_link_local()) return true;
  return std::any_of(interface.addresses.begin(), interface.addresses.end(),
                     [&](const IpPrefix& p) { return p.contains(address); });
}

void check_address(const IpPrefix& prefix, const std::string& key, Findings& findings) {
  const IpAddress& address = prefix.address;
  const std::string text = prefix.to_string();
  const int longest = address.is_v4() ? 32 : 128;
  if (prefix.length > longest) {
    findings.add(key, text, "must have a prefix length of 0.." + std::to_string(longest));
  } else if (address.is_multicast() || address.is_unspecified() || address.is_loopback()) {
    findings.add(key, text, "must be a unicast address of a host, not multicast, unspecified or loopback");
  } else if (address.is_v4() && prefix.length < 31 &&
             (address == with_host_bits(prefix, false) || address == with_host_bits(prefix, true))) {
    findings.add(key, text, "is the network's own or its broadcast address; a host needs one between them");
  }
}

void check_dhcp_address(const StackInterface& interface, const std::string& key, Findings& findings) {
  const IpAddress& address = *interface.dhcp_address;
  if (!interface.dhcp) {
    findings.add(key, address.to_string(), "is asked for by DHCP; say dhcp: true");
  } else if (!address.is_v4() || address.is_multicast() || address.is_unspecified() || address.is_loopback()) {
    findings.add(key, address.to_string(), "must be an IPv4 address of a host");
  }
}

void check_interface(const Config& config, const StackInterface& interface, const std::string& at, Findings& findings) {
  findings.name(at + ".name", interface.name, limit::interface_name);
  if (interface.name == "lo")
    findings.add(at + ".name", "lo", "is the loopback interface, which every stack has; choose another name");
  for (std::size_t a = 0; a < interface.addresses.size(); ++a)
    check_address(interface.addresses[a], indexed(at + ".addresses", a), findings);
  if (interface.dhcp_address) check_dhcp_address(interface, at + ".dhcp_address", findings);
  const Port* port = find_port(config, interface.port);
  if (port == nullptr) {
    findings.add(at + ".port", interface.port, "is not a port; ports are named by ports[].name");
    return;
  }
  if (interface.dhcp && port->mtu < dhcp_smallest_mtu)
    findings.add(at + ".dhcp", "true", "needs an mtu of at least 576; port " + port->name + " has " + std::to_string(port->mtu));
  for (std::size_t a = 0; a < interface.addresses.size(); ++a)
    if (!interface.addresses[a].address.is_v4() && port->mtu < ipv6_smallest_mtu)
      findings.add(indexed(at + ".addresses", a), interface.addresses[a].to_string(),
                   "needs an mtu of at least 1280 for IPv6; port " + port->name + " has " + std::to_string(port->mtu));
}

/// The gateway must be a neighbour: on the link of `dev`, or of any interface when dev is empty.
void check_gateway(const Stack& stack, const Route& route, const std::string& key, Findings& findings) {
  const IpAddress& via = *route.via;
  const std::string text = via.to_string();
  if (via.is_v4() != route.to.address.is_v4()) {
    findings.add(key, text, "must be of the same IP version as the destination, " + route.to.to_string());
    return;
  }
  if (via.is_multicast() || via.is_unspecified() || via.is_loopback()) {
    findings.add(key, text, "must be the address of a neighbour, not multicast, unspecified or loopback");
    return;
  }
  if (via.is_link_local() && route.dev.empty()) {
    findings.add(key, text, "is link-local: say with dev on which interface's link");
    return;
  }
  bool on_link = false;
  for (const StackInterface& interface : stack.interfaces) {
    const auto is_own = [&](const IpPrefix& p) { return p.address == via; };
    if (std::any_of(interface.addresses.begin(), interface.addresses.end(), is_own)) {
      findings.add(key, text, "is this stack's own address, on interface " + interface.name);
      return;
    }
    if (route.dev.empty() || route.dev == interface.name) on_link = on_link || is_on_link(interface, via);
  }
  if (!on_link)
    findings.add(key, text,
                 route.dev.empty() ? "is on no interface's link: none of their prefixes contains it"
                                   : "is not on the link of " + route.dev + ": none of its prefixes contains it");
}

void check_type(const Route& route, const std::string& at, Findings& findings) {
  const auto index = static_cast<std::size_t>(route.type);
  if (index >= route_type_words.size()) return findings.add(at + ".type", std::to_string(index), "must be " + one_of(route_type_words));
  if (route.type != RouteType::unicast && (route.via || !route.dev.empty() || route.src))
    findings.add(at + ".type", std::string(route_type_words[index]), "goes without via, dev and src, which say where a unicast route leads");
}

void check_src(const Stack& stack, const Route& route, const std::string& key, Findings& findings) {
  const auto has_it = [&](const StackInterface& interface) {
    return std::any_of(interface.addresses.begin(), interface.addresses.end(), [&](const IpPrefix& own) { return own.address == *route.src; });
  };
  if (route.src->is_v4() != route.to.address.is_v4())
    findings.add(key, route.src->to_string(), "must be of the same IP version as the destination, " + route.to.to_string());
  else if (std::none_of(stack.interfaces.begin(), stack.interfaces.end(), has_it))
    findings.add(key, route.src->to_string(), "is not an address of stack " + stack.name);
}

void check_route(const Stack& stack, const Route& route, const std::string& at, Findings& findings) {
  const IpPrefix& to = route.to;
  const int longest = to.address.is_v4() ? 32 : 128;
  if (to.length > longest)
    findings.add(at + ".to", to.to_string(), "must have a prefix length of 0.." + std::to_string(longest));
  else if (const IpAddress network = with_host_bits(to, false); network != to.address)
    findings.add(at + ".to", to.to_string(),
                 "has host bits set; the prefix is " + IpPrefix{network, to.length}.to_string());
  const bool dev_exists = find_interface(stack, route.dev) != nullptr;
  if (!route.dev.empty() && !dev_exists)
    findings.add(at + ".dev", route.dev, "is not an interface of stack " + stack.name);
  check_type(route, at, findings);
  if (route.src) check_src(stack, route, at + ".src", findings);
  if (route.type == RouteType::unicast && !route.via && route.dev.empty()) findings.add(at, "", "leads nowhere: give via, a gateway, or dev, an interface");
  if (route.type == RouteType::unicast && route.via && (route.dev.empty() || dev_exists)) check_gateway(stack, route, at + ".via", findings);
}

void check_rule_interface(const Stack& stack, const std::string& name, bool is_known_there, Hook hook, const std::string& key, Findings& findings) {
  if (name.empty()) return;
  if (!is_known_there)
    findings.add(key, name, "is not known at hook " + std::string(hook_words[static_cast<std::size_t>(hook)]) + "; leave it out");
  else if (name != "lo" && find_interface(stack, name) == nullptr)
    findings.add(key, name, "is not an interface of stack " + stack.name);
}

void check_rule(const Stack& stack, const Rule& rule, const std::string& at, Findings& findings) {
  const auto hook = static_cast<std::size_t>(rule.hook), verdict = static_cast<std::size_t>(rule.verdict);
  if (hook >= hook_words.size()) return findings.add(at + ".hook", std::to_string(hook), "must be " + one_of(hook_words));
  if (verdict >= verdict_words.size()) findings.add(at + ".verdict", std::to_string(verdict), "must be " + one_of(verdict_words));
  if (rule.source && rule.destination && rule.source->address.is_v4() != rule.destination->address.is_v4())
    findings.add(at + ".destination", rule.destination->to_string(), "must be of the same IP version as source, " + rule.source->to_string());
  const bool has_ports = rule.proto == 6 || rule.proto == 17;
  if (!has_ports && (rule.source_ports || rule.destination_ports))
    findings.add(at + ".proto", std::to_string(rule.proto), "has no ports; with source_ports or destination_ports it must be tcp or udp");
  check_rule_interface(stack, rule.in, rule.hook != Hook::local_out, rule.hook, at + ".in", findings);
  check_rule_interface(stack, rule.out, rule.hook != Hook::pre_routing && rule.hook != Hook::local_in, rule.hook, at + ".out", findings);
}

void check_stack(const Config& config, const Stack& stack, const std::string& at, Findings& findings) {
  Unique names(findings, "this name");
  Unique addresses(findings, "this address");
  for (std::size_t i = 0; i < stack.interfaces.size(); ++i) {
    const StackInterface& interface = stack.interfaces[i];
    const std::string key = indexed(at + ".interfaces", i);
    names.add(key + ".name", interface.name);
    for (std::size_t a = 0; a < interface.addresses.size(); ++a)
      addresses.add(indexed(key + ".addresses", a), interface.addresses[a].address.to_string());
    check_interface(config, interface, key, findings);
  }
  Unique routes(findings, "a route to this destination of this metric");
  for (std::size_t r = 0; r < stack.routes.size(); ++r) {
    const std::string key = indexed(at + ".routes", r);
    const Route& route = stack.routes[r];
    routes.add(key + ".to", route.to.to_string() + (route.metric ? " metric " + std::to_string(*route.metric) : ""));
    check_route(stack, stack.routes[r], key, findings);
  }
  for (std::size_t r = 0; r < stack.rules.size(); ++r) check_rule(stack, stack.rules[r], indexed(at + ".rules", r), findings);
}

}  // namespace

void validate_stacks(const Config& config, Findings& findings) {
  Unique names(findings, "this name");
  Unique ports(findings, "this port");
  for (std::size_t s = 0; s < config.stacks.size(); ++s) {
    const std::string at = indexed("stacks", s);
    findings.name(at + ".name", config.stacks[s].name, limit::interface_name);
    names.add(at + ".name", config.stacks[s].name);
    for (std::size_t i = 0; i < config.stacks[s].interfaces.size(); ++i)
      ports.add(indexed(at + ".interfaces", i) + ".port", config.stacks[s].interfaces[i].port);
    check_stack(config, config.stacks[s], at, findings);
  }
}

}  // namespace millrace::config
