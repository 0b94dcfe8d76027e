// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/lcore_env.hpp"
#include "tests/support/raw_frame.hpp"

#include <millrace/runtime/backlog.hpp>
#include <millrace/runtime/hand_over.hpp>
#include <millrace/runtime/receive.hpp>
#include <millrace/wire/dissect.hpp>

namespace millrace::test {

/// A poll list that a test looks at.
struct Host final : poll::NapiHost {
  void schedule(poll::Napi& napi) override { napi.schedule(list); }
  void link_by_watchdog(poll::Napi& napi) override { list.push_back(napi); }
  poll::NapiList list;
};

/// The receive side of one lcore without a stack: what is delivered ends as a drop with reason no_stack.
struct ReceivingLcore {
  ReceivingLcore(std::uint16_t id, runtime::WorkerRings& rings, std::span<runtime::Waker* const> wakers,
                 const steer::Directory& directory, const steer::Toeplitz& toeplitz, std::uint32_t packets = 4095)
      : lcore(id, packets), hand_over(rings, id), steer(directory, toeplitz, &hand_over),
        receive(lcore.env, limits, steer, {.rings = rings, .wakers = wakers, .by_ifindex = stacks, .hand_over = hand_over}),
        backlog(receive, rings, id, limits.dev_weight) {
    backlog.enable(&host, id);
    receive.set_backlog(backlog);
  }
  [[nodiscard]] std::uint64_t delivered() const { return lcore.stats.drop[stats::DropReason::no_stack]; }
  [[nodiscard]] pkt::Packet packet(const RawFrame& frame) {
    const std::vector<std::uint8_t> bytes = frame.bytes();
    pkt::Packet packet = lcore.pool.packet(bytes);
    const wire::Layers layers = wire::dissect(bytes);
    pkt::Meta& meta = packet.meta();
    meta.ifindex = 1;
    meta.ethertype = layers.ethertype;
    meta.l3_offset = layers.l3_offset;
    meta.l4_offset = layers.l4_offset;
    meta.payload_offset = layers.payload_offset;
    meta.l4_proto = layers.l4_proto;
    return packet;
  }

  LcoreEnv lcore;
  runtime::SoftnetLimits limits;
  runtime::HandOver hand_over;
  Host host;
  std::array<socket::Stack*, 2> stacks{};
  steer::Steer steer;
  runtime::Receive receive;
  runtime::Backlog backlog;
};

/// Two of them, with rings between them.
struct TwoLcores {
  explicit TwoLcores(std::uint32_t capacity = 4096) : rings(2, capacity) {}
  runtime::WorkerRings rings;
  runtime::Waker waker_a, waker_b;
  std::array<runtime::Waker*, 2> wakers{&waker_a, &waker_b};
  steer::FlowTable flows_a{64, 1}, flows_b{64, 1};
  steer::Directory directory{{&flows_a, &flows_b}};
  steer::Toeplitz toeplitz;
  ReceivingLcore a{0, rings, wakers, directory, toeplitz};
  ReceivingLcore b{1, rings, wakers, directory, toeplitz};
};

}  // namespace millrace::test
