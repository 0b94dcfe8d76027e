// SPDX-License-Identifier: BSD-3-Clause
// Runs the rows of the fault tables. Called by each device's fault tests; it prints what matrix.py puts into doc/drivers.md.
#include "tests/devmodel/fault_trial.hpp"

#include "tests/devmodel/soundness.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace millrace::devmodel {
namespace {

constexpr unsigned frames_meanwhile = 64;

bool is_for(std::string_view on, std::string_view why_not, const Subject& subject) {
  if (subject.traits.name.find(on) != std::string::npos) return true;
  std::printf("not possible: %s: %s\n", subject.traits.name.c_str(), std::string(why_not).c_str());
  return false;
}

template <class Test>
void for_each_subject(std::string_view on, std::string_view why_not, Test&& test) {
  const char* const only = std::getenv("MILLRACE_SUBJECT");
  for (const auto& subject : subjects()) {
    if ((only != nullptr && subject->traits.name != only) || !is_for(on, why_not, *subject)) continue;
    INFO(subject->traits.name);
    test(*subject);
  }
}

void tell(const Subject& subject, const std::string& outcome) { std::printf("outcome: %s: %s\n", subject.traits.name.c_str(), outcome.c_str()); }

void forgive(Subject& subject, std::string_view forgiven) {
  std::vector<std::string> others = subject.slot.take_violations();
  if (!forgiven.empty()) std::erase_if(others, [&](const std::string& what) { return what.find(forgiven) != std::string::npos; });
  CHECK(others == std::vector<std::string>{});
}

}  // namespace

Trial::Trial(Subject& on, ethdev::Options options) : subject(on), options_(std::move(options)) {
  hear_faults();
  subject.wire.clear();
  options_.name = subject.slot.name();
  options_.ifindex = 1;
  options_.rx_ring = std::min(options_.rx_ring, subject.traits.ring);
  options_.tx_ring = subject.traits.ring;
  options_.pools = {&*host.pool};
  open();
}

void Trial::open() {
  auto opened = ethdev::open(options_);
  if (!opened) FAIL(opened.error().message);
  port = std::move(*opened);
}

Trial::~Trial() {
  port.reset();
  faults().clear();
  forgive(subject, forgiven);
}

test::RawFrame Trial::frame_to_us(std::size_t payload) { return {.payload = payload, .source_port = next_++, .destination = port->info().mac}; }

Arrived Trial::in(unsigned frames, std::size_t payload) {
  expected_.clear();
  for (unsigned i = 0; i < frames; ++i) {
    expected_.push_back(frame_to_us(payload).bytes());
    static_cast<void>(subject.device->receive(expected_.back()));
  }
  return poll();
}

// The models work in the driver's calls: what does not come by then never comes. A driver may leave a few for the next poll.
void Trial::take(const std::function<void(pkt::Packet)>& packet) {
  for (int empty = 0; empty < 4; ++empty) {
    pkt::Burst burst;
    if (port->rx_queue(0).receive(host.env, burst, 32) != 0) empty = -1;
    burst.take_all(packet);
  }
}

Arrived Trial::poll() {
  Arrived arrived;
  take([&](pkt::Packet packet) {
    const bool sound = is_sound(packet);
    const auto same = sound ? std::find(expected_.begin(), expected_.end(), test::bytes_of(packet)) : expected_.end();
    ++(!sound ? arrived.unsound : same == expected_.end() ? arrived.strange : arrived.whole);
    if (same != expected_.end()) expected_.erase(same);
    pkt::consume(std::move(packet));
  });
  return arrived;
}

pkt::PacketList Trial::exhaust() {
  pkt::PacketList kept;
  while (pkt::Packet packet = host.pool->allocate()) kept.push_back(std::move(packet));
  const auto frame = frame_to_us().bytes();
  for (unsigned i = 0; i < 2u * subject.traits.ring; ++i) static_cast<void>(subject.device->receive(frame));
  take([&](pkt::Packet packet) { kept.push_back(std::move(packet)); });
  return kept;
}

bool Trial::send(const std::vector<std::uint8_t>& frame) {
  pkt::Burst burst;
  burst.push(host.pool.packet(frame));
  const bool taken = port->tx_queue(0).transmit(host.env, burst) == 1;
  burst.take_all([](pkt::Packet packet) { pkt::consume(std::move(packet)); });
  return taken;
}

Arrived Trial::out(unsigned frames) {
  subject.wire.clear();
  std::vector<std::vector<std::uint8_t>> sent;
  for (unsigned i = 0; i < frames; ++i) {
    sent.push_back(test::RawFrame{.payload = 100, .source_port = next_++}.bytes());
    static_cast<void>(send(sent.back()));
  }
  Arrived arrived;
  for (const Frame& frame : subject.wire) {
    const auto same = std::find(sent.begin(), sent.end(), frame);
    ++(same == sent.end() ? arrived.strange : arrived.whole);
    if (same != sent.end()) sent.erase(same);
  }
  return arrived;
}

