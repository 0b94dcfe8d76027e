// SPDX-License-Identifier: BSD-3-Clause
// The keys of a configuration file, section by section. Called by loader.cpp.
#include <millrace/config/loader_sections.hpp>

namespace millrace::config {
namespace {

void read_texts(const Value& value, std::string_view what, std::vector<std::string>& out) {
  value.list(what, [&](const Value& item) { item.text(out.emplace_back()); });
}

void read_eal(const Value& value, Eal& eal) {
  value.map({
      {"memory_mb", [&](const Value& v) { v.number(eal.memory_mb, limit::memory_mb); }},
      {"hugepages", [&](const Value& v) { v.flag(eal.hugepages); }},
      {"log_level", [&](const Value& v) { v.text(eal.log_level); }},
      {"pool_packets", [&](const Value& v) { v.number(eal.pool_packets, limit::pool_packets); }},
      {"data_room", [&](const Value& v) { v.number(eal.data_room, limit::data_room); }},
      {"args", [&](const Value& v) { read_texts(v, "EAL arguments", eal.args); }},
  });
}

void read_lcores(const Value& value, std::vector<Lcore>& lcores) {
  if (value.is(Tree::Kind::scalar)) {
    std::size_t count = lcores.size();
    value.number(count, limit::lcores);
    lcores.assign(count, Lcore{});
    return;
  }
  lcores.clear();
  value.list("lcores (or their number alone)", [&](const Value& item) {
    Lcore& lcore = lcores.emplace_back();
    item.map({{"cpu", [&](const Value& v) {
                 std::uint32_t cpu = 0;
                 v.number(cpu, limit::cpu);
                 lcore.cpu = cpu;
               }}});
  });
}

void read_coalesce(const Value& value, Coalesce& coalesce) {
  value.map({
      {"rx_usecs", [&](const Value& v) { v.number(coalesce.rx_usecs, limit::rx_usecs); }},
      {"rx_frames", [&](const Value& v) { v.number(coalesce.rx_frames, limit::rx_frames); }},
      {"adaptive", [&](const Value& v) { v.flag(coalesce.adaptive); }},
  });
}

constexpr std::string_view valid_mask = "a mask of lcores in hex, such as 3 or 0,000000ff";

void read_rss_key(const Value& value, Rss& rss) {
  if (value.is(Tree::Kind::scalar) && value.scalar() == "symmetric") {
    rss.symmetric = true;
    return;
  }
  value.parsed(rss.key, wire::parse_rss_key, "40 or 52 bytes in hex, such as 6d:5a:56:... as ethtool -x shows them, or symmetric");
}

void read_rss_fields(const Value& value, wire::RssFields& fields) {
  const auto field = [](bool& ports) {
    return [&ports](const Value& v) {
      std::uint8_t word = ports ? 1 : 0;
      v.word(word, rss_field_words);
      ports = word != 0;
    };
  };
  value.map({{"tcp4", field(fields.tcp4)}, {"udp4", field(fields.udp4)}, {"tcp6", field(fields.tcp6)}, {"udp6", field(fields.udp6)}});
}

void read_rss(const Value& value, Rss& rss) {
  value.map({
      {"key", [&](const Value& v) { read_rss_key(v, rss); }},
      {"fields", [&](const Value& v) { read_rss_fields(v, rss.fields.emplace()); }},
      {"equal", [&](const Value& v) { v.number(rss.equal, limit::queues); }},
      {"weights",
       [&](const Value& v) {
         v.list("weights of rx queues", [&](const Value& item) { item.number(rss.weights.emplace_back(), limit::rss_weight); });
       }},
  });
}

void read_port(const Value& value, Port& port) {
  value.map({
      {"name", [&](const Value& v) { v.text(port.name); }},
      {"driver", [&](const Value& v) { v.word(port.driver, driver_words); }},
      {"device", [&](const Value& v) { v.text(port.device); }},
      {"iface", [&](const Value& v) { v.text(port.iface); }},
      {"link", [&](const Value& v) { v.text(port.link); }},
      {"vlan_id", [&](const Value& v) { v.number(port.vlan_id, {0, limit::vlan_id.max}); }},
      {"bql_limit_max", [&](const Value& v) { v.number(port.bql_limit_max, limit::bql_limit); }},
      {"bql_limit_min", [&](const Value& v) { v.number(port.bql_limit_min, limit::bql_limit); }},
      {"bql_hold_time", [&](const Value& v) { v.number(port.bql_hold_time, limit::bql_hold_time); }},
      {"txqueuelen", [&](const Value& v) { v.number(port.txqueuelen, limit::txqueuelen); }},
      {"mac",
       [&](const Value& v) {
         v.parsed(port.mac, MacAddress::parse, "an Ethernet address, such as 02:00:00:00:00:01");
       }},
      {"mtu", [&](const Value& v) { v.number(port.mtu, limit::mtu); }},
      {"rx_queues", [&](const Value& v) { v.number(port.rx_queues, limit::queues); }},
      {"tx_queues", [&](const Value& v) { v.number(port.tx_queues, limit::queues); }},
      {"rx_desc", [&](const Value& v) { v.number(port.rx_desc, limit::descriptors); }},
      {"tx_desc", [&](const Value& v) { v.number(port.tx_desc, limit::descriptors); }},
      {"rps_cpus",
       [&](const Value& v) {
         v.parsed(port.rps_cpus, parse_lcore_mask, valid_mask);
       }},
      {"rps_flow_cnt", [&](const Value& v) { v.number(port.rps_flow_cnt, limit::rps_flow_cnt); }},
      {"ntuple", [&](const Value& v) { v.flag(port.ntuple); }},
      {"gro", [&](const Value& v) { v.flag(port.gro); }},
      {"lro", [&](const Value& v) { v.flag(port.lro); }},
      {"threaded", [&](const Value& v) { v.flag(port.threaded); }},
      {"rx_timestamp", [&](const Value& v) { v.flag(port.rx_timestamp); }},
      {"tso", [&](const Value& v) { v.flag(port.tso); }},
      {"gso_max_size", [&](const Value& v) { v.number(port.gso_max_size, limit::gso_max_size); }},
      {"gso_max_segs", [&](const Value& v) { v.number(port.gso_max_segs, limit::gso_max_segs); }},
      {"rx_mode", [&](const Value& v) { v.word(port.rx_mode, rx_mode_words); }},
      {"coalesce", [&](const Value& v) { read_coalesce(v, port.coalesce); }},
      {"gro_flush_timeout_ns", [&](const Value& v) { v.number(port.gro_flush_timeout_ns, limit::gro_flush_timeout_ns); }},
      {"napi_defer_hard_irqs", [&](const Value& v) { v.number(port.napi_defer_hard_irqs, limit::napi_defer_hard_irqs); }},
      {"rss", [&](const Value& v) { read_rss(v, port.rss); }},
      {"xps_cpus",
       [&](const Value& v) {
         v.list("masks of lcores", [&](const Value& item) { item.parsed(port.xps_cpus.emplace_back(), parse_lcore_mask, valid_mask); });
       }},
      {"tx_handoff", [&](const Value& v) { v.flag(port.tx_handoff); }},
      {"rx_lcores",
       [&](const Value& v) {
         v.list("lcore numbers", [&](const Value& item) {
           item.number(port.rx_lcores.emplace_back(), {0, limit::lcores.max - 1});
         });
       }},
  });
  if (port.driver == PortDriver::tap && port.iface.empty()) port.iface = port.name;
}

constexpr std::string_view valid_address = "an address with its prefix length, such as 10.77.0.2/24 or fd00:77::2/64";

void read_interface(const Value& value, StackInterface& interface) {
  value.map({
      {"port", [&](const Value& v) { v.text(interface.port); }},
      {"name", [&](const Value& v) { v.text(interface.name); }},
      {"addresses",
       [&](const Value& v) {
         v.list("addresses", [&](const Value& item) {
           IpPrefix prefix;
           item.parsed(prefix, IpPrefix::parse, valid_address);
           interface.addresses.push_back(prefix);
         });
       }},
      {"autoconf", [&](const Value& v) { v.flag(interface.autoconf); }},
      {"dhcp", [&](const Value& v) { v.flag(interface.dhcp); }},
      {"dhcp_address",
       [&](const Value& v) { v.parsed(interface.dhcp_address, IpAddress::parse, "an IPv4 address, such as 10.77.0.2"); }},
      {"dhcp_release", [&](const Value& v) { v.flag(interface.dhcp_release); }},
  });
  if (interface.name.empty()) interface.name = interface.port;
}

void read_route(const Value& value, Route& route) {
  bool has_to = false;
  bool to_default = false;
  value.map({
      {"to",
       [&](const Value& v) {
         has_to = true;
         to_default = v.is(Tree::Kind::scalar) && v.scalar() == "default";
         if (!to_default) v.parsed(route.to, IpPrefix::parse, "a prefix, such as 10.0.0.0/8 or fd00::/8, or default");
       }},
      {"via",
       [&](const Value& v) { v.parsed(route.via, IpAddress::parse, "the address of a gateway, such as 10.77.0.1"); }},
      {"dev", [&](const Value& v) { v.text(route.dev); }},
      {"type", [&](const Value& v) { v.word(route.type, route_type_words); }},
      {"metric", [&](const Value& v) { v.number(route.metric.emplace(), {0, 4294967295}); }},
      {"src", [&](const Value& v) { v.parsed(route.src, IpAddress::parse, "an own address, such as 10.77.0.2"); }},
  });
  if (!value.is(Tree::Kind::map)) return;
  if (!has_to) value.problem("has no to: must name the destination, a prefix or default");
  if (to_default && !route.via)
    value.problem("has no via, so that default could be 0.0.0.0/0 or ::/0; write one of them");
  if (to_default && route.via && route.via->is_v4()) route.to = {IpAddress::v4(0, 0, 0, 0), 0};
}

std::optional<std::uint8_t> parse_proto(std::string_view text) {
  if (text == "tcp") return std::uint8_t{6};
  if (text == "udp") return std::uint8_t{17};
  if (text == "icmp") return std::uint8_t{1};
  if (text == "icmp6") return std::uint8_t{58};
  const auto number = Rule::Ports::parse(text);
  if (!number || number->first != number->last || number->first > 255) return std::nullopt;
  return static_cast<std::uint8_t>(number->first);
}

void read_rule(const Value& value, Rule& rule) {
  constexpr std::string_view a_prefix = "a prefix, such as 10.77.0.0/24 or fd00:77::/64";
  constexpr std::string_view some_ports = "a port or a range, such as 53 or 1000-2000";
  bool has_hook = false, has_verdict = false;
  value.map({
      {"hook",
       [&](const Value& v) {
         has_hook = true;
         v.word(rule.hook, hook_words);
       }},
      {"verdict",
       [&](const Value& v) {
         has_verdict = true;
         v.word(rule.verdict, verdict_words);
       }},
      {"source", [&](const Value& v) { v.parsed(rule.source, IpPrefix::parse, a_prefix); }},
      {"destination", [&](const Value& v) { v.parsed(rule.destination, IpPrefix::parse, a_prefix); }},
      {"proto", [&](const Value& v) { v.parsed(rule.proto, parse_proto, "tcp, udp, icmp, icmp6 or 0..255"); }},
      {"source_ports", [&](const Value& v) { v.parsed(rule.source_ports, Rule::Ports::parse, some_ports); }},
      {"destination_ports", [&](const Value& v) { v.parsed(rule.destination_ports, Rule::Ports::parse, some_ports); }},
      {"in", [&](const Value& v) { v.text(rule.in); }},
      {"out", [&](const Value& v) { v.text(rule.out); }},
  });
  if (value.is(Tree::Kind::map) && !(has_hook && has_verdict)) value.problem("must have hook and verdict");
}

void read_stack(const Value& value, Stack& stack) {
  value.map({
      {"name", [&](const Value& v) { v.text(stack.name); }},
      {"interfaces",
       [&](const Value& v) {
         v.list("interfaces", [&](const Value& item) { read_interface(item, stack.interfaces.emplace_back()); });
       }},
      {"routes",
       [&](const Value& v) {
         v.list("routes", [&](const Value& item) { read_route(item, stack.routes.emplace_back()); });
       }},
      {"rules",
       [&](const Value& v) {
         v.list("rules", [&](const Value& item) { read_rule(item, stack.rules.emplace_back()); });
       }},
  });
}

/// A value as one text: a scalar as it is, a list of numbers with blanks between.
void read_tunable(const Value& value, Sysctl& sysctl, const SysctlKey& key) {
  std::string text = value.scalar();
  if (value.is(Tree::Kind::list))
    value.list("numbers", [&](const Value& item) {
      text += (text.empty() ? "" : " ") + (item.scalar().empty() ? "?" : item.scalar());
    });
  if (const Result<void> set = set_sysctl(sysctl, key.name, text); !set) value.problem(set.error().message);
}

void read_sysctl(const Value& value, Sysctl& sysctl) {
  std::vector<Field> fields;
  for (const SysctlKey& key : sysctl_keys())
    fields.push_back({key.name, [&sysctl, &key](const Value& v) { read_tunable(v, sysctl, key); }});
  value.map(fields);
}

void read_capture(const Value& value, Capture& capture) {
  value.map({
      {"enabled", [&](const Value& v) { v.flag(capture.enabled); }},
      {"file", [&](const Value& v) { v.text(capture.file); }},
      {"ports", [&](const Value& v) { read_texts(v, "port names", capture.ports); }},
      {"direction", [&](const Value& v) { v.word(capture.direction, direction_words); }},
      {"points",
       [&](const Value& v) {
         capture.points.clear();
         v.list("points", [&](const Value& item) { item.word(capture.points.emplace_back(), capture_point_words); });
       }},
      {"filter", [&](const Value& v) { v.text(capture.filter); }},
      {"max_bytes", [&](const Value& v) { v.number(capture.max_bytes, limit::max_bytes); }},
      {"snaplen", [&](const Value& v) { v.number(capture.snaplen, limit::snaplen); }},
      {"buffer_bytes", [&](const Value& v) { v.number(capture.buffer_bytes, limit::buffer_bytes); }},
  });
}

}  // namespace

Config read_config(const Tree& tree, Reading& reading) {
  Config config;
  Value(tree, "", reading)
      .map({
          {"eal", [&](const Value& v) { read_eal(v, config.eal); }},
          {"lcores", [&](const Value& v) { read_lcores(v, config.lcores); }},
          {"ports",
           [&](const Value& v) {
             v.list("ports", [&](const Value& item) { read_port(item, config.ports.emplace_back()); });
           }},
          {"stacks",
           [&](const Value& v) {
             v.list("stacks", [&](const Value& item) { read_stack(item, config.stacks.emplace_back()); });
           }},
          {"sysctl", [&](const Value& v) { read_sysctl(v, config.sysctl); }},
          {"capture", [&](const Value& v) { read_capture(v, config.capture); }},
          {"clock", [&](const Value& v) { v.word(config.clock, clock_words); }},
          {"seed", [&](const Value& v) { v.seed(config.seed); }},
      });
  return config;
}

}  // namespace millrace::config
