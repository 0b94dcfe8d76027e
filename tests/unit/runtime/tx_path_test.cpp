// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/tx_path.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/unit/gro/frame.hpp"

using namespace millrace;
using runtime::TxPath;

namespace {

// A device that takes `room` more frames.
class Device final : public port::TxQueue {
 public:
  std::uint16_t transmit(Env&, pkt::Burst& burst) override {
    const auto n = static_cast<std::uint16_t>(std::min<std::size_t>(burst.size(), room));
    for (std::uint16_t i = 0; i < n; ++i) {
      sent.push_back(burst[i].data()[0]);
      pkt::consume(pkt::Packet::adopt(burst.slots()[i]));
    }
    burst.drop_front(n);
    room -= n;
    return n;
  }
  std::size_t room = 1'000'000;
  std::vector<std::uint8_t> sent;
};

pkt::Packet frame(test::LcoreEnv& lcore, int number) {
  return lcore.pool.packet(std::array{static_cast<std::uint8_t>(number)});
}

// A TCP packet of `count` segments of 10 bytes.
pkt::Packet many_segments(test::LcoreEnv& lcore, std::uint16_t count) {
  const test::Frame tcp{.payload = count * 10u};
  pkt::Packet packet = lcore.pool.packet(tcp.bytes());
  test::dissect_into_meta(packet);
  packet.meta().gso_size = 10;
  packet.meta().gso_segs = count;
  return packet;
}

}  // namespace

TEST_CASE("the owner of a tx queue sends in order; what the device does not take goes with a later flush") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Device device;
  {
    TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1});
    device.room = 3;
    for (int i = 0; i < 100; ++i) path.transmit(frame(lcore, i));
    path.flush();
    CHECK(device.sent.size() == 3);
    device.room = 1000;
    path.flush();
    REQUIRE(device.sent.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(device.sent[static_cast<std::size_t>(i)] == i);
  }
  CHECK(lcore.stats.drop[stats::DropReason::tx_ring_full] == 0);
}

TEST_CASE("I4: txqueuelen bounds the queue of a device that takes nothing; the rest is dropped by name") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Device device;
  device.room = 0;
  {
    TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1});
    for (int i = 0; i < 1200; ++i) path.transmit(frame(lcore, i));
    CHECK(lcore.stats.drop[stats::DropReason::tx_ring_full] == 200 - pkt::Burst::capacity);
  }
  CHECK(lcore.stats.drop[stats::DropReason::shutdown] == 1000 + pkt::Burst::capacity);
}

TEST_CASE("I4: txqueuelen may be another, and change while frames wait") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Device device;
  device.room = 0;
  TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1, .txqueuelen = 10});
  for (int i = 0; i < 100; ++i) path.transmit(frame(lcore, i));
  CHECK(lcore.stats.drop[stats::DropReason::tx_ring_full] == 90 - pkt::Burst::capacity);
  path.set_txqueuelen(12);
  for (int i = 0; i < 10; ++i) path.transmit(frame(lcore, i));
  CHECK(lcore.stats.drop[stats::DropReason::tx_ring_full] == 98 - pkt::Burst::capacity);
  path.set_txqueuelen(3);
  for (int i = 0; i < 10; ++i) path.transmit(frame(lcore, i));
  CHECK(lcore.stats.drop[stats::DropReason::tx_ring_full] == 108 - pkt::Burst::capacity);
}

TEST_CASE("E19: a packet of many segments waits as one and is cut when it leaves the queue, in order with the others") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Device device;
  const auto send = [&](const port::Offloads& offloads) {
    device.sent.clear();
    TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1, .offloads = offloads});
    path.transmit(frame(lcore, 1));
    path.transmit(many_segments(lcore, 100));
    path.transmit(frame(lcore, 2));
    device.room = 60;
    path.flush();
    CHECK(device.sent.size() == std::min<std::size_t>(60, offloads.tx_segmentation.tcp ? 3 : 102));
    device.room = 1000;
    path.flush();
    CHECK_FALSE(path.has_queued());
    CHECK(device.sent.front() == 1);
    CHECK(device.sent.back() == 2);
    return device.sent.size();
  };
  CHECK(send({}) == 102);
  CHECK(lcore.stats.gso[stats::Gso::software] == 1);
  CHECK(send({.tx_segmentation = {.tcp = true}}) == 3);
  CHECK(lcore.stats.gso[stats::Gso::hardware] == 1);
}

TEST_CASE("E19: segments that the device has not taken end with the path, as shutdown") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Device device;
  device.room = 10;
  {
    TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1});
    path.transmit(many_segments(lcore, 100));
    path.flush();
    CHECK(path.has_queued());
  }
  CHECK(lcore.stats.drop[stats::DropReason::shutdown] == 90);
}

TEST_CASE("F23: an lcore that does not own the queue hands over by ring and wakes the owner once a burst") {
  test::LcoreEnv lcore(1);
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  TxPath path(lcore.env, {.queue = nullptr, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 3});
  for (int i = 0; i < 10; ++i) path.transmit(frame(lcore, i));
  CHECK(lcore.stats.steer[stats::Steer::tx_handoff] == 8);
  CHECK(lcore.stats.drop[stats::DropReason::tx_ring_full] == 2);
  waker.announce();
  path.flush();
  CHECK(rings.waiting(0) == 8);
  path.flush();
  CHECK(lcore.stats.steer[stats::Steer::wakes] == 1);
  pkt::Mbuf* m = nullptr;
  while (rings.dequeue(1, 0, &m, 1) == 1) {
    CHECK(m->meta.ifindex == 3);
    pkt::consume(pkt::Packet::adopt(m));
  }
}

namespace {

// Keeps what it has sent until it is asked, as devices do.
class Keeping final : public port::TxQueue {
 public:
  ~Keeping() override { Keeping::reclaim(); }
  std::uint16_t transmit(Env&, pkt::Burst& burst) override {
    const std::uint16_t n = burst.size();
    burst.take_all([this](pkt::Packet sent) { kept.push_back(std::move(sent)); });
    return n;
  }
  void reclaim() override {
    ++asked;
    for (pkt::Packet& packet : kept) pkt::consume(std::move(packet));
    kept.clear();
  }
  bool can_reclaim() const override { return able; }
  bool able = true;
  int asked = 0;
  std::vector<pkt::Packet> kept;
};

}  // namespace

TEST_CASE("F23: the owner takes sent buffers back when idle, 100 us after the last frame, then ever less often, then no more") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Keeping device;
  TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1});
  CHECK(path.next_reclaim() == never);
  for (int i = 0; i < 5; ++i) path.transmit(frame(lcore, i));
  path.flush();
  CHECK(path.next_reclaim() == lcore.env.now + 100us);
  path.reclaim();
  CHECK(device.asked == 0);
  CHECK(lcore.pool->in_use() == 5);
  lcore.env.now += 100us;
  path.reclaim();
  CHECK(lcore.pool->in_use() == 0);
  Duration last{0};
  while (path.next_reclaim() != never) {
    const Duration pause = path.next_reclaim() - lcore.env.now;
    CHECK(pause >= last);
    last = pause;
    lcore.env.now = path.next_reclaim();
    path.reclaim();
  }
  CHECK(device.asked == 11);
  CHECK(last < 100ms);
  device.able = false;
  path.transmit(frame(lcore, 9));
  path.flush();
  CHECK(path.next_reclaim() == never);
}
