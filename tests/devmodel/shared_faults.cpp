// SPDX-License-Identifier: BSD-3-Clause
// Faults that every device may have, with one outcome for all. Part of each device's fault tests.
#include "tests/devmodel/fault_trial.hpp"
#include "tests/support/catch.hpp"

#include <millrace/runtime/event_set.hpp>

using namespace millrace;
using namespace millrace::devmodel;

namespace {

constexpr auto for_ever = FaultPlan::for_ever;

auto third(Event event, const Fate& fate) {
  return [=](Trial& t) { t.faults().arm({event, fate, 3}); };
}
auto all(Event event, const Fate& fate) {
  return [=](Trial& t) { t.faults().arm({event, fate, 1, for_ever}); };
}

void with_interrupts(ethdev::Options& o) { o.interrupts = ethdev::Options::Interrupts::needed; }

constexpr std::string_view counts_what_it_misses = "82576";

/// Ten seconds in which more frames come than the device has room for.
void nothing_is_told(Trial& t, const std::function<void()>& each_second) {
  for (int second = 0; second < 10; ++second) {
    t.host.env.now += 1s;
    for (int i = 0; i < 1000; ++i) static_cast<void>(t.subject.device->receive(t.frame_to_us().bytes()));
    each_second();
    CHECK_FALSE(t.port->check(t.host.env.now));
  }
}

/// Whether the armed rx queue has an event.
class Waker {
 public:
  explicit Waker(Trial& trial) : queue_(trial.port->rx_queue(0)) {
    REQUIRE(events_.add(queue_.event_fd(), 1));
    arm();
    static_cast<void>(woken());
  }
  void arm() { queue_.arm(); }
  [[nodiscard]] bool woken() {
    return events_.wait(0ns, [](std::uint64_t) {}) > 0;
  }

 private:
  port::RxQueue& queue_;
  runtime::EventSet events_;
};

}  // namespace

TEST_CASE("fault: bytes that do not reach an rx buffer leave what was in it before") {
  run({.arm = third(Event::data, lost()), .rx_lost = 1, .rx_strange = 1});
}

TEST_CASE("fault: a frame that is altered on its way to memory is another one") {
  run({.arm = third(Event::data, altered<std::array<std::uint8_t, 64>>([](auto& bytes) { bytes[60] ^= 1; })), .rx_lost = 1, .rx_strange = 1});
}

TEST_CASE("fault: rx completions that stay away and then come all at once cost nothing") {
  run({.arm = all(Event::rx_completion, late(for_ever)), .meanwhile = [](Trial& t) {
         CHECK(t.in(64).whole == 0);
         t.faults().release_late();
         CHECK(t.poll().whole == 64);
       }});
}

TEST_CASE("fault: rx completions that never come again: nothing is received until a reset") {
  run({.arm = all(Event::rx_completion, lost()), .meanwhile = [](Trial& t) { CHECK(t.in(1000).whole == 0); }, .cause = "rx_stalled", .told_on = counts_what_it_misses});
}

TEST_CASE("fault: more frames than a port has room for are missed, which is told by no cause while others come in") {
  run({.arm = [](Trial&) {}, .meanwhile = [](Trial& t) { nothing_is_told(t, [&] { CHECK(t.poll().strange > 0); }); }});
}

TEST_CASE("fault: frames for a port that nobody polls are missed, which is told by no cause") {
  run({.arm = [](Trial&) {},
       .meanwhile = [](Trial& t) {
         nothing_is_told(t, [] {});
         static_cast<void>(t.poll());
       }});
}

TEST_CASE("fault: tx completions that never come: a timeout, and a reset") {
  run({.arm = all(Event::tx_completion, lost()), .meanwhile = &Trial::fill_tx_ring, .cause = "tx_timeout"});
}

TEST_CASE("fault: a full tx ring for which there are no more frames is no hang: nothing is told of it") {
  run({.arm = all(Event::tx_completion, lost()), .meanwhile = [](Trial& t) {
         t.fill_tx_ring();
         for (int second = 0; second < 10; ++second) {
           t.host.env.now += 1s;
           CHECK_FALSE(t.port->check(t.host.env.now));
         }
       }, .resets = true});
}

TEST_CASE("fault: tx completions that stay away for four seconds cost nothing") {
  run({.arm = all(Event::tx_completion, late(for_ever)), .meanwhile = [](Trial& t) {
         t.fill_tx_ring();
         CHECK_FALSE(t.watch(4));
         t.faults().release_late();
         t.faults().clear();
         CHECK(t.out(64).whole == 64);
       }});
}