bool Trial::flows() {
  const unsigned n = subject.traits.ring;
  for (int round = 0; round < 2; ++round) {
    for (unsigned i = 0; i < n; i += frames_meanwhile)
      if (in(frames_meanwhile).whole != frames_meanwhile) return false;
    const Arrived sent = out(n);
    if (sent.whole != n || sent.strange != 0) return false;
  }
  return true;
}

std::optional<unsigned> Trial::watch(unsigned limit) {
  for (unsigned second = 0; second <= limit; ++second) {
    if (told = port->check(host.env.now); told) return second;
    host.env.now += 1s;
    static_cast<void>(send(test::RawFrame{}.bytes()));
    static_cast<void>(in(1));
  }
  return std::nullopt;
}

std::uint64_t Trial::counter(std::string_view name) {
  const port::DeviceStats s = port->device_stats();
  const std::pair<std::string_view, std::uint64_t> of_device[] = {{"rx_missed", s.rx_missed}, {"rx_errors", s.rx_errors}, {"rx_no_buffer", s.rx_no_buffer}, {"tx_errors", s.tx_errors}};
  for (const auto& [its_name, value] : of_device)
    if (its_name == name) return value;
  for (const auto& [its_name, value] : port->xstats())
    if (its_name == name) return value;
  std::optional<std::uint64_t> of_lcore;
  const stats::LcoreStats* const lcores[] = {host.stats.get()};
  stats::for_each(lcores, [&](const stats::Sample& sample) {
    if (std::string(sample.group) + "." + sample.info.name == name) of_lcore = sample.value;
  });
  if (!of_lcore) FAIL("no counter " << name);
  return *of_lcore;
}

namespace {

void suffer(Trial& trial, const FaultRow& row) {
  if (row.meanwhile) return row.meanwhile(trial);
  const Arrived in = trial.in(frames_meanwhile), out = trial.out(frames_meanwhile);
  CHECK(in.whole == frames_meanwhile - row.rx_lost);
  CHECK(in.strange == row.rx_strange);
  CHECK(in.unsound == 0);
  CHECK(out.whole == frames_meanwhile - row.tx_lost);
  CHECK(out.strange == 0);
}

void begin_anew(Trial& trial) {
  trial.faults().clear();
  const auto done = trial.port->reset();
  if (!done) FAIL(done.error().message);
}

void try_row(Trial& trial, const FaultRow& row) {
  CHECK(trial.flows());
  trial.forgiven = row.forgiven;
  const std::uint64_t before = row.tells.counter.empty() ? 0 : trial.counter(row.tells.counter);
  row.arm(trial);
  suffer(trial, row);
  if (!row.tells.counter.empty()) CHECK(trial.counter(row.tells.counter) - before == row.tells.by);
  CHECK(trial.faults().have_happened());
  std::string outcome = "pass";
  const bool is_told = trial.subject.traits.name.find(row.told_on) != std::string::npos;
  if (!row.cause.empty() && is_told) {
    const auto seconds = trial.watch(row.within);
    REQUIRE(seconds);
    CHECK(trial.told->cause == row.cause);
    outcome = "`" + trial.told->cause + "` after " + std::to_string(*seconds) + " s, then `reset()`";
    begin_anew(trial);
  } else if (row.resets || !row.cause.empty()) {
    if (!row.cause.empty()) CHECK_FALSE(trial.watch(10));
    outcome = "`reset()`";
    begin_anew(trial);
  }
  if (row.is_over) trial.faults().clear();
  CHECK(trial.flows());
  CHECK_FALSE(trial.watch(10));
  tell(trial.subject, outcome);
}

}  // namespace

void run(const FaultRow& row) {
  for_each_subject(row.on, row.why_not, [&](Subject& subject) {
    ethdev::Options options;
    if (row.options) row.options(options);
    Trial trial(subject, options);
    try_row(trial, row);
  });
}

void run(const RefusalRow& row) {
  for_each_subject(row.on, row.why_not, [&](Subject& subject) {
    { const Trial first(subject, {}); }  // EAL has probed it before
    row.arm(subject);
    {
      test::Host host;
      const auto opened = ethdev::open({.name = subject.slot.name(), .pools = {&*host.pool}});
      REQUIRE_FALSE(opened);
      CHECK(opened.error().message.find(subject.slot.name()) != std::string::npos);
      CHECK(opened.error().message.find(row.says) != std::string::npos);
    }
    CHECK_FALSE(subject.slot.faults().log().empty());
    subject.slot.faults().clear();
    forgive(subject, row.forgiven);
    Trial trial(subject, {});
    CHECK(trial.flows());
    tell(subject, "open() fails, the next one does not");
  });
}

}  // namespace millrace::devmodel

// What matrix.py asks for.
TEST_CASE("subjects", "[.]") {
  for (const auto& subject : millrace::devmodel::subjects()) std::printf("subject: %s\n", subject->traits.name.c_str());
}
