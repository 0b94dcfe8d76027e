// SPDX-License-Identifier: BSD-3-Clause
// What the port programs share: one side of a port, driven by hand.
#include "tests/interop/port_host.hpp"

#include <millrace/runtime/eal.hpp>
#include <millrace/runtime/event_set.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace millrace::test {
namespace {

std::uint32_t started(std::uint32_t packets) {
  if (const auto eal = runtime::eal_start({}); !eal) FAIL(eal.error().message);
  return packets;
}

// The next packet of any queue that is there now; null when there is none.
pkt::Packet take_now(Host& host, port::Port& port) {
  for (std::uint16_t queue = 0; host.arrived.empty() && queue < port.info().rx_queues; ++queue) {
    pkt::Burst burst;
    port.rx_queue(queue).receive(host.env, burst, 32);
    burst.take_all([&](pkt::Packet p) { host.arrived.push_back(std::move(p)); });
  }
  return host.arrived.pop_front();
}

}  // namespace

Host::Host(std::uint32_t packets, std::uint16_t data_room) : pool(started(packets), data_room) {
  env.pool = &*pool;
  env.stats = stats.get();
  env.now = Instant{Duration(12345)};
}

void Host::send(port::Port& port, pkt::Packet packet, std::uint16_t queue) {
  pkt::Burst burst;
  burst.push(std::move(packet));
  REQUIRE(port.tx_queue(queue).transmit(env, burst) == 1);
  REQUIRE(burst.empty());
}

pkt::Packet Host::receive(port::Port& port) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (std::chrono::steady_clock::now() < end) {
    if (pkt::Packet got = take_now(*this, port)) return got;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return {};
}

pkt::Packet Host::unfinished(const RawFrame& frame, std::size_t first, std::size_t piece) {
  const auto bytes = frame.unfinished();
  const std::size_t head = std::min(frame.l4_offset() + frame.l4_header() + first, bytes.size());
  pkt::Packet packet = pool.packet(std::span(bytes).first(head));
  for (std::size_t at = head; at < bytes.size(); at += piece)
    packet.chain(pool.packet(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at))));
  packet.meta().l3_offset = 14;
  packet.meta().l4_offset = static_cast<std::uint16_t>(frame.l4_offset());
  packet.meta().tx_checksum = frame.proto == 6    ? pkt::ChecksumRequest::tcp
                              : frame.proto == 17 ? pkt::ChecksumRequest::udp
                                                  : pkt::ChecksumRequest::icmp6;
  return packet;
}

void wakes_by_interrupt(Host& host, port::Port& port, const std::function<void()>& send) {
  port::RxQueue& queue = port.rx_queue(0);
  REQUIRE(queue.event_fd() >= 0);
  runtime::EventSet events;
  REQUIRE(events.add(queue.event_fd(), 1));
  const auto nothing = [](std::uint64_t) {};
  const auto empty = [&] {
    while (pkt::Packet stray = take_now(host, port)) pkt::consume(std::move(stray));
  };
  for (int i = 0; i < 10; ++i) {
    queue.arm();
    empty();
    while (events.wait(0ns, nothing) > 0) {
    }
    CHECK(events.wait(1ms, nothing) == 0);
    send();
    REQUIRE(events.wait(2s, nothing) > 0);
    queue.disarm();
    pkt::Packet got = host.receive(port);
    REQUIRE(got);
    pkt::consume(std::move(got));
  }
}

}  // namespace millrace::test
