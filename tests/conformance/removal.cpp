// SPDX-License-Identifier: BSD-3-Clause
// Ports whose far end goes, under traffic or idle, and comes back; and ports that go themselves under traffic. Part of the suite.
#include "tests/conformance/opened.hpp"

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

using namespace millrace;
using namespace millrace::conformance;
using namespace std::chrono_literals;
using test::RawFrame;

namespace {

/// Ends the program when what it guards takes too long: a thread that hangs in a driver cannot be had back.
class Limit {
 public:
  Limit(const Subject& subject, const char* what) : watch_([this, &subject, what] {
    std::unique_lock lock(mutex_);
    if (over_.wait_for(lock, 10s, [this] { return done_; })) return;
    std::fprintf(stderr, "%s: hangs: %s\n", subject.traits.name.c_str(), what);
    std::_Exit(1);
  }) {}
  ~Limit() {
    { const std::lock_guard lock(mutex_); done_ = true; }
    over_.notify_one();
    watch_.join();
  }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool done_ = false;
  std::thread watch_;
};

/// Offers so many frames; those that the port does not take are ours to drop. Returns how many it took.
unsigned offer(Host& host, const Opened& opened, unsigned frames) {
  unsigned taken = 0;
  for (unsigned i = 0; i < frames; i += 8) {
    pkt::Burst burst;
    for (int k = 0; k < 8; ++k) burst.push(host.pool.packet(RawFrame{.payload = 100}.bytes()));
    taken += opened.port->tx_queue(0).transmit(host.env, burst);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
  }
  return taken;
}

/// Whether one frame, known by its source port, comes through each way; what was under way before may come first.
bool crosses(Host& host, const Opened& opened, std::uint16_t mark) {
  RawFrame inward = opened.to_us(false, 17, 100);
  RawFrame outward{.payload = 100};
  inward.source_port = outward.source_port = mark;
  bool in = false;
  bool out = false;
  const auto end = std::chrono::steady_clock::now() + 3s;
  for (int n = 0; !(in && out) && std::chrono::steady_clock::now() < end; ++n) {
    if (!in && n % 5 == 0) static_cast<void>(opened.subject.inject(inward.bytes()));
    if (!out && n % 5 == 0) {
      pkt::Burst burst;
      burst.push(host.pool.packet(outward.bytes()));
      opened.port->tx_queue(0).transmit(host.env, burst);
      burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    }
    pkt::PacketList got = receive_all(host, opened);
    while (!got.empty()) {
      pkt::Packet p = got.pop_front();
      in = in || test::bytes_of(p) == inward.bytes();
      pkt::consume(std::move(p));
    }
    for (const Frame& frame : opened.subject.sent(0)) out = out || frame == outward.bytes();
  }
  return in && out;
}

/// Why there is nothing that could go; null: there is.
const std::string* stays(const Subject& subject) {
  const auto lack = subject.traits.lacks.find(Lack::far_end);
  CHECK((lack != subject.traits.lacks.end()) == (subject.returns() == Return::never));
  return lack == subject.traits.lacks.end() ? nullptr : &lack->second;
}

}  // namespace

TEST_CASE("conformance: the far end goes without a word, which link or counters tell; it comes back, and the port carries on") {
  for_each_subject([](Subject& subject) {
    if (const std::string* why = stays(subject)) return not_possible(subject, *why);
    Host host(subject);
    Opened opened(subject, options_for(host, subject));
    CHECK(link_becomes(*opened.port, true));
    REQUIRE(crosses(host, opened, 1));
    const Limit limit(subject, "sending with nobody at the far end");
    subject.lose();
    const bool is_down = link_becomes(*opened.port, false, 300ms);
    const unsigned taken = offer(host, opened, 2048);
    pkt::PacketList rest = receive_all(host, opened);
    pkt::consume(rest);
    const port::DeviceStats stats = opened.port->device_stats();
    CHECK((is_down || taken < 2048 || stats.tx_errors > 0 || stats.rx_errors > 0));
    subject.give_back();
    if (subject.returns() == Return::opened_anew) opened.open_anew();
    CHECK(link_becomes(*opened.port, true));
    CHECK(crosses(host, opened, 2));
  });
}

