// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/runtime/queue_limit.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>

using namespace millrace;
using runtime::QueueLimit;

namespace {

constexpr std::uint64_t frame = 1500;

/// A device that sends so many bytes between two looks at it, before a sender that has always more.
struct Sender {
  explicit Sender(const QueueLimit::Bounds& bounds = {}) : limit(bounds) {}
  void look(std::uint64_t sends) {
    const std::uint64_t sent = std::min(sends, limit.inflight());
    ran_dry = sends > limit.inflight();
    now += 1ms;
    if (sent != 0) limit.completed(sent, now);
    while (limit.has_room()) limit.queued(frame);
  }
  void look_for(Duration time, std::uint64_t sends) {
    for (const Instant end = now + time; now < end;) look(sends);
  }
  QueueLimit limit;
  Instant now{};
  bool ran_dry = false;
};

}  // namespace

TEST_CASE("I5: the limit begins at limit_min; one frame may go beyond it") {
  QueueLimit limit({.limit_min = 1500});
  CHECK(limit.limit() == 1500);
  limit.queued(1500);
  CHECK(limit.has_room());
  limit.queued(1);
  CHECK_FALSE(limit.has_room());
  CHECK(limit.inflight() == 1501);
  QueueLimit none({});
  CHECK(none.has_room());
  none.queued(60);
  CHECK_FALSE(none.has_room());
}

TEST_CASE("I5: a device that ran dry gets what it sent in addition, until it does not run dry any more") {
  Sender sender;
  sender.limit.queued(frame);
  sender.look(30000);
  CHECK(sender.limit.limit() == frame);  // all of it was queued and sent since
  for (int i = 0; i < 20; ++i) sender.look(30000);
  CHECK_FALSE(sender.ran_dry);
  CHECK(sender.limit.limit() >= 30000 - frame);
  CHECK(sender.limit.limit() <= 60000);
}

TEST_CASE("I5: what was too much throughout hold_time goes, and no more than that; limit_min and limit_max hold") {
  Sender sender;
  sender.look_for(100ms, 120000);
  const std::uint64_t high = sender.limit.limit();
  CHECK(high >= 120000 - frame);
  sender.look_for(900ms, 3000);
  CHECK(sender.limit.limit() == high);
  sender.look_for(2s, 3000);
  CHECK(sender.limit.limit() < 12000);
  CHECK(sender.limit.limit() >= 3000 - frame);
  for (int i = 0; i < 1000; ++i) {
    sender.look(3000);
    CHECK_FALSE(sender.ran_dry);
  }
  sender.limit.set_bounds({.limit_min = 20000, .limit_max = 25000});
  sender.look(3000);
  CHECK(sender.limit.limit() == 20000);
  sender.look_for(100ms, 120000);
  CHECK(sender.limit.limit() == 25000);
  sender.limit.set_bounds({.hold_time = 10ms});
  sender.look_for(100ms, 3000);
  CHECK(sender.limit.limit() < 12000);
}

TEST_CASE("I5: a sender that has nothing more to send says nothing about the limit") {
  Sender sender;
  sender.look_for(100ms, 30000);
  const std::uint64_t limit = sender.limit.limit();
  sender.limit.completed(sender.limit.inflight(), sender.now);
  for (int i = 0; i < 5000; ++i) {
    sender.now += 1ms;
    sender.limit.queued(100);
    sender.limit.completed(100, sender.now);
  }
  CHECK(sender.limit.limit() <= limit + 40000);
  CHECK(sender.limit.limit() >= limit);
}
