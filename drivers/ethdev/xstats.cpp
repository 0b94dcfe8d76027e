// SPDX-License-Identifier: BSD-3-Clause
// The extended statistics of an ethdev. Called by the port and its watchdog.
#include "drivers/ethdev/xstats.hpp"

#include <rte_ethdev.h>

#include <vector>

namespace millrace::ethdev {

stats::NamedValues read_xstats(std::uint16_t port_id) {
  const int count = rte_eth_xstats_get_names(port_id, nullptr, 0);
  if (count <= 0) return {};
  std::vector<rte_eth_xstat_name> names(static_cast<std::size_t>(count));
  std::vector<rte_eth_xstat> values(names.size());
  if (rte_eth_xstats_get_names(port_id, names.data(), static_cast<unsigned>(count)) != count) return {};
  if (rte_eth_xstats_get(port_id, values.data(), static_cast<unsigned>(count)) != count) return {};
  stats::NamedValues all;
  for (const rte_eth_xstat& value : values) all.emplace_back(names.at(value.id).name, value.value);
  return all;
}

}  // namespace millrace::ethdev
