// SPDX-License-Identifier: BSD-3-Clause
// Flow rules of an ethdev. Called by the port on the control path; calls rte_flow_* of a started device. receive_path F9.
#include "drivers/ethdev/flow_rule.hpp"

#include "drivers/ethdev/quiet_log.hpp"

#include <millrace/base/byte_order.hpp>
#include <millrace/wire/protocol.hpp>

#include <rte_errno.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace millrace::ethdev {
namespace {

constexpr std::size_t most_rules = 0xffff;  // the last id is none

// Drivers explain themselves in the message, if at all.
tl::unexpected<Error> refused(const char* what, int code, const rte_flow_error& error) {
  const int number = code == 0 ? EIO : std::abs(code);
  std::string text = std::string("the device refuses ") + what + ": " + std::strerror(number);
  if (error.message != nullptr) text += std::string(" (") + error.message + ")";
  return failure(number, text);
}

rte_be16_t be16(std::uint16_t value) {
  rte_be16_t wire = 0;
  store_be16(reinterpret_cast<std::uint8_t*>(&wire), value);
  return wire;
}

}  // namespace

FlowSpec::FlowSpec(const wire::FlowRule& rule) {
  attr_.ingress = 1;
  pattern_[0].type = RTE_FLOW_ITEM_TYPE_ETH;
  rule.flow.local.is_v4() ? match_v4(rule.flow) : match_v6(rule.flow);
  if (rule.flow.proto == wire::ip_proto::tcp) {
    match_ports(rule.flow, tcp_, RTE_FLOW_ITEM_TYPE_TCP);
  } else {
    match_ports(rule.flow, udp_, RTE_FLOW_ITEM_TYPE_UDP);
  }
  pattern_[3].type = RTE_FLOW_ITEM_TYPE_END;
  queue_.index = rule.queue;
  actions_[0] = {.type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue_};
  actions_[1].type = RTE_FLOW_ACTION_TYPE_END;
}

void FlowSpec::match_v4(const FlowKey& flow) {
  std::memcpy(&v4_.spec.hdr.src_addr, flow.remote.v4_bytes(), 4);
  std::memcpy(&v4_.spec.hdr.dst_addr, flow.local.v4_bytes(), 4);
  v4_.mask.hdr.src_addr = v4_.mask.hdr.dst_addr = UINT32_MAX;
  pattern_[1] = {.type = RTE_FLOW_ITEM_TYPE_IPV4, .spec = &v4_.spec, .last = nullptr, .mask = &v4_.mask};
}

void FlowSpec::match_v6(const FlowKey& flow) {
  std::memcpy(&v6_.spec.hdr.src_addr, flow.remote.bytes.data(), 16);
  std::memcpy(&v6_.spec.hdr.dst_addr, flow.local.bytes.data(), 16);
  std::memset(&v6_.mask.hdr.src_addr, 0xff, 16);
  std::memset(&v6_.mask.hdr.dst_addr, 0xff, 16);
  pattern_[1] = {.type = RTE_FLOW_ITEM_TYPE_IPV6, .spec = &v6_.spec, .last = nullptr, .mask = &v6_.mask};
}

template <class Item>
void FlowSpec::match_ports(const FlowKey& flow, Match<Item>& ports, rte_flow_item_type type) {
  ports.spec.hdr.src_port = be16(flow.remote_port);
  ports.spec.hdr.dst_port = be16(flow.local_port);
  ports.mask.hdr.src_port = ports.mask.hdr.dst_port = UINT16_MAX;
  pattern_[2] = {.type = type, .spec = &ports.spec, .last = nullptr, .mask = &ports.mask};
}

const Result<void>& FlowRules::can_steer() {
  if (!can_steer_) can_steer_ = try_one();
  return *can_steer_;
}

Result<void> FlowRules::try_one() const {
  const Result<rte_flow*> rule = create({.flow = {.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 1,
                                                  .remote_port = 1, .stack = 0, .proto = wire::ip_proto::udp, .bound = 0},
                                         .queue = static_cast<std::uint16_t>(rx_queues_ - 1)});
  if (!rule) return failure(EOPNOTSUPP, rule.error().message + "; leave ntuple off, and RFS hands packets over between lcores");
  static_cast<void>(rte_flow_destroy(port_id_, *rule, nullptr));
  return {};
}

Result<rte_flow*> FlowRules::create(const wire::FlowRule& rule) const {
  const FlowSpec spec(rule);
  rte_flow_error error{};
  const QuietLog quiet;
  const int code = rte_flow_validate(port_id_, &spec.attr(), spec.pattern(), spec.actions(), &error);
  if (code != 0) return refused("the flow rule", code, error);
  rte_flow* const made = rte_flow_create(port_id_, &spec.attr(), spec.pattern(), spec.actions(), &error);
  if (made == nullptr) return refused("the flow rule", rte_errno, error);
  return made;
}

FlowRules::~FlowRules() {
  for (rte_flow* rule : rules_)
    if (rule != nullptr) static_cast<void>(rte_flow_destroy(port_id_, rule, nullptr));
}

Result<std::uint16_t> FlowRules::add(const wire::FlowRule& rule) {
  if (const Result<void>& can = can_steer(); !can) return tl::unexpected(can.error());
  auto free = std::find(rules_.begin(), rules_.end(), nullptr);
  if (free == rules_.end()) {
    if (rules_.size() >= most_rules) return failure(ENOSPC, std::to_string(most_rules) + " flow rules are in use");
    free = rules_.insert(free, nullptr);
  }
  const Result<rte_flow*> made = create(rule);
  if (!made) return tl::unexpected(made.error());
  *free = *made;
  return static_cast<std::uint16_t>(free - rules_.begin());
}

Result<void> FlowRules::remove(std::uint16_t id) {
  if (id >= rules_.size() || rules_[id] == nullptr) return failure(ENOENT, "there is no flow rule " + std::to_string(id));
  rte_flow_error error{};
  const int code = rte_flow_destroy(port_id_, rules_[id], &error);
  if (code != 0) return refused("to remove a flow rule", code, error);
  rules_[id] = nullptr;
  return {};
}

}  // namespace millrace::ethdev
