// SPDX-License-Identifier: BSD-3-Clause
// Makes, checks and empties the ring that the loops of B5 turn on. Called by port_cost.cpp and callgrind_child.cpp.
#include "tests/bench/port_ring.hpp"

#include "drivers/ethdev/ethdev_port.hpp"
#include "tests/support/raw_frame.hpp"

#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace millrace::bench {
namespace {

constexpr const char* device = "net_ring0";

std::vector<std::uint8_t> frame_bytes(std::uint16_t number) {
  constexpr std::size_t payload = PortRing::frame_length - (14 + 20 + 8);  // of UDP over IPv4
  return test::RawFrame{.payload = payload, .source_port = number}.bytes();
}

}  // namespace

PortRing::PortRing() {
  auto pool = pkt::Pool::create({.name = "bench_ring", .packets = 1023});
  if (!pool) throw std::runtime_error(pool.error().message);
  pool_ = std::move(*pool);
  auto port = ethdev::open({.name = device, .pools = {pool_.get()}});
  if (!port) throw std::runtime_error(port.error().message);
  port_ = std::move(*port);
  if (rte_eth_dev_get_port_by_name(device, &port_id_) != 0) throw std::runtime_error("net_ring0 has no port id");
  env_.pool = pool_.get();
  env_.stats = &stats_;
  fill();
}

PortRing::~PortRing() {
  pkt::Burst burst;
  while (rx().receive(env_, burst, PortEnds::burst_size) != 0)
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
}

void PortRing::fill() {
  pkt::Burst burst;
  for (std::uint16_t number = 0; number < frames; ++number) {
    pkt::Packet packet = pool_->allocate();
    const std::vector<std::uint8_t> bytes = frame_bytes(number);
    std::memcpy(packet.append(static_cast<std::uint16_t>(bytes.size())), bytes.data(), bytes.size());
    burst.push(std::move(packet));
  }
  tx().transmit(env_, burst);
}

std::string PortRing::fault() {
  pkt::Burst burst;
  while (!burst.full() && rx().receive(env_, burst, PortEnds::burst_size) != 0) {
  }
  std::string found;
  if (burst.size() != frames)
    found = std::to_string(burst.size()) + " frames on the ring instead of " + std::to_string(frames);
  for (std::uint16_t i = 0; i < burst.size() && found.empty(); ++i) {
    const std::vector<std::uint8_t> expected = frame_bytes(i);
    const pkt::Mbuf& m = burst[i];
    const std::uint8_t* const data = burst[i].data();
    if (m.pkt_len != expected.size() || !std::equal(expected.begin(), expected.end(), data))
      found = "frame " + std::to_string(i) + " is not as it was, or not in its place";
  }
  tx().transmit(env_, burst);
  return found;
}

}  // namespace millrace::bench
