// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/rng.hpp>
#include <millrace/timer/wheel.hpp>

#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

using namespace millrace;
using timer::Timer;
using timer::Wheel;

namespace {

constexpr Instant at(Duration since_epoch) { return Instant(since_epoch); }
constexpr Duration tick = Duration(1 << 16);

/// A timer that notes its number in a log and may do something more.
struct Probe {
  Probe(int number, std::vector<int>& into) : id(number), log(into) {}
  static void fire(void* object, Instant now) {
    auto& self = *static_cast<Probe*>(object);
    self.fired_at = now;
    self.log.push_back(self.id);
    if (const auto then = self.then) then();  // a copy, since it may destroy the probe
  }
  int id;
  std::vector<int>& log;
  std::function<void()> then;
  Instant fired_at{};
  Timer timer{&Probe::fire, this};
};

struct Probes {
  explicit Probes(int count) {
    for (int i = 0; i < count; ++i) all.push_back(std::make_unique<Probe>(i, log));
  }
  Timer& operator[](int i) { return all[static_cast<std::size_t>(i)]->timer; }
  std::vector<int> log;
  std::vector<std::unique_ptr<Probe>> all;
};

std::uint64_t seed_of_run() {
  const char* text = std::getenv("MILLRACE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 20240607;
}

}  // namespace

TEST_CASE("a timer fires at its exact deadline, not a nanosecond before") {
  for (Duration distance : {Duration(1), tick - 1ns, tick, tick + 1ns, 64 * tick, Duration(1ms), Duration(1s),
                            Duration(20h), Duration(24h * 365)}) {
    Wheel wheel(at(12345ns));
    Probes p(1);
    const Instant deadline = at(12345ns) + distance;
    wheel.arm(p[0], deadline);
    CHECK(p[0].is_armed());
    CHECK(wheel.next_expiry() == deadline);
    CHECK(wheel.advance(deadline - 1ns) == 0);
    CHECK(wheel.next_expiry() == deadline);
    CHECK(wheel.advance(deadline) == 1);
    CHECK_FALSE(p[0].is_armed());
    CHECK(p.all[0]->fired_at == deadline);
    CHECK(wheel.next_expiry() == never);
  }
}

TEST_CASE("timers of one tick fire by deadline, equal deadlines in order of arming") {
  Wheel wheel(at(0ns));
  Probes p(6);
  wheel.arm(p[0], at(500ns));
  wheel.arm(p[1], at(300ns));
  wheel.arm(p[2], at(500ns));
  wheel.arm(p[3], at(100ns));
  wheel.arm(p[4], at(300ns));
  wheel.arm(p[5], at(501ns));
  CHECK(wheel.advance(at(500ns)) == 5);
  CHECK(p.log == std::vector{3, 1, 4, 0, 2});
  CHECK(wheel.next_expiry() == at(501ns));
}

TEST_CASE("equal deadlines armed from far and from near keep the order of arming") {
  Wheel wheel(at(0ns));
  Probes p(3);
  const Instant deadline = at(5000s + 77ns);
  wheel.arm(p[0], deadline);
  wheel.advance(at(4990s));
  wheel.arm(p[1], deadline);
  wheel.advance(deadline - 10ns);
  wheel.arm(p[2], deadline);
  CHECK(wheel.advance(deadline) == 3);
  CHECK(p.log == std::vector{0, 1, 2});
}

TEST_CASE("re-arming counts as arming anew among equal deadlines") {
  Wheel wheel(at(0ns));
  Probes p(3);
  for (int i = 0; i < 3; ++i) wheel.arm(p[i], at(1ms));
  wheel.arm(p[0], at(1ms));
  wheel.advance(at(1ms));
  CHECK(p.log == std::vector{1, 2, 0});
}

TEST_CASE("timers on both sides of every digit's carry fire in order and on time") {
  for (int digit = 1; digit < 8; ++digit) {
    const Instant carry = at(Duration(std::int64_t{1} << std::min(16 + 6 * digit, 62)));
    Wheel wheel(carry - 3 * tick);
    Probes p(5);
    wheel.arm(p[0], carry + 1ns);
    wheel.arm(p[1], carry);
    wheel.arm(p[2], carry - 1ns);
    wheel.arm(p[3], carry + 64 * tick);
    wheel.arm(p[4], carry - tick);
    CHECK(wheel.next_expiry() == carry - tick);
    CHECK(wheel.advance(carry - 1ns) == 2);
    CHECK(wheel.next_expiry() == carry);
    CHECK(wheel.advance(carry) == 1);
    CHECK(wheel.advance(carry + 64 * tick) == 2);
    CHECK(p.log == std::vector{4, 2, 1, 0, 3});
  }
}

TEST_CASE("a jump of hours fires everything due in order") {
  Wheel wheel(at(0ns));
  Probes p(100);
  for (int i = 0; i < 100; ++i) wheel.arm(p[99 - i], at(Duration(i * 17min + i * 13ns)));
  CHECK(wheel.advance(at(40h)) == 100);
  for (int i = 0; i < 100; ++i) CHECK(p.log[static_cast<std::size_t>(i)] == 99 - i);
}

TEST_CASE("a deadline in the past fires at the next advance, before later ones") {
  Wheel wheel(at(10s));
  Probes p(3);
  wheel.arm(p[0], at(10s));
  wheel.arm(p[1], at(2s));
  wheel.arm(p[2], at(1s));
  CHECK(wheel.next_expiry() == at(1s));
  CHECK(wheel.advance(at(10s)) == 3);
  CHECK(p.log == std::vector{2, 1, 0});
}

TEST_CASE("never cancels, cancelling twice is one, and a destroyed timer is gone") {
  Wheel wheel(at(0ns));
  Probes p(3);
  for (int i = 0; i < 3; ++i) wheel.arm(p[i], at(Duration((i + 1) * 1us)));
  wheel.arm(p[0], never);
  CHECK_FALSE(p[0].is_armed());
  CHECK(wheel.next_expiry() == at(2us));
  p.all[1].reset();
  CHECK(wheel.next_expiry() == at(3us));
  wheel.cancel(p[2]);
  wheel.cancel(p[2]);
  CHECK(wheel.next_expiry() == never);
  CHECK(wheel.advance(at(1s)) == 0);
}

TEST_CASE("next_expiry is exact when the earliest of a far slot is cancelled, moved later or destroyed") {
  Wheel wheel(at(0ns));
  Probes p(4);
  wheel.arm(p[0], at(3600s + 4ns));
  wheel.arm(p[1], at(3600s + 3ns));
  wheel.arm(p[2], at(3600s + 2ns));
  wheel.arm(p[3], at(3600s + 1ns));
  CHECK(wheel.next_expiry() == at(3600s + 1ns));
  wheel.cancel(p[3]);
  CHECK(wheel.next_expiry() == at(3600s + 2ns));
  wheel.arm(p[2], at(3600s + 9ns));
  CHECK(wheel.next_expiry() == at(3600s + 3ns));
  p.all[1].reset();
  CHECK(wheel.next_expiry() == at(3600s + 4ns));
  CHECK(wheel.advance(at(3600s + 9ns)) == 2);
  CHECK(p.log == std::vector{0, 2});
}

TEST_CASE("a callback may cancel, re-arm and destroy itself and others of its slot") {
  Wheel wheel(at(0ns));
  Probes p(6);
  for (int i = 0; i < 6; ++i) wheel.arm(p[i], at(Duration(100 + i)));
  p.all[0]->then = [&] {
    wheel.cancel(p[1]);
    wheel.arm(p[2], at(1s));
    p.all[3].reset();
    wheel.arm(p[0], at(50ns));  // already past: waits for the next call
    CHECK(wheel.next_expiry() == at(50ns + 54ns));
  };
  p.all[4]->then = [&] { p.all[4].reset(); };
  CHECK(wheel.advance(at(200ns)) == 3);
  CHECK(p.log == std::vector{0, 4, 5});
  CHECK(wheel.next_expiry() == at(50ns));
  p.all[0]->then = nullptr;
  CHECK(wheel.advance(at(200ns)) == 1);
  CHECK(wheel.next_expiry() == at(1s));
}

TEST_CASE("a timer that re-arms itself for now fires once in each advance") {
  Wheel wheel(at(0ns));
  Probes p(1);
  p.all[0]->then = [&] { wheel.arm(p[0], at(1ms)); };
  wheel.arm(p[0], at(1ms));
  for (int i = 1; i <= 3; ++i) {
    CHECK(wheel.advance(at(1ms)) == 1);
    CHECK(p.log.size() == static_cast<std::size_t>(i));
  }
}

TEST_CASE("a clock whose epoch lies ahead works") {
  Wheel wheel(at(-5s));
  Probes p(2);
  wheel.arm(p[0], at(1s));
  wheel.arm(p[1], at(-1s));
  CHECK(wheel.advance(at(-1s)) == 1);
  CHECK(wheel.next_expiry() == at(1s));
  CHECK(wheel.advance(at(1s)) == 1);
  CHECK(p.log == std::vector{1, 0});
}

TEST_CASE("time that stands still or goes back fires nothing that is not due") {
  Wheel wheel(at(1s));
  Probes p(2);
  wheel.arm(p[0], at(1s + 10ns));
  wheel.arm(p[1], at(1s + 5ns));
  CHECK(wheel.advance(at(0s)) == 0);
  CHECK(wheel.advance(at(1s)) == 0);
  CHECK(wheel.advance(at(1s + 5ns)) == 1);
  CHECK(wheel.advance(at(1s + 5ns)) == 0);
  CHECK(wheel.next_expiry() == at(1s + 10ns));
}

namespace {

/// The same timers on a Wheel and in a sorted map, driven by one random script.
class Oracle {
 public:
  Oracle(std::uint64_t seed, int timers)
      : rng_(seed),
        now_(at(Duration(static_cast<std::int64_t>(rng_.next() >> 16)))),
        wheel_(now_),
        probes_(timers),
        where_(static_cast<std::size_t>(timers)) {
    for (auto& probe : probes_.all) probe->then = [this, id = probe->id] { fired(id); };
  }
  void step() {
    const std::uint32_t dice = rng_.below(100);
    if (dice < 55) {
      arm(random_timer(), now_ + distance());
    } else if (dice < 70) {
      cancel(random_timer());
    } else if (dice < 73) {
      arm(random_timer(), now_ - Duration(rng_.below(1000000)));
    } else if (dice < 80 && !map_.empty()) {
      // An equal deadline, armed later.
      arm(random_timer(), map_.begin()->first);
    } else {
      const bool far = rng_.below(20) == 0 && !map_.empty();
      advance(far ? map_.rbegin()->first : now_ + Duration(rng_.below(3) * distance().count() / 2));
    }
    const Instant expected = map_.empty() ? never : map_.begin()->first;
    if (wheel_.next_expiry() != expected) FAIL("next_expiry");
  }
  std::uint64_t fired_total = 0;

