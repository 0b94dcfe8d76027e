// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/poll/napi.hpp>

#include "tests/support/catch.hpp"

#include <millrace/base/log.hpp>

#include <string>
#include <vector>

using namespace millrace;

namespace {

/// Polled by hand. `held` stands for what GRO holds.
class HandNapi final : public poll::Napi {
 public:
  using poll::Napi::Napi;
  int poll(Env&, int) override { return 0; }
  bool holds_packets() const override { return held > 0; }
  void flush_held(Env&, bool old_only) override {
    flushes.emplace_back(old_only ? "old" : "all");
    if (!old_only) held = 0;
  }
  int held = 0;
  std::vector<std::string> flushes;
};

/// One lcore with a wheel and a poll list.
struct Host final : poll::NapiHost {
  Host() {
    env.wheel = &wheel;
    env.stats = &stats;
    env.now = Instant(1s);
  }
  void schedule(poll::Napi& napi) override { napi.schedule(list); }
  void link_by_watchdog(poll::Napi& napi) override {
    list.push_back(napi);
    ++watchdogs;
  }
  /// Scheduled by an interrupt, polled, completed.
  bool round(HandNapi& napi, int work) {
    if (!napi.is_scheduled()) REQUIRE(napi.schedule(list));
    return again(napi, work);
  }
  bool again(HandNapi& napi, int work) {
    napi.hook.unlink();
    napi.begin_poll();
    const bool unmask = napi.complete_done(env, work);
    napi.end_poll();
    return unmask;
  }
  void after(Duration time) {
    env.now += time;
    wheel.advance(env.now);
  }

  stats::LcoreStats stats;
  timer::Wheel wheel{Instant(1s)};
  Env env;
  poll::NapiList list;
  int watchdogs = 0;
};

}  // namespace

TEST_CASE("D1: a NAPI is not polled before it is enabled; weight 128 warns once and is kept") {
  std::vector<std::string> said;
  set_log_sink([&](LogLevel, std::string_view text) { said.emplace_back(text); });
  for (int i = 0; i < 1000; ++i) {
    HandNapi heavy(128);
    CHECK(heavy.weight() == 128);
  }
  const HandNapi backlog(600, poll::NapiKind::backlog);
  set_log_sink({});
  REQUIRE(said.size() == 1);
  CHECK(said[0] == "netif_napi_add() called with weight 128");

  Host host;
  HandNapi napi;
  CHECK(napi.weight() == 64);
  CHECK_FALSE(napi.schedule(host.list));
  CHECK(host.list.empty());
  napi.enable(&host);
  CHECK(napi.schedule(host.list));
}

TEST_CASE("D12: without timeout and deferral everything held goes up, and the interrupt is unmasked") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.held = 1;
  CHECK(host.round(napi, 5));
  CHECK(napi.flushes == std::vector<std::string>{"all"});
  CHECK_FALSE(napi.is_scheduled());
  CHECK(host.wheel.next_expiry() == never);
}

TEST_CASE("D12: gro_flush_timeout alone flushes old packets only, arms the timer, and still unmasks") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables.gro_flush_timeout = 100us;
  napi.held = 1;
  CHECK(host.round(napi, 1));
  CHECK(napi.flushes == std::vector<std::string>{"old"});
  CHECK(host.wheel.next_expiry() == host.env.now + 100us);
}

TEST_CASE("D12: gro_flush_timeout without held packets does nothing, and an empty poll flushes everything") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables.gro_flush_timeout = 100us;
  CHECK(host.round(napi, 1));
  CHECK(host.wheel.next_expiry() == never);
  napi.held = 1;
  CHECK(host.round(napi, 0));
  CHECK(napi.flushes == std::vector<std::string>{"all", "all"});
  CHECK(host.wheel.next_expiry() == never);
}

TEST_CASE("D12: napi_defer_hard_irqs without a timeout counts down and unmasks all the same") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables.defer_hard_irqs = 2;
  CHECK(host.round(napi, 1));
  CHECK(napi.flushes == std::vector<std::string>{"all"});
}

TEST_CASE("D12: napi_defer_hard_irqs with a timeout leaves the interrupt masked for that many completions") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables.defer_hard_irqs = 2;
  napi.tunables.gro_flush_timeout = 100us;
  CHECK_FALSE(host.round(napi, 1));
  CHECK(host.wheel.next_expiry() == host.env.now + 100us);
  CHECK_FALSE(host.round(napi, 0));
  CHECK(host.round(napi, 0));
}

TEST_CASE("D12: MISSED keeps it scheduled, does not unmask, and arms no timer") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables.gro_flush_timeout = 100us;
  napi.held = 1;
  REQUIRE(napi.schedule(host.list));
  napi.hook.unlink();
  napi.begin_poll();
  CHECK_FALSE(napi.schedule(host.list));
  CHECK_FALSE(napi.complete_done(host.env, 1));
  napi.end_poll();
  CHECK(napi.is_scheduled());
  CHECK(host.wheel.next_expiry() == never);
  CHECK(host.again(napi, 1));
}

TEST_CASE("D14: with a timeout of 100 us a held segment goes up within 100 us, though nothing else comes") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables.gro_flush_timeout = 100us;
  napi.held = 1;
  CHECK(host.round(napi, 1));
  host.after(99us);
  CHECK(host.list.empty());
  host.after(1us);
  REQUIRE(host.list.front() == &napi);
  CHECK(host.again(napi, 0));
  CHECK(napi.held == 0);
}

TEST_CASE("D14: defer_hard_irqs 2 with empty GRO: polled again within 100 us, unmasked after the second empty poll") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables = {.gro_flush_timeout = 100us, .defer_hard_irqs = 2};
  CHECK_FALSE(host.round(napi, 3));  // the count is 2, now 1
  host.after(100us);
  REQUIRE(host.watchdogs == 1);
  CHECK_FALSE(host.again(napi, 0));  // the first empty poll: 0
  host.after(100us);
  REQUIRE(host.watchdogs == 2);
  CHECK(host.again(napi, 0));  // the second
  host.after(1s);
  CHECK(host.watchdogs == 2);
}

TEST_CASE("D13, D14: the timer of a NAPI that is scheduled already leaves no MISSED, and that of a disabled one is gone") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  napi.tunables.gro_flush_timeout = 100us;
  napi.held = 1;
  CHECK(host.round(napi, 1));
  REQUIRE(napi.schedule(host.list));
  host.after(100us);
  CHECK(host.watchdogs == 0);
  napi.tunables.gro_flush_timeout = Duration::zero();
  CHECK(host.again(napi, 1));
  CHECK_FALSE(napi.is_scheduled());

  napi.tunables.gro_flush_timeout = 100us;
  napi.held = 1;
  CHECK(host.round(napi, 1));
  CHECK(napi.disable());
  CHECK(host.wheel.next_expiry() == never);
}

TEST_CASE("D13: disable lets a scheduled NAPI go at once, a polling one when its poll ends") {
  Host host;
  HandNapi napi;
  napi.enable(&host);
  REQUIRE(napi.schedule(host.list));
  CHECK(napi.disable());
  CHECK(host.list.empty());
  CHECK_FALSE(napi.schedule(host.list));
  napi.enable(&host);
  REQUIRE(napi.schedule(host.list));
  napi.hook.unlink();
  napi.begin_poll();
  CHECK_FALSE(napi.disable());
  CHECK_FALSE(napi.schedule(host.list));
  CHECK(napi.complete_done(host.env, 0));
  napi.end_poll();
  CHECK_FALSE(napi.is_scheduled());
}
