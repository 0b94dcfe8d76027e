// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/steer/rfs.hpp>

#include "tests/support/catch.hpp"

#include <array>
#include <set>

using namespace millrace::steer;

namespace {

struct Counts final : HandOver {
  std::uint32_t queued(LcoreId target) const override { return tail[target]; }
  std::uint32_t delivered(LcoreId target) const override { return head[target]; }
  std::array<std::uint32_t, 4> tail{};
  std::array<std::uint32_t, 4> head{};
};

}  // namespace

TEST_CASE("F7: rps_sock_flow_entries is rounded up to a power of two") {
  CHECK((*SockFlows::create(1))->entries() == 1);
  CHECK((*SockFlows::create(32768))->entries() == 32768);
  CHECK((*SockFlows::create(32769))->entries() == 65536);
}

TEST_CASE("F7: the last recorded lcore of a flow is found by its hash, and by no other") {
  auto flows = *SockFlows::create(1024);
  CHECK_FALSE(flows->desired(0x12345678));
  flows->record(0x12345678, 127);
  CHECK(flows->desired(0x12345678) == 127);
  flows->record(0x12345678, 0);
  CHECK(flows->desired(0x12345678) == 0);
  CHECK_FALSE(flows->desired(0x22345678));  // the same entry, another flow
  flows->record(0x22345678, 2);
  CHECK(flows->desired(0x22345678) == 2);
  CHECK_FALSE(flows->desired(0x12345678));
  flows->record(0, 3);  // no flow
  CHECK_FALSE(flows->desired(0));
}

TEST_CASE("F8: a flow is drained when the head has come to its last packet, also across 2^32") {
  Counts counts;
  DevFlow flow{.hash = 1, .last_qtail = 0, .lcore = 2};
  struct Case {
    std::uint32_t head;
    std::uint32_t last_qtail;
    bool drained;
  };
  for (const Case c : {Case{10, 10, true}, Case{9, 10, false}, Case{11, 10, true}, Case{0xffffffff, 0, false}, Case{0, 0xffffffff, true},
                       Case{5, 0xfffffff0, true}, Case{0xfffffff0, 5, false}}) {
    CAPTURE(c.head, c.last_qtail);
    counts.head[2] = c.head;
    flow.last_qtail = c.last_qtail;
    CHECK(flow.is_drained(counts) == c.drained);
  }
  flow.hash = 0;  // nobody's entry
  CHECK(flow.is_drained(counts));
}

TEST_CASE("F7: rps_flow_cnt is rounded up to a power of two; 0 is off") {
  CHECK_FALSE(DevFlows(0).is_on());
  DevFlows flows(5);
  CHECK(flows.is_on());
  std::set<const DevFlow*> entries;
  for (std::uint32_t hash = 1; hash <= 64; ++hash) entries.insert(&flows.at(hash));
  CHECK(entries.size() == 8);
  DevFlows one(1);
  CHECK(&one.at(1) == &one.at(0xffffffff));
}

TEST_CASE("F7: the flows that RSS brings to one queue, equal in their low bits, use all of its table") {
  DevFlows flows(256);
  std::set<const DevFlow*> entries;
  for (std::uint32_t i = 0; i < 256; ++i) entries.insert(&flows.at(i << 7 | 5));
  CHECK(entries.size() > 128);
}