 private:
  int random_timer() { return static_cast<int>(rng_.below(static_cast<std::uint32_t>(where_.size()))); }
  Duration distance() {
    const std::int64_t scale = std::int64_t{1} << rng_.below(50);
    return Duration(static_cast<std::int64_t>(rng_.next() % static_cast<std::uint64_t>(scale)) + 1);
  }
  void cancel(int id) {
    auto& place = where_[static_cast<std::size_t>(id)];
    if (place) map_.erase(*place);
    place.reset();
    wheel_.cancel(probes_[id]);
  }
  void arm(int id, Instant deadline) {
    cancel(id);
    where_[static_cast<std::size_t>(id)] = map_.emplace(deadline, id);
    wheel_.arm(probes_[id], deadline);
  }
  void advance(Instant to) {
    if (to > now_) now_ = to;
    due_.clear();
    for (auto it = map_.begin(); it != map_.end() && it->first <= now_; ++it) due_.push_back(it->second);
    gone_.clear();
    next_ = 0;
    const std::uint32_t fired = wheel_.advance(now_);
    while (next_ < due_.size() && is_gone(due_[next_])) ++next_;
    if (next_ != due_.size()) FAIL("a due timer did not fire");
    if (fired + gone_.size() != due_.size()) FAIL("count");
    fired_total += fired;
  }
  bool is_gone(int id) const { return std::find(gone_.begin(), gone_.end(), id) != gone_.end(); }
  /// Checks the order, then sometimes does to another timer what a callback may do.
  void fired(int id) {
    while (next_ < due_.size() && is_gone(due_[next_])) ++next_;
    if (next_ >= due_.size() || due_[next_] != id) FAIL("fired out of order");
    ++next_;
    auto& place = where_[static_cast<std::size_t>(id)];
    map_.erase(*place);
    place.reset();
    if (rng_.below(4) == 0) arm(id, now_ + distance() - 100ns);
    if (rng_.below(4) != 0) return;
    const auto left = static_cast<std::uint32_t>(due_.size() - next_);
    const int other = left > 0 ? due_[next_ + rng_.below(left)] : random_timer();
    const bool waits = std::find(due_.begin() + static_cast<std::ptrdiff_t>(next_), due_.end(), other) != due_.end();
    if (waits && !is_gone(other)) gone_.push_back(other);
    if (rng_.below(2) == 0) {
      cancel(other);
    } else {
      arm(other, now_ + distance() - 50ns);
    }
  }

  Rng rng_;
  Instant now_;
  std::multimap<Instant, int> map_;
  Wheel wheel_;
  Probes probes_;
  std::vector<std::optional<std::multimap<Instant, int>::iterator>> where_;
  std::vector<int> due_;
  std::vector<int> gone_;
  std::size_t next_ = 0;
};

}  // namespace

TEST_CASE("100,000 random operations agree with a sorted map") {
  const std::uint64_t seed = seed_of_run();
  INFO("MILLRACE_SEED=" << seed);
  std::uint64_t fired = 0;
  for (std::uint64_t round = 0; round < 10; ++round) {
    Oracle oracle(seed + round, round % 2 == 0 ? 20 : 300);
    for (int i = 0; i < 10000; ++i) oracle.step();
    fired += oracle.fired_total;
  }
  CHECK(fired > 10000);
}
