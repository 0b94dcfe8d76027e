// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/tx_path.hpp>

#include "tests/support/catch.hpp"
#include "tests/support/lcore_env.hpp"
#include "tests/support/raw_frame.hpp"
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
      ifindex = burst[i].meta.ifindex;
      pkt::consume(pkt::Packet::adopt(burst.slots()[i]));
    }
    burst.drop_front(n);
    room -= n;
    return n;
  }
  std::size_t room = 1'000'000;
  std::vector<std::uint8_t> sent;
  std::uint16_t ifindex = 0;  ///< of the last
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

TEST_CASE("frames that a full device did not take are tried again in a microsecond, be they ever so few") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Device device;
  device.room = 3;
  TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1});
  for (int i = 0; i < 5; ++i) path.transmit(frame(lcore, i));
  path.flush();
  CHECK(device.sent.size() == 3);
  CHECK_FALSE(path.wants_flush());
  CHECK(path.next_flush() == lcore.env.now + 1us);
  lcore.env.now += 1us;
  CHECK(path.wants_flush());
  device.room = 1000;
  path.flush();
  CHECK(device.sent.size() == 5);
  CHECK(path.next_flush() == never);
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

TEST_CASE("I4: what comes as a list is queued, handed over or dropped as if each had come alone") {
  enum What { keeps_up, little_room, down, behind, of_another };
  for (const What what : {keeps_up, little_room, down, behind, of_another}) {
    CAPTURE(what);
    std::vector<std::vector<std::uint64_t>> outcomes;
    for (const bool as_list : {false, true}) {
      test::LcoreEnv lcore;
      runtime::WorkerRings rings(2, 8);
      runtime::Waker waker;
      Device device;
      const std::uint32_t txqueuelen = what == little_room ? 10 : 1000;
      const auto owner = static_cast<std::uint16_t>(what == of_another ? 1 : 0);
      {
        TxPath path(lcore.env, {.queue = what == of_another ? nullptr : &device, .owner = owner, .rings = rings, .owner_waker = waker, .ifindex = 7, .txqueuelen = txqueuelen});
        if (what == down) path.set_up(false);
        device.room = what == keeps_up ? 1000 : 0;
        if (what == behind) path.transmit(frame(lcore, 99));
        if (what == behind) path.transmit(frame(lcore, 98));
        path.flush();
        pkt::PacketList list;
        for (int i = 0; i < 100; ++i) list.push_back(frame(lcore, i));
        if (as_list) path.transmit_list(list);
        while (pkt::Packet one = list.pop_front()) path.transmit(std::move(one));
        path.flush();
        device.room = 1000;
        path.flush();
        std::vector<std::uint64_t> outcome(device.sent.begin(), device.sent.end());
        for (const auto reason : {stats::DropReason::port_down, stats::DropReason::tx_ring_full}) outcome.push_back(lcore.stats.drop[reason]);
        outcome.push_back(path.core_stats().tx_dropped.value());
        outcome.push_back(lcore.stats.steer[stats::Steer::tx_handoff]);
        outcome.push_back(device.ifindex);
        outcomes.push_back(outcome);
        std::array<pkt::Mbuf*, 32> handed{};
        const std::uint32_t n = rings.dequeue(0, 1, handed.data(), 32);
        for (std::uint32_t i = 0; i < n; ++i) {
          CHECK(handed[i]->meta.ifindex == 7);
          pkt::consume(pkt::Packet::adopt(handed[i]));
        }
      }
    }
    CHECK(outcomes[0] == outcomes[1]);
    const bool is_sent = what != down && what != of_another;
    CHECK(outcomes[0].size() == (what == little_room ? 10u + pkt::Burst::capacity : is_sent ? 100u : 0u) + (what == behind ? 2u : 0u) + 5u);
  }
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

// Sends a byte in a nanosecond, and can tell what it has not sent yet.
class Line final : public port::TxQueue {
 public:
  std::uint16_t transmit(Env& env, pkt::Burst& burst) override {
    const std::uint16_t n = burst.size();
    burst.take_all([&](pkt::Packet packet) {
      free_ = std::max(free_, env.now) + Duration(packet.length());
      most = std::max(most, in_flight(env.now));
      sent.push_back(packet.data()[35]);
      pkt::consume(std::move(packet));
    });
    return n;
  }
  bool tells_in_flight() const override { return true; }
  std::uint64_t in_flight(Instant now) const override { return free_ <= now ? 0 : static_cast<std::uint64_t>((free_ - now).count()); }
  Instant drained_to(std::uint64_t left, Instant now) const override { return std::max(now, free_ - Duration(left)); }
  std::vector<std::uint8_t> sent;
  std::uint64_t most = 0;

 private:
  Instant free_{};
};

pkt::Packet of_flow(test::LcoreEnv& lcore, std::uint8_t flow, std::size_t payload) {
  pkt::Packet packet = lcore.pool.packet(test::RawFrame{.payload = payload, .source_port = flow}.bytes());
  packet.meta().l3_offset = 14;
  packet.meta().l4_offset = 34;
  return packet;
}

}  // namespace

