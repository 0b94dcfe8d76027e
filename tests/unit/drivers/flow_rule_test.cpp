// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/ethdev/flow_rule.hpp"

#include "drivers/ethdev/ethdev_port.hpp"

#include <millrace/base/byte_order.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/eal.hpp"

#include <algorithm>
#include <cerrno>

using namespace millrace;
using ethdev::FlowSpec;

namespace {

/// The bytes of a field, as they are on the wire.
template <class Field>
std::vector<std::uint8_t> bytes_of(const Field& field) {
  const auto* const first = reinterpret_cast<const std::uint8_t*>(&field);
  return {first, first + sizeof field};
}

template <class Item>
const Item& as(const void* item) {
  REQUIRE(item != nullptr);
  return *static_cast<const Item*>(item);
}

/// Everything of `mask` is 0 but the bytes of `fields`, which are 255.
template <class Item>
bool masks_only(const Item& mask, std::size_t fields) {
  const std::vector<std::uint8_t> bytes = bytes_of(mask);
  return std::count(bytes.begin(), bytes.end(), 0xff) == static_cast<std::ptrdiff_t>(fields) &&
         std::count(bytes.begin(), bytes.end(), 0) == static_cast<std::ptrdiff_t>(bytes.size() - fields);
}

using Bytes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("F9: a UDP flow over IPv4 in rte_flow's terms: any Ethernet header, both addresses, both ports, to a queue") {
  const FlowSpec spec({.flow = {.local = IpAddress::v4(10, 77, 0, 2), .remote = IpAddress::v4(10, 77, 0, 1), .local_port = 2000, .remote_port = 1000,
                                .stack = 3, .proto = 17, .bound = 0},
                       .queue = 5});
  CHECK(spec.attr().ingress == 1);
  CHECK(spec.attr().egress == 0);
  CHECK(spec.attr().group == 0);
  const rte_flow_item* const items = spec.pattern();
  CHECK(items[0].type == RTE_FLOW_ITEM_TYPE_ETH);
  CHECK(items[0].spec == nullptr);
  REQUIRE(items[1].type == RTE_FLOW_ITEM_TYPE_IPV4);
  CHECK(bytes_of(as<rte_flow_item_ipv4>(items[1].spec).hdr.src_addr) == Bytes{10, 77, 0, 1});
  CHECK(bytes_of(as<rte_flow_item_ipv4>(items[1].spec).hdr.dst_addr) == Bytes{10, 77, 0, 2});
  CHECK(bytes_of(as<rte_flow_item_ipv4>(items[1].mask).hdr.src_addr) == Bytes(4, 0xff));
  CHECK(bytes_of(as<rte_flow_item_ipv4>(items[1].mask).hdr.dst_addr) == Bytes(4, 0xff));
  CHECK(masks_only(as<rte_flow_item_ipv4>(items[1].mask), 8));
  REQUIRE(items[2].type == RTE_FLOW_ITEM_TYPE_UDP);
  CHECK(bytes_of(as<rte_flow_item_udp>(items[2].spec).hdr.src_port) == Bytes{1000 >> 8, 1000 & 0xff});
  CHECK(bytes_of(as<rte_flow_item_udp>(items[2].spec).hdr.dst_port) == Bytes{2000 >> 8, 2000 & 0xff});
  CHECK(masks_only(as<rte_flow_item_udp>(items[2].mask), 4));
  CHECK(items[3].type == RTE_FLOW_ITEM_TYPE_END);
  REQUIRE(spec.actions()[0].type == RTE_FLOW_ACTION_TYPE_QUEUE);
  CHECK(as<rte_flow_action_queue>(spec.actions()[0].conf).index == 5);
  CHECK(spec.actions()[1].type == RTE_FLOW_ACTION_TYPE_END);
}

TEST_CASE("F9: a TCP flow over IPv6 in rte_flow's terms") {
  const FlowSpec spec({.flow = {.local = *IpAddress::parse("fd00:77::2"), .remote = *IpAddress::parse("fd00:77::1"), .local_port = 80, .remote_port = 40000,
                                .stack = 0, .proto = 6, .bound = 0},
                       .queue = 1});
  const rte_flow_item* const items = spec.pattern();
  REQUIRE(items[1].type == RTE_FLOW_ITEM_TYPE_IPV6);
  CHECK(bytes_of(as<rte_flow_item_ipv6>(items[1].spec).hdr.src_addr) == Bytes{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
  CHECK(bytes_of(as<rte_flow_item_ipv6>(items[1].spec).hdr.dst_addr) == Bytes{0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
  CHECK(bytes_of(as<rte_flow_item_ipv6>(items[1].mask).hdr.src_addr) == Bytes(16, 0xff));
  CHECK(masks_only(as<rte_flow_item_ipv6>(items[1].mask), 32));
  REQUIRE(items[2].type == RTE_FLOW_ITEM_TYPE_TCP);
  CHECK(bytes_of(as<rte_flow_item_tcp>(items[2].spec).hdr.src_port) == Bytes{40000 >> 8, 40000 & 0xff});
  CHECK(bytes_of(as<rte_flow_item_tcp>(items[2].spec).hdr.dst_port) == Bytes{0, 80});
  CHECK(masks_only(as<rte_flow_item_tcp>(items[2].mask), 4));
}

TEST_CASE("F9: a device whose driver has no flow calls says so") {
  test::TestPool pool;
  auto opened = ethdev::open({.name = "net_null4", .args = "no-rx=1", .rx_queues = 2, .pools = {&*pool}});
  REQUIRE(opened);
  const auto can = (*opened)->can_steer_flows();
  REQUIRE_FALSE(can);
  CHECK(can.error().code == EOPNOTSUPP);
  CHECK(can.error().message.find("the device refuses the flow rule: Function not implemented") == 0);
  CHECK(can.error().message.find("; leave ntuple off") != std::string::npos);
  CHECK((*opened)->add_flow_rule({}).error().code == EOPNOTSUPP);
  CHECK((*opened)->remove_flow_rule(0).error().code == ENOENT);
}