TEST_CASE("fault: an rx interrupt that is lost: its frame is there for who looks, and the next one wakes who has armed it again") {
  run({.options = with_interrupts,
       .arm = [](Trial& t) { t.faults().arm({.event = Event::interrupt}); },
       .meanwhile = [](Trial& t) {
         Waker waker(t);
         static_cast<void>(t.subject.device->receive(t.frame_to_us().bytes()));
         CHECK_FALSE(waker.woken());
         CHECK(t.poll().strange == 1);
         waker.arm();
         static_cast<void>(t.subject.device->receive(t.frame_to_us().bytes()));
         CHECK(waker.woken());
         CHECK(t.poll().strange == 1);
       }});
}

TEST_CASE("fault: an interrupt storm without a cause costs nothing") {
  run({.options = with_interrupts,
       .arm = [](Trial& t) {
         Waker waker(t);
         for (int i = 0; i < 10'000; ++i) t.subject.slot.interrupt(1);
         CHECK(waker.woken());
         CHECK(t.poll().whole == 0);
       }});
}

TEST_CASE("fault: a link that goes and comes a thousand times is up in the end") {
  run({.arm = [](Trial& t) {
    for (int i = 0; i < 1000; ++i) t.subject.device->set_link(i % 2 != 0);
    CHECK(t.port->link().up);
  }});
}

TEST_CASE("fault: frames for a link that is down go nowhere, and block nothing") {
  run({.arm = [](Trial& t) { t.subject.device->set_link(false); },
       .meanwhile = [](Trial& t) {
         t.fill_tx_ring();
         CHECK(t.subject.wire.empty());
         CHECK_FALSE(t.port->link().up);
         t.subject.device->set_link(true);
       }});
}

TEST_CASE("fault: a pool that is empty while the ring is refilled costs frames, and no more") {
  run({.arm = [](Trial&) {},
       .meanwhile = [](Trial& t) {
         const std::uint64_t before = t.counter("rx_no_buffer");
         pkt::PacketList kept = t.exhaust();
         CHECK(t.in(64).whole == 0);
         CHECK(t.counter("rx_no_buffer") > before);
         nothing_is_told(t, [&] { CHECK(t.poll().strange == 0); });
         pkt::consume(kept);
         static_cast<void>(t.poll());
       }});
}

TEST_CASE("fault: a reset while the pool is empty: receives again once it is not, or after another") {
  run({.arm = [](Trial&) {},
       .meanwhile = [](Trial& t) {
         pkt::PacketList kept = t.exhaust();
         const bool done = t.port->reset().has_value();
         CHECK(t.port->link().up == done);
         static_cast<void>(t.in(64));
         pkt::consume(kept);
         if (!done) REQUIRE(t.port->reset());
         static_cast<void>(t.poll());
       }});
}

TEST_CASE("fault: a reset in the midst of traffic costs what was in the rings") {
  run({.arm = [](Trial& t) { t.faults().arm({Event::tx_completion, lost(), 1, for_ever}); },
       .meanwhile = [](Trial& t) {
         for (int i = 0; i < 100; ++i) static_cast<void>(t.subject.device->receive(t.frame_to_us().bytes()));
         static_cast<void>(t.out(100));
       },
       .resets = true});
}

TEST_CASE("fault: a reset with completions still to come: they never do") {
  run({.arm = [](Trial& t) {
         t.faults().arm({Event::rx_completion, late(for_ever), 1, for_ever});
         t.faults().arm({Event::tx_completion, late(for_ever), 1, for_ever});
       },
       .meanwhile = [](Trial& t) {
         CHECK(t.in(64).whole == 0);
         static_cast<void>(t.out(64));
         REQUIRE(t.port->reset());
         t.faults().release_late();
         CHECK(t.poll().strange == 0);
       }});
}

TEST_CASE("fault: a device that is pulled out: removed; a new one in its place, and a reset") {
  run({.arm = [](Trial& t) { t.subject.slot.pull_out(); },
       .meanwhile = [](Trial& t) {
         const auto seconds = t.watch(1);
         REQUIRE(seconds);
         CHECK(t.told->cause == "removed");
         CHECK_FALSE(t.port->reset());
         t.subject.put_back();
       },
       .resets = true});
}

TEST_CASE("fault: a device that is pulled out while its port is closed lets it go") {
  run({.arm = [](Trial& t) { t.subject.slot.pull_out(); },
       .meanwhile = [](Trial& t) {
         t.port.reset();
         t.subject.put_back();
         t.open();
       }});
}
