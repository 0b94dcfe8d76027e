// SPDX-License-Identifier: BSD-3-Clause
// The layer 2 filters of an ethdev. Called by Device when it starts, and by the port; calls rte_ethdev.
#include "drivers/ethdev/filters.hpp"

#include "drivers/ethdev/quiet_log.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace millrace::ethdev {
namespace {

rte_ether_addr rte(const MacAddress& mac) {
  rte_ether_addr address{};
  std::copy(mac.bytes.begin(), mac.bytes.end(), address.addr_bytes);
  return address;
}

bool contains(const std::vector<MacAddress>& groups, const MacAddress& group) { return std::find(groups.begin(), groups.end(), group) != groups.end(); }

Result<void> verdict(const std::string& asked, int code) {
  if (code == 0) return {};
  const char* const remedy = code == -ENOSPC ? "; the device keeps fewer: leave allmulticast on" : "";
  return failure(std::abs(code), asked + ": " + std::strerror(std::abs(code)) + remedy);
}

// ethdev agrees to leave out what was never there, and asks no driver then.
bool chooses_groups(std::uint16_t port_id, const Filters& now) { return !now.allmulticast || rte_eth_allmulticast_get(port_id) == 1; }

int write_allmulticast(std::uint16_t port_id, const Filters& now, bool on) {
  if (!chooses_groups(port_id, now)) return -ENOTSUP;
  return on ? rte_eth_allmulticast_enable(port_id) : rte_eth_allmulticast_disable(port_id);
}

// What has no list for groups, as net_virtio, keeps them among the addresses that are its own.
int write_groups(std::uint16_t port_id, const Filters& now, const Filters& wanted) {
  if (!chooses_groups(port_id, now)) return -ENOTSUP;
  std::vector<rte_ether_addr> list;
  for (const MacAddress& group : wanted.groups) list.push_back(rte(group));
  int code = rte_eth_dev_set_mc_addr_list(port_id, list.data(), static_cast<std::uint32_t>(list.size()));
  if (code != -ENOTSUP) return code;
  code = 0;
  for (const MacAddress& group : now.groups) {
    rte_ether_addr address = rte(group);
    if (code == 0 && !contains(wanted.groups, group)) code = rte_eth_dev_mac_addr_remove(port_id, &address);
  }
  for (rte_ether_addr& address : list)
    if (code == 0) code = rte_eth_dev_mac_addr_add(port_id, &address, 0);
  return code;
}

int switch_vlan_filter(std::uint16_t port_id, bool on) {
  rte_eth_dev_info device{};
  if (const int code = rte_eth_dev_info_get(port_id, &device); code != 0) return code;
  if ((device.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) == 0) return on ? -ENOTSUP : 0;
  const int offloads = rte_eth_dev_get_vlan_offload(port_id);
  if (offloads < 0) return offloads;
  return rte_eth_dev_set_vlan_offload(port_id, on ? offloads | RTE_ETH_VLAN_FILTER_OFFLOAD : offloads & ~RTE_ETH_VLAN_FILTER_OFFLOAD);
}

// With VLAN 0's tag goes a frame that has a priority, and is of no VLAN; Linux lets it in, too (vlan_device_event()).
VlanTable table_of(const Filters& filters, const Profile& profile) {
  VlanTable table = filters.vlans.value_or(VlanTable());
  if (filters.vlans || profile.begins_without_vlans) table.set(0);
  return table;
}

// Promiscuity opens the filter, as in Linux's drivers; net_virtio's device does that itself.
bool filters_vlans(const Filters& filters, const Profile& profile) { return filters.vlans && (!filters.promiscuous || profile.begins_without_vlans); }

// ethdev has the table written while the filter is on, and not else.
int write_table(std::uint16_t port_id, const VlanTable& now, const VlanTable& wanted) {
  const VlanTable changed = now ^ wanted;
  if (changed.none()) return 0;
  int code = switch_vlan_filter(port_id, true);
  for (std::uint16_t id = 0; code == 0 && id < changed.size(); ++id)
    if (changed.test(id)) code = rte_eth_dev_vlan_filter(port_id, id, wanted.test(id) ? 1 : 0);
  return code;
}

int write_vlans(std::uint16_t port_id, const Profile& profile, const Filters& now, const Filters& wanted) {
  const int code = write_table(port_id, table_of(now, profile), table_of(wanted, profile));
  return code != 0 ? code : switch_vlan_filter(port_id, filters_vlans(wanted, profile));
}

}  // namespace

int open_filters(std::uint16_t port_id, const Profile& profile) {
  // IPv6 lives on multicast; devices that filter none do not know the call.
  rte_eth_allmulticast_enable(port_id);
  if (!profile.begins_without_vlans) return 0;
  const int code = write_table(port_id, {}, table_of({}, profile));
  return code == -ENOTSUP ? 0 : code;
}

Result<void> write_filters(std::uint16_t port_id, const Profile& profile, const Filters& now, const Filters& wanted) {
  const QuietLog quiet;
  const auto state = [](bool on) { return on ? " on" : " off"; };
  Result<void> done;
  if (wanted.promiscuous != now.promiscuous)
    done = verdict(std::string("promiscuous") + state(wanted.promiscuous), wanted.promiscuous ? rte_eth_promiscuous_enable(port_id) : rte_eth_promiscuous_disable(port_id));
  if (done && wanted.groups != now.groups) done = verdict("multicast, " + std::to_string(wanted.groups.size()) + " groups", write_groups(port_id, now, wanted));
  if (done && wanted.allmulticast != now.allmulticast)
    done = verdict(std::string("allmulticast") + state(wanted.allmulticast), write_allmulticast(port_id, now, wanted.allmulticast));
  const bool vlans_differ = wanted.vlans != now.vlans || (wanted.vlans && wanted.promiscuous != now.promiscuous);
  if (done && vlans_differ) done = verdict("vlan filter", write_vlans(port_id, profile, now, wanted));
  return done;
}

}  // namespace millrace::ethdev