TEST_CASE("I5: a device gets no more than its byte limit at a time; a ping overtakes what waits of a bulk flow") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Line device;
  TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1, .byte_limits = {.limit_min = 10000, .limit_max = 10000}});
  for (int i = 0; i < 500; ++i) path.transmit(of_flow(lcore, 1, 1400));
  path.flush();
  const std::size_t at_once = device.sent.size();
  CHECK(at_once == 7);  // of 1442 bytes
  CHECK(lcore.env.tx_behind == 1);
  CHECK(path.queued_bytes({IpAddress::v4(10, 77, 0, 1), IpAddress::v4(10, 77, 0, 2), 1, 2000, 0, 17, 0}) == 493 * 1442);
  CHECK_FALSE(path.wants_flush());
  CHECK(path.next_flush() > lcore.env.now);
  path.transmit(of_flow(lcore, 9, 56));
  int flushes = 0;
  while (path.has_queued()) {
    lcore.env.now = path.next_flush();
    CHECK(path.wants_flush());
    path.flush();
    ++flushes;
  }
  CHECK(device.sent.size() == 501);
  CHECK(device.most <= 10000 + 1442);
  CHECK(std::find(device.sent.begin(), device.sent.end(), 9) - device.sent.begin() <= static_cast<std::ptrdiff_t>(at_once) + 2);  // what is left of the bulk flow's turn
  CHECK(flushes > 50);
  CHECK(lcore.env.tx_behind == 0);
  CHECK(lcore.stats.port[stats::Port::tx_behind] == 1);
  CHECK(lcore.stats.port[stats::Port::tx_byte_limit] >= 490);
}

TEST_CASE("I5: without bounds the limit grows until the device does not run dry between two looks, and it is kept busy") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Line device;
  TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1, .txqueuelen = 100000});
  constexpr Duration look = 10us;  // in which the line sends 10,000 bytes
  const auto looks = [&](int times) {
    device.sent.clear();
    for (int i = 0; i < times; ++i) {
      while (path.room() > 99900) path.transmit(of_flow(lcore, 1, 1400));
      path.flush();
      lcore.env.now += look;
    }
    return device.sent.size() * 1442;
  };
  static_cast<void>(looks(50));
  CHECK(path.byte_limit().limit() >= 10000 - 1442);
  CHECK(path.byte_limit().limit() < 4 * 10000);
  CHECK(looks(100) > 980'000);  // of a million
  while (path.has_queued()) {
    path.flush();
    lcore.env.now += look;
  }
}

TEST_CASE("I5: when the queue is full the flow with the most bytes loses, not who comes") {
  test::LcoreEnv lcore;
  runtime::WorkerRings rings(2, 8);
  runtime::Waker waker;
  Line device;
  TxPath path(lcore.env, {.queue = &device, .owner = 0, .rings = rings, .owner_waker = waker, .ifindex = 1, .txqueuelen = 100, .byte_limits = {.limit_min = 2000, .limit_max = 2000}});
  for (int i = 0; i < 200; ++i) path.transmit(of_flow(lcore, 1, 1400));
  path.flush();
  const std::uint64_t lost = lcore.stats.drop[stats::DropReason::tx_ring_full];
  for (std::uint8_t flow = 20; flow < 40; ++flow) path.transmit(of_flow(lcore, flow, 56));
  CHECK(lcore.stats.drop[stats::DropReason::tx_ring_full] > lost);
  while (path.has_queued()) {
    lcore.env.now = path.next_flush();
    path.flush();
  }
  for (std::uint8_t flow = 20; flow < 40; ++flow) CHECK(std::count(device.sent.begin(), device.sent.end(), flow) == 1);
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
