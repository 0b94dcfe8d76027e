// SPDX-License-Identifier: BSD-3-Clause
#include "drivers/sim/lro.hpp"
#include "drivers/sim/link.hpp"

#include <millrace/gro/gro.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/unit/gro/frame.hpp"

using namespace millrace;
using namespace millrace::test;

namespace {

Frame nth(int n, int family = 4) {
  Frame f;
  f.family = family;
  f.seq += static_cast<std::uint32_t>(n) * 1400;
  f.id = static_cast<std::uint16_t>(f.id + n);
  f.payload = 1400;
  return f;
}

/// What one poll of a port finds when these frames wait.
struct Received {
  explicit Received(const std::vector<Frame>& frames, bool lro = true, std::uint16_t budget = 64) {
    sim::Link link({});
    auto port = link.open(sim::End::b, {.name = "b", .ifindex = 1, .lro = lro});
    CHECK(port->info().offloads.rx_lro == lro);
    for (const Frame& frame : frames) link.inject(sim::End::a, lcore.env.now, frame.bytes());
    while (port->rx_queue(0).receive(lcore.env, burst, budget) != 0) {
      left.push_back(port->rx_queue(0).waiting());
      burst.take_all([&](pkt::Packet packet) { packets.push_back(std::move(packet)); });
    }
    CHECK(port->next_arrival() == never);
  }
  ~Received() {
    for (pkt::Packet& packet : packets)
      if (packet) pkt::consume(std::move(packet));
  }

  [[nodiscard]] std::vector<std::uint16_t> segments() const {
    std::vector<std::uint16_t> all;
    for (const pkt::Packet& packet : packets) all.push_back(packet.meta().gso_segs);
    return all;
  }

  LcoreEnv lcore;
  pkt::Burst burst;
  std::vector<pkt::Packet> packets;
  std::vector<int> left;
};

using Counts = std::vector<std::uint16_t>;

}  // namespace

TEST_CASE("E17: a device with lro gives ten segments as one frame with their size and number; without, and by default, as ten") {
  CHECK_FALSE(sim::EndOptions{}.lro);
  for (const int family : {4, 6}) {
    std::vector<Frame> frames;
    frames.reserve(10);
    for (int n = 0; n < 10; ++n) frames.push_back(nth(n, family));
    CHECK(Received(frames, false).segments() == Counts(10, 1));
    Received merged(frames);
    REQUIRE(merged.segments() == Counts{10});
    const pkt::Packet& packet = merged.packets[0];
    CHECK(packet.meta().gso_size == 1400);
    CHECK(packet.meta().checksum == pkt::ChecksumVerdict::good);
    CHECK((packet.mbuf().ol_flags & pkt::flag::rx_lro) != 0);
    Frame whole = nth(0, family);
    whole.payload = 14000;
    CHECK(bytes_of(packet) == whole.bytes());
    CHECK(merged.lcore.stats.port[stats::Port::rx_packets] == 1);
  }
}

TEST_CASE("E17: such a device merges only what follows, and what does not comes behind it, however small the budget") {
  const auto with = [](auto change) {
    Frame odd = nth(1);
    change(odd);
    Received received({nth(0), odd, nth(2)}, true, 1);
    return received.segments();
  };
  CHECK(with([](Frame&) {}) == Counts{3});
  CHECK(with([](Frame& f) { f.flags |= wire::tcp_flag::psh; }) == Counts{2, 1});
  CHECK(with([](Frame& f) { f.payload = 700; }) == Counts{2, 1});
  CHECK(with([](Frame& f) { f.seq += 1; }) == Counts{1, 1, 1});
  CHECK(with([](Frame& f) { f.ack += 1; }) == Counts{1, 1, 1});
  CHECK(with([](Frame& f) { f.ttl -= 1; }) == Counts{1, 1, 1});
  CHECK(with([](Frame& f) { f.source_port += 1; }) == Counts{1, 1, 1});
  CHECK(with([](Frame& f) { f.flags |= wire::tcp_flag::fin; }) == Counts{1, 1, 1});
  CHECK(with([](Frame& f) { f.tcp_sum_error = 1; }) == Counts{1, 1, 1});
  Received received({nth(0), nth(5), nth(6)}, true, 1);
  CHECK(received.left == std::vector<int>{2, 0});
}

TEST_CASE("E17, E8: GRO takes a device's merged frames as merged input: equal sizes join, a short end closes") {
  LcoreEnv lcore;
  gro::Gro gro;
  sim::Link link({});
  auto port = link.open(sim::End::b, {.name = "b", .ifindex = 1, .lro = true});
  pkt::PacketList up;
  const auto poll = [&](int first, int last, std::size_t short_end) {
    for (int n = first; n < last; ++n) {
      Frame f = nth(n);
      if (n == last - 1 && short_end != 0) f.payload = short_end;
      link.inject(sim::End::a, lcore.env.now, f.bytes());
    }
    pkt::Burst burst;
    REQUIRE(port->rx_queue(0).receive(lcore.env, burst, 64) == 1);
    gro.receive(lcore.env, burst, {.ifindex = 1}, up);
  };
  poll(0, 4, 0);
  poll(4, 7, 0);
  CHECK(gro.held() == 1);
  poll(7, 10, 600);
  CHECK(gro.held() == 0);
  gro.flush_all(lcore.env, up);
  REQUIRE(up.size() == 1);
  pkt::Packet whole = up.pop_front();
  CHECK(whole.meta().gso_segs == 10);
  CHECK(whole.meta().gso_size == 1400);
  CHECK(whole.length() == 54 + 9 * 1400 + 600);
  CHECK(lcore.stats.gro[stats::Gro::merged] == 2);
  CHECK(lcore.stats.gro[stats::Gro::checksum_computed] == 0);
  pkt::consume(std::move(whole));
}