TEST_CASE("conformance: a port whose far end has gone can be closed, with rx interrupts, too") {
  for_each_subject([](Subject& subject) {
    if (const std::string* why = stays(subject)) return not_possible(subject, *why);
    const auto lack = subject.traits.lacks.find(Lack::stop_of_interrupts);
    for (const auto interrupts : {ethdev::Options::Interrupts::off, ethdev::Options::Interrupts::if_possible}) {
      if (interrupts != ethdev::Options::Interrupts::off && lack != subject.traits.lacks.end()) return not_possible(subject, lack->second);
      for (const bool asked : {false, true}) {
        INFO("interrupts " << (interrupts != ethdev::Options::Interrupts::off) << ", link asked for " << asked);
        Host host(subject);
        ethdev::Options options = options_for(host, subject);
        options.interrupts = interrupts;
        const Limit limit(subject, "closing with nobody at the far end");
        const Opened opened(subject, options);
        CHECK(link_becomes(*opened.port, true));
        subject.lose();
        if (asked) static_cast<void>(opened.port->link());
        if (lack != subject.traits.lacks.end()) std::this_thread::sleep_for(50ms);  // EAL's interrupt thread has heard of it
      }
    }
  });
}

TEST_CASE("conformance: a port is closed and opened under traffic, and leaves no buffer behind") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    for (std::uint16_t round = 0; round < 5; ++round) {
      CHECK(link_becomes(*opened.port, true));
      CHECK(crosses(host, opened, static_cast<std::uint16_t>(10 + round)));
      for (int i = 0; i < 100; ++i) static_cast<void>(subject.inject(frame));
      CHECK(offer(host, opened, 96) > 0);
      pkt::Burst burst;
      opened.port->rx_queue(0).receive(host.env, burst, 8);
      burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
      opened.open_anew();
    }
  });
}

TEST_CASE("conformance: a port that is reset carries on where it was, and leaves no buffer behind") {
  for_each_subject([](Subject& subject) {
    const auto lack = subject.traits.lacks.find(Lack::reset);
    if (lack != subject.traits.lacks.end() && subject.traits.lacks.contains(Lack::stop_of_interrupts)) return not_possible(subject, lack->second);
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    for (unsigned round = 0; round < 3; ++round) {
      for (int i = 0; i < 20; ++i) REQUIRE(subject.inject(frame));
      for (int i = 0; i < 10; ++i) consume_one(host, *opened.port);
      host.send(*opened.port, host.pool.packet(frame));
      const auto done = opened.port->reset();
      pkt::consume(host.arrived);
      if (!done && done.error().code == EOPNOTSUPP) return not_possible(subject, done.error().message);
      CHECK(done.has_value() == (lack == subject.traits.lacks.end()));
      if (lack != subject.traits.lacks.end()) return not_possible(subject, lack->second);
      if (!done) FAIL(done.error().message);
      subject.follow_reset();
      CHECK(link_becomes(*opened.port, true));
      CHECK(opened.port->device_stats().tx_packets == 1 + 2 * round);
      pkt::PacketList older = receive_all(host, opened);
      pkt::consume(older);
      REQUIRE(subject.inject(frame));
      consume_one(host, *opened.port);
      host.send(*opened.port, host.pool.packet(frame));
      CHECK_FALSE(opened.port->check(host.env.now));
    }
  });
}

TEST_CASE("conformance: A14, a device that is pulled out ends its port alone, in a second; the port works again when it is put back") {
  for_each_subject([](Subject& subject) {
    Host host(subject);
    const Opened opened(subject, options_for(host, subject));
    const auto frame = opened.to_us(false, 17, 100).bytes();
    REQUIRE(subject.inject(frame));
    if (!subject.pull_out()) {
      consume_one(host, *opened.port);
      return not_possible(subject, "it is in no slot: its name is no PCI address");
    }
    const auto fault = opened.port->check(host.env.now);
    REQUIRE(fault);
    CHECK(fault->cause == "removed");
    CHECK_FALSE(opened.port->check(host.env.now));
    CHECK_FALSE(opened.port->reset());
    CHECK_FALSE(opened.port->link().up);
    pkt::Burst burst;
    CHECK(opened.port->rx_queue(0).receive(host.env, burst, 32) == 0);
    burst.push(host.pool.packet(frame));
    CHECK(opened.port->tx_queue(0).transmit(host.env, burst) == 0);
    burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
    subject.put_back();
    REQUIRE(opened.port->reset());
    CHECK(link_becomes(*opened.port, true));
    REQUIRE(subject.inject(frame));
    consume_one(host, *opened.port);
  });
}
