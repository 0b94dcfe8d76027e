// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/result.hpp>
#include <millrace/wire/flow_rule.hpp>

#include <rte_flow.h>

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::ethdev {

/// A flow rule in rte_flow's terms: what arrives with these addresses and ports of TCP or UDP, whatever its Ethernet header,
/// goes to a queue. It points into itself.
class FlowSpec {
 public:
  explicit FlowSpec(const wire::FlowRule& rule);
  FlowSpec(const FlowSpec&) = delete;
  FlowSpec& operator=(const FlowSpec&) = delete;

  [[nodiscard]] const rte_flow_attr& attr() const { return attr_; }
  [[nodiscard]] const rte_flow_item* pattern() const { return pattern_.data(); }
  [[nodiscard]] const rte_flow_action* actions() const { return actions_.data(); }

 private:
  template <class Item>
  struct Match {
    Item spec{};
    Item mask{};
  };
  void match_v4(const FlowKey& flow);
  void match_v6(const FlowKey& flow);
  template <class Item>
  void match_ports(const FlowKey& flow, Match<Item>& ports, rte_flow_item_type type);

  rte_flow_attr attr_{};
  Match<rte_flow_item_ipv4> v4_;
  Match<rte_flow_item_ipv6> v6_;
  Match<rte_flow_item_tcp> tcp_;
  Match<rte_flow_item_udp> udp_;
  rte_flow_action_queue queue_{};
  std::array<rte_flow_item, 4> pattern_{};
  std::array<rte_flow_action, 2> actions_{};
};

/// The flow rules that this process has given a started ethdev. ethdev itself keeps drivers' flow calls apart where they
/// cannot do that.
class FlowRules {
 public:
  FlowRules(std::uint16_t port_id, std::uint16_t rx_queues) : port_id_(port_id), rx_queues_(rx_queues) {}
  /// Removes what is left.
  ~FlowRules();
  FlowRules(const FlowRules&) = delete;
  FlowRules& operator=(const FlowRules&) = delete;

  // As port::Port has them.

  /// At its first call the device is given a rule, and relieved of it: that a driver agrees in advance says little.
  [[nodiscard]] const Result<void>& can_steer();
  [[nodiscard]] Result<std::uint16_t> add(const wire::FlowRule& rule);
  [[nodiscard]] Result<void> remove(std::uint16_t id);

 private:
  [[nodiscard]] Result<rte_flow*> create(const wire::FlowRule& rule) const;
  [[nodiscard]] Result<void> try_one() const;

  const std::uint16_t port_id_;
  const std::uint16_t rx_queues_;
  std::optional<Result<void>> can_steer_;
  std::vector<rte_flow*> rules_;  // by id; null: none
};

}  // namespace millrace::ethdev
