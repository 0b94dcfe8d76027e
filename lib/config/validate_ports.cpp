// SPDX-License-Identifier: BSD-3-Clause
// Checks the ports of a Config: what each driver needs, queues, and the lcores that they are given to. Called by
// validate().
#include <millrace/config/findings.hpp>

#include <algorithm>

namespace millrace::config {
namespace {

/// Keys that belong to other drivers must be absent: nothing is accepted and ignored.
void check_driver(const Port& port, const std::string& at, Findings& findings) {
  const auto index = static_cast<std::size_t>(port.driver);
  if (index >= driver_words.size()) {
    findings.add(at + ".driver", std::to_string(index), "must be " + one_of(driver_words));
    return;
  }
  const std::string driver(driver_words[index]);
  const bool takes_device = port.driver == PortDriver::vdev || port.driver == PortDriver::ethdev;
  if (takes_device && port.device.empty())
    findings.add(at + ".device", "",
                 "is missing: driver " + driver + " needs the device's name, such as " +
                     (port.driver == PortDriver::vdev ? "net_ring0" : "0000:00:05.0"));
  if (!takes_device && !port.device.empty())
    findings.add(at + ".device", port.device, "is for drivers vdev and ethdev, not " + driver);
  if (port.driver == PortDriver::sim && port.rx_queues > limit::sim_rx_queues)
    findings.add(at + ".rx_queues", std::to_string(port.rx_queues),
                 "must be at most " + std::to_string(limit::sim_rx_queues) + " with driver sim");
  if (port.driver != PortDriver::tap) {
    if (!port.iface.empty()) findings.add(at + ".iface", port.iface, "is for driver tap, not " + driver);
    return;
  }
  findings.name(at + ".iface", port.iface, limit::interface_name);
  // A TAP queue is one file descriptor, read and written.
  if (port.rx_queues != port.tx_queues)
    findings.add(
        at + ".tx_queues", std::to_string(port.tx_queues),
        "must equal rx_queues, which is " + std::to_string(port.rx_queues) + ": each queue of a TAP goes both ways");
  if (port.rx_queues > limit::tap_queues)
    findings.add(at + ".rx_queues", std::to_string(port.rx_queues),
                 "must be at most " + std::to_string(limit::tap_queues) + " with driver tap");
}

/// What a VLAN has of its own; all else is the port's below.
void check_vlan(const Config& config, std::size_t index, const std::string& at, Findings& findings, Unique& vlans) {
  const Port& port = config.ports[index];
  if (port.driver != PortDriver::vlan) {
    if (!port.link.empty()) findings.add(at + ".link", port.link, "is for driver vlan");
    if (port.vlan_id != 0) findings.add(at + ".vlan_id", std::to_string(port.vlan_id), "is for driver vlan");
    return;
  }
  findings.range(at + ".vlan_id", port.vlan_id, limit::vlan_id);
  const auto end = config.ports.begin() + static_cast<std::ptrdiff_t>(index);
  const auto below = std::find_if(config.ports.begin(), end, [&](const Port& other) { return other.name == port.link; });
  if (below == end || below->driver == PortDriver::vlan)
    return findings.add(at + ".link", port.link, "must name a port given before this one, which is no VLAN itself");
  if (port.mtu > below->mtu) findings.add(at + ".mtu", std::to_string(port.mtu), "must be at most that of '" + port.link + "', " + std::to_string(below->mtu));
  vlans.add(at + ".vlan_id", port.link + " " + std::to_string(port.vlan_id));
  const Port own{.name = port.name, .driver = port.driver, .link = port.link, .vlan_id = port.vlan_id, .mtu = port.mtu,
                 .gso_max_size = port.gso_max_size, .gso_max_segs = port.gso_max_segs, .txqueuelen = port.txqueuelen};
  if (port != own)
    findings.add(at, "driver vlan", "has name, link, vlan_id, mtu, txqueuelen, gso_max_size and gso_max_segs of its own; set the rest at '" + port.link + "'");
}

void check_lcores(const Config& config, const Port& port, const std::string& at, Findings& findings) {
  const std::size_t lcores = config.lcores.size();
  const std::string there_are = "there are " + std::to_string(lcores) + " lcores, numbered from 0";
  if (!port.rx_lcores.empty() && port.rx_lcores.size() != port.rx_queues)
    findings.add(at + ".rx_lcores", std::to_string(port.rx_lcores.size()) + " entries",
                 "must have one entry for each of the " + std::to_string(port.rx_queues) + " rx_queues, or be absent");
  if (port.threaded && !port.rx_lcores.empty())
    findings.add(at + ".rx_lcores", std::to_string(port.rx_lcores.size()) + " entries", "must be absent, since threaded gives each rx queue an lcore of its own");
  for (std::size_t q = 0; q < port.rx_lcores.size(); ++q)
    if (port.rx_lcores[q] >= lcores)
      findings.add(indexed(at + ".rx_lcores", q), std::to_string(port.rx_lcores[q]), "is no lcore; " + there_are);
  if (lcores < port.rps_cpus.size() && (port.rps_cpus >> lcores).any())
    findings.add(at + ".rps_cpus", to_string(port.rps_cpus), "names absent lcores; " + there_are);
}

void check_interrupts(const Port& port, const std::string& at, Findings& findings) {
  const auto index = static_cast<std::size_t>(port.rx_mode);
  if (index >= rx_mode_words.size()) return findings.add(at + ".rx_mode", std::to_string(index), "must be " + one_of(rx_mode_words));
  if (port.rx_mode == RxMode::interrupt && port.driver == PortDriver::sim)
    findings.add(at + ".rx_mode", "interrupt", "needs a device with interrupts, and driver sim has none; choose adaptive or poll");
  findings.range(at + ".coalesce.rx_usecs", port.coalesce.rx_usecs, limit::rx_usecs);
  findings.range(at + ".coalesce.rx_frames", port.coalesce.rx_frames, limit::rx_frames);
  findings.range(at + ".gro_flush_timeout_ns", static_cast<std::int64_t>(port.gro_flush_timeout_ns), limit::gro_flush_timeout_ns);
  findings.range(at + ".napi_defer_hard_irqs", port.napi_defer_hard_irqs, limit::napi_defer_hard_irqs);
  if (port.coalesce != Coalesce{} && port.rx_mode != RxMode::interrupt)
    findings.add(at + ".coalesce", std::string(rx_mode_words[index]), "holds off interrupts, which rx_mode interrupt alone has under load");
  if (port.coalesce.rx_frames != 0 && port.coalesce.rx_usecs == 0 && !port.coalesce.adaptive)
    findings.add(at + ".coalesce.rx_frames", std::to_string(port.coalesce.rx_frames),
                 "ends a hold-off that rx_usecs or adaptive has to begin; fewer frames would wait for ever");
  if (port.napi_defer_hard_irqs != 0 && port.gro_flush_timeout_ns == 0)
    findings.add(at + ".napi_defer_hard_irqs", std::to_string(port.napi_defer_hard_irqs),
                 "defers by polls that gro_flush_timeout_ns has to bring about; set that too");
}

void check_rss(const Port& port, const std::string& at, Findings& findings) {
  const Rss& rss = port.rss;
  const std::string queues = "there are " + std::to_string(port.rx_queues) + " rx_queues";
  if (!rss.key.empty() && rss.key.size() != 40 && rss.key.size() != 52)
    findings.add(at + ".key", std::to_string(rss.key.size()) + " bytes", "must be 40 or 52 bytes");
  if (!rss.key.empty() && rss.symmetric) findings.add(at + ".key", wire::rss_key_text(rss.key), "must be either bytes or symmetric");
  if (rss.equal > port.rx_queues) findings.add(at + ".equal", std::to_string(rss.equal), "must be 1.." + std::to_string(port.rx_queues) + ": " + queues);
  if (rss.equal != 0 && !rss.weights.empty())
    findings.add(at + ".equal", std::to_string(rss.equal), "and weights both say who gets what; choose one of them");
  if (rss.weights.size() > port.rx_queues)
    findings.add(at + ".weights", std::to_string(rss.weights.size()) + " weights", "must have at most one for each rx queue: " + queues);
  std::int64_t sum = 0;
  for (std::size_t q = 0; q < rss.weights.size(); ++q) {
    findings.range(indexed(at + ".weights", q), rss.weights[q], limit::rss_weight);
    sum += rss.weights[q];
  }
  if (!rss.weights.empty() && sum == 0) findings.add(at + ".weights", "all 0", "must leave at least one queue with a share");
}

/// Each lcore sends by one tx queue (receive_path F10); more than one lcore by the same queue only if it is handed over.
void check_tx_queues(const Config& config, const Port& port, const std::string& at, Findings& findings) {
  const std::size_t lcores = config.lcores.size();
  if (port.xps_cpus.empty()) {
    if (!port.tx_handoff && port.tx_queues < lcores)
      findings.add(at + ".tx_handoff", "false",
                   "needs a tx queue for each of the " + std::to_string(lcores) + " lcores, and tx_queues is " +
                       std::to_string(port.tx_queues) + "; raise tx_queues, or leave tx_handoff on");
    return;
  }
  if (port.xps_cpus.size() != port.tx_queues)
    findings.add(at + ".xps_cpus", std::to_string(port.xps_cpus.size()) + " masks",
                 "must have one mask for each of the " + std::to_string(port.tx_queues) + " tx_queues, or be absent");
  LcoreMask seen;
  for (std::size_t q = 0; q < port.xps_cpus.size(); ++q) {
    const LcoreMask& mask = port.xps_cpus[q];
    const std::string key = indexed(at + ".xps_cpus", q);
    if (lcores < mask.size() && (mask >> lcores).any())
      findings.add(key, to_string(mask), "names absent lcores; there are " + std::to_string(lcores) + " lcores, numbered from 0");
    if ((mask & seen).any()) findings.add(key, to_string(mask), "names an lcore that an earlier mask names; each lcore sends by one tx queue");
    if (!port.tx_handoff && mask.count() > 1)
      findings.add(key, to_string(mask), "gives one tx queue to several lcores, which tx_handoff false forbids");
    seen |= mask;
  }
  for (std::size_t lcore = 0; lcore < lcores && lcore < seen.size(); ++lcore)
    if (!seen.test(lcore)) findings.add(at + ".xps_cpus", "no mask with lcore " + std::to_string(lcore), "must give each lcore a tx queue");
}

void check_mac(const Port& port, const std::string& at, Findings& findings, Unique& macs) {
  if (!port.mac) return;
  const std::string text = port.mac->to_string();
  if (port.mac->is_multicast())
    findings.add(at + ".mac", text, "is a multicast address: the lowest bit of its first byte must be 0");
  if (*port.mac == MacAddress{})
    findings.add(at + ".mac", text, "must not be all zero; leave it out for the device's own");
  macs.add(at + ".mac", text);
}

}  // namespace

void validate_ports(const Config& config, Findings& findings) {
  Unique names(findings, "this name");
  Unique ifaces(findings, "this interface");
  Unique devices(findings, "this device");
  Unique macs(findings, "this address");
  Unique vlans(findings, "this VLAN");
  for (std::size_t i = 0; i < config.ports.size(); ++i) {
    const Port& port = config.ports[i];
    const std::string at = indexed("ports", i);
    findings.name(at + ".name", port.name, limit::interface_name);
    names.add(at + ".name", port.name);
    if (!port.iface.empty()) ifaces.add(at + ".iface", port.iface);
    if (!port.device.empty()) devices.add(at + ".device", port.device.substr(0, port.device.find(',')));
    check_driver(port, at, findings);
    check_vlan(config, i, at, findings, vlans);
    check_mac(port, at, findings, macs);
    check_interrupts(port, at, findings);
    check_rss(port, at + ".rss", findings);
    check_tx_queues(config, port, at, findings);
    findings.range(at + ".mtu", port.mtu, limit::mtu);
    findings.range(at + ".bql_limit_max", port.bql_limit_max, limit::bql_limit);
    findings.range(at + ".bql_limit_min", port.bql_limit_min, limit::bql_limit);
    findings.range(at + ".bql_hold_time", port.bql_hold_time, limit::bql_hold_time);
    if (port.bql_limit_min > port.bql_limit_max)
      findings.add(at + ".bql_limit_min", std::to_string(port.bql_limit_min), "is more than bql_limit_max; take that or less");
    findings.range(at + ".txqueuelen", port.txqueuelen, limit::txqueuelen);
    findings.range(at + ".gso_max_size", port.gso_max_size, limit::gso_max_size);
    findings.range(at + ".gso_max_segs", port.gso_max_segs, limit::gso_max_segs);
    findings.range(at + ".rx_queues", port.rx_queues, limit::queues);
    findings.range(at + ".tx_queues", port.tx_queues, limit::queues);
    findings.power_of_two(at + ".rx_desc", port.rx_desc, limit::descriptors);
    findings.power_of_two(at + ".tx_desc", port.tx_desc, limit::descriptors);
    findings.range(at + ".rps_flow_cnt", port.rps_flow_cnt, limit::rps_flow_cnt);
    if (port.ntuple && port.rx_queues < 2)
      findings.add(at + ".ntuple", "true", "brings flows to other rx queues, and there is one; raise rx_queues, or leave ntuple off");
    check_lcores(config, port, at, findings);
  }
}

}  // namespace millrace::config
