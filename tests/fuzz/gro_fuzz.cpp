// SPDX-License-Identifier: BSD-3-Clause
// Gives GRO sequences of frames that the input chooses: frames of well-behaved and of mutilated flows, and raw bytes.
// Called by libFuzzer, or by replay.cpp with the corpus. Whatever comes in must come out, split again, bit by bit and
// in order (tests/unit/gro/order_check.hpp), and the pool must be full at the end.
#include <millrace/base/assert.hpp>
#include <millrace/gro/gro.hpp>

#include "tests/fuzz/input.hpp"
#include "tests/unit/gro/order_check.hpp"
#include "tests/unit/gro/traffic.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

using namespace millrace;
using namespace millrace::test;

namespace {

using fuzz::Input;
using fuzz::pool;

class Session {
 public:
  Session(const std::uint8_t* data, std::size_t size)
      : input_(data, size), traffic_([this](std::uint32_t bound) { return input_.choose(bound); }), gro_(config()) {
    env_.stats = &stats_;
  }

  void run() {
    while (!input_.empty()) step();
    gro_.flush_all(env_, up_);
    take();
    MR_ASSERT(check_.all_out() && !gro_.holds());
    MR_ASSERT(pool().in_use() == 0 && pkt::freed_without_reason() == 0);
  }

 private:
  gro::Config config() {
    gro::Config config;
    const std::uint32_t bits = input_.choose(16);
    config.table = (bits & 1) != 0 ? gro::Table::linux8x8 : gro::Table::sets64x4;
    if ((bits & 2) != 0) config.poll_hold = {};
    if ((bits & 4) != 0) config.max_size = 700;
    if ((bits & 8) != 0) config.tick = 4ms;
    return config;
  }

  void step() {
    const std::uint32_t what = input_.choose(32);
    if (what < 28) return give(traffic_.next(pool()));
    env_.now += Duration{input_.choose(65536) * std::int64_t{100}};
    if (what == 28) gro_.complete(env_, up_);
    if (what == 29) gro_.flush_old(env_, up_);
    if (what == 30) gro_.flush_all(env_, up_);
    if (what == 31) give(raw());
    take();
  }

  pkt::Packet raw() {
    const Bytes bytes = input_.take(1 + input_.choose(256));
    pkt::Packet packet = pool().allocate();
    if (!packet) return packet;
    std::copy(bytes.begin(), bytes.end(), packet.append(static_cast<std::uint16_t>(bytes.size())));
    packet.meta().ifindex = 1;
    dissect_into_meta(packet);
    return packet;
  }

  void give(pkt::Packet packet) {
    if (!packet) {  // all buffers are held
      gro_.flush_all(env_, up_);
      return take();
    }
    check_.in(packet);
    gro_.receive(env_, std::move(packet), up_);
  }

  void take() {
    while (pkt::Packet packet = up_.pop_front()) {
      const std::string fault = check_.out(packet);
      pkt::consume(std::move(packet));
      if (fault.empty()) continue;
      std::fprintf(stderr, "%s\n", fault.c_str());
      std::abort();
    }
  }

  Input input_;
  Traffic traffic_;
  stats::LcoreStats stats_;
  Env env_;
  gro::Gro gro_;
  pkt::PacketList up_;
  OrderCheck check_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Session(data, size).run();
  return 0;
}
