// SPDX-License-Identifier: BSD-3-Clause
// EAL and packet pools for tests, with the check that every test owes: full pools, nothing freed without reason.
#include "tests/support/eal.hpp"

#include "tests/support/catch.hpp"

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include <array>
#include <atomic>
#include <string>
#include <vector>

namespace millrace::test {

void start_eal() {
  static const bool started = [] {
    if (rte_lcore_count() > 0) return true;  // the program under test started it
    std::array args{std::string("test"), std::string("--no-huge"), std::string("--no-shconf"), std::string("--no-pci"),
                    std::string("--no-telemetry"), std::string("-m"), std::string("256"), std::string("-l"),
                    std::string("0"), std::string("--log-level"), std::string("error")};
    std::array<char*, args.size()> argv;
    for (std::size_t i = 0; i < args.size(); ++i) argv[i] = args[i].data();
    return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0;
  }();
  REQUIRE(started);
}

TestPool::TestPool(std::uint32_t packets, std::uint16_t data_room) {
  start_eal();
  static std::atomic<int> serial{0};
  auto pool = pkt::Pool::create({.name = "test" + std::to_string(serial++), .packets = packets, .data_room = data_room});
  REQUIRE(pool.has_value());
  pool_ = std::move(*pool);
  lost_before_ = pkt::freed_without_reason();
}

TestPool::~TestPool() {
  CHECK(pool_->in_use() <= left_);
  CHECK(pkt::freed_without_reason() == lost_before_);
}

pkt::Packet TestPool::packet(std::span<const std::uint8_t> bytes) {
  pkt::Packet p = pool_->allocate();
  REQUIRE(p);
  ++given_;
  std::copy(bytes.begin(), bytes.end(), p.append(static_cast<std::uint16_t>(bytes.size())));
  return p;
}

std::vector<std::uint8_t> bytes_of(const pkt::Packet& packet) {
  std::vector<std::uint8_t> bytes(packet.length());
  packet.copy_out(0, bytes);
  return bytes;
}

}  // namespace millrace::test
