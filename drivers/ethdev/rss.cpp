// SPDX-License-Identifier: BSD-3-Clause
// RSS of an ethdev: hash key, hashed fields and RETA, asked for and read back. Called by the port on the control path;
// calls rte_eth_dev_rss_* of a started device.
#include "drivers/ethdev/rss.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

namespace millrace::ethdev {
namespace {

constexpr std::size_t longest_key = 52;
constexpr std::size_t largest_reta = RTE_ETH_RSS_RETA_SIZE_512;
using Reta = std::array<rte_eth_rss_reta_entry64, largest_reta / RTE_ETH_RETA_GROUP_SIZE>;

tl::unexpected<Error> refused(const char* what, int code) {
  const int error = code == 0 ? EIO : std::abs(code);
  return failure(error, std::string("the device refuses ") + what + ": " + std::strerror(error));
}

/// The device's answer to rss_hash_conf_get, in `key`; null when there is none.
std::optional<rte_eth_rss_conf> hash_conf(std::uint16_t port_id, std::size_t key_bytes, std::array<std::uint8_t, longest_key>& key) {
  rte_eth_rss_conf conf{};
  conf.rss_key = key.data();
  conf.rss_key_len = static_cast<std::uint8_t>(key_bytes);
  return rte_eth_dev_rss_hash_conf_get(port_id, &conf) == 0 ? std::optional(conf) : std::nullopt;
}

Result<void> write_hash(std::uint16_t port_id, const wire::Rss& rss, const wire::Rss& now, std::uint64_t possible) {
  if (rss.key.size() != now.key.size())
    return failure(EINVAL, "a key of " + std::to_string(rss.key.size()) + " bytes; the device's has " + std::to_string(now.key.size()));
  std::vector<std::uint8_t> key = rss.key;
  rte_eth_rss_conf conf{};
  conf.rss_key = key.data();
  conf.rss_key_len = static_cast<std::uint8_t>(key.size());
  conf.rss_hf = rss_types(rss.fields) & possible;
  if (const int code = rte_eth_dev_rss_hash_update(port_id, &conf); code != 0) return refused("this hash key and these fields", code);
  return {};
}

Result<void> write_reta(std::uint16_t port_id, const std::vector<std::uint16_t>& reta, std::size_t entries) {
  if (reta.size() != entries)
    return failure(EINVAL, "a RETA of " + std::to_string(reta.size()) + " entries; the device has " + std::to_string(entries));
  Reta groups{};
  for (std::size_t i = 0; i < entries; ++i) {
    groups[i / RTE_ETH_RETA_GROUP_SIZE].mask |= std::uint64_t{1} << i % RTE_ETH_RETA_GROUP_SIZE;
    groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] = reta[i];
  }
  if (const int code = rte_eth_dev_rss_reta_update(port_id, groups.data(), static_cast<std::uint16_t>(entries)); code != 0)
    return refused("this RETA", code);
  return {};
}

}  // namespace

std::uint64_t rss_types(const wire::RssFields& fields) {
  std::uint64_t types = RTE_ETH_RSS_IP;
  if (fields.tcp4) types |= RTE_ETH_RSS_NONFRAG_IPV4_TCP;
  if (fields.udp4) types |= RTE_ETH_RSS_NONFRAG_IPV4_UDP;
  if (fields.tcp6) types |= RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_IPV6_TCP_EX;
  if (fields.udp6) types |= RTE_ETH_RSS_NONFRAG_IPV6_UDP | RTE_ETH_RSS_IPV6_UDP_EX;
  return types;
}

wire::RssFields rss_fields(std::uint64_t types) {
  return {.tcp4 = (types & RTE_ETH_RSS_NONFRAG_IPV4_TCP) != 0,
          .udp4 = (types & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0,
          .tcp6 = (types & RTE_ETH_RSS_NONFRAG_IPV6_TCP) != 0,
          .udp6 = (types & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0};
}

std::optional<wire::Rss> read_rss(std::uint16_t port_id) {
  rte_eth_dev_info device{};
  if (rte_eth_dev_info_get(port_id, &device) != 0) return std::nullopt;
  if (device.flow_type_rss_offloads == 0 || device.reta_size == 0 || device.reta_size > largest_reta) return std::nullopt;
  const std::size_t key_bytes = std::clamp<std::size_t>(device.hash_key_size, std::tuple_size_v<wire::ToeplitzKey>, longest_key);
  std::array<std::uint8_t, longest_key> key{};
  const auto conf = hash_conf(port_id, key_bytes, key);
  Reta groups{};
  for (auto& group : groups) group.mask = UINT64_MAX;
  if (!conf || rte_eth_dev_rss_reta_query(port_id, groups.data(), device.reta_size) != 0) return std::nullopt;
  wire::Rss rss;
  rss.key.assign(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(key_bytes));
  rss.fields = rss_fields(conf->rss_hf);
  rss.reta.resize(device.reta_size);
  for (std::size_t i = 0; i < rss.reta.size(); ++i) rss.reta[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
  return rss;
}

Result<void> write_rss(std::uint16_t port_id, const wire::Rss& rss) {
  rte_eth_dev_info device{};
  const std::optional<wire::Rss> now = read_rss(port_id);
  if (!now || rte_eth_dev_info_get(port_id, &device) != 0)
    return failure(EOPNOTSUPP, "the device spreads no packets over its queues; leave rss out, and spread by rps_cpus");
  if (rss.key != now->key || rss.fields != now->fields)
    if (auto done = write_hash(port_id, rss, *now, device.flow_type_rss_offloads); !done) return done;
  if (rss.reta != now->reta) return write_reta(port_id, rss.reta, now->reta.size());
  return {};
}

}  // namespace millrace::ethdev
