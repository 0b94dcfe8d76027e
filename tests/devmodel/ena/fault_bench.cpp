// SPDX-License-Identifier: BSD-3-Clause
// The bench that the faults are tried on. Called by the fault tests.
#include "tests/devmodel/ena/fault_bench.hpp"

#include "tests/support/catch.hpp"

#include <rte_memzone.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

namespace millrace::devmodel {

std::vector<std::unique_ptr<Subject>> make_subjects() {
  using ena::Ena;
  using ena::Profile;
  std::vector<std::unique_ptr<Subject>> all;
  all.push_back(make_subject<Ena>({.name = "low latency queues"}, Profile{.reset_timeout_100ms = 3}));
  all.push_back(make_subject<Ena>({.name = "rings in host memory"}, Profile{.llq = false, .reset_timeout_100ms = 3}));
  return all;
}

namespace ena {
namespace {

constexpr std::uint16_t ring = 256;

/// EAL has probed them all at its start, without arguments, and a driver holds memory from then on.
void take_from_eal(test::Host& host) {
  static bool is_done = false;
  if (std::exchange(is_done, true)) return;
  for (const auto& subject : subjects()) REQUIRE(ethdev::open({.name = subject->slot.name(), .pools = {&*host.pool}}));
}

}  // namespace

std::size_t give_back_driver_memory() {
  std::vector<const rte_memzone*> left;
  const auto take = [](const rte_memzone* zone, void* all) {
    if (std::string_view(zone->name).starts_with("ena_p")) static_cast<std::vector<const rte_memzone*>*>(all)->push_back(zone);
  };
  rte_memzone_walk(take, &left);
  for (const rte_memzone* zone : left) rte_memzone_free(zone);
  return left.size();
}

Subject& low_latency() { return *subjects().at(0); }
Subject& host_rings() { return *subjects().at(1); }

bool passes_alone(const char* test_case) {
  std::array arguments{std::string("alone"), std::string(test_case)};
  std::array<char*, 3> argv{arguments[0].data(), arguments[1].data(), nullptr};
  posix_spawn_file_actions_t quietly;
  posix_spawn_file_actions_init(&quietly);
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) posix_spawn_file_actions_addopen(&quietly, fd, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  REQUIRE(posix_spawn(&child, "/proc/self/exe", &quietly, nullptr, argv.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&quietly);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

Bench::Bench(Subject& of, const Adjust& adjust, std::uint32_t packets) : subject(of), device(dynamic_cast<Ena&>(*of.device)), host(packets) {
  hear_faults();
  device.repair();
  violations_before_ = subject.slot.violations().size();
  ethdev::Options options{.name = subject.slot.name(), .ifindex = 1, .rx_ring = ring, .tx_ring = ring, .pools = {&*host.pool}};
  take_from_eal(host);
  if (adjust) adjust(options);
  auto opened = ethdev::open(options);
  if (!opened) FAIL(opened.error().message);
  port = std::move(*opened);
  subject.wire.clear();
  CHECK(soon([this] { return port->link().up; }));
}

Bench::~Bench() {
  port.reset();
  CHECK(give_back_driver_memory() == 0);
  device.repair();
  const auto& all = subject.slot.violations();
  if (!forgives_violations) CHECK(std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(violations_before_), all.end()) == std::vector<std::string>{});
}

bool Bench::soon(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (!condition() && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(std::chrono::microseconds(100));
  return condition();
}

void Bench::reset() {
  const auto done = port->reset();
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  CHECK(soon([this] { return port->link().up; }));
}

test::RawFrame Bench::inward(std::size_t n) const {
  return {.v6 = n % 2 == 0, .proto = static_cast<std::uint8_t>(n % 3 == 0 ? 6 : 17), .payload = 64 + n % 1200, .first_byte = static_cast<std::uint8_t>(n),
          .destination = port->info().mac};
}

pkt::Packet Bench::take() {
  pkt::Burst burst;
  pkt::Packet got;
  if (port->rx_queue(0).receive(host.env, burst, 1) != 0) burst.take_all([&](pkt::Packet p) { got = std::move(p); });
  return got;
}

bool Bench::arrives(std::size_t n) {
  const auto bytes = inward(n).bytes();
  static_cast<void>(device.receive(bytes));
  pkt::Packet got = take();
  if (!got) return false;
  const bool same = test::bytes_of(got) == bytes;
  pkt::consume(std::move(got));
  return same;
}

test::RawFrame Bench::outward(std::size_t n) { return {.v6 = n % 2 == 0, .proto = 17, .payload = 20 + n % 1400}; }

bool Bench::give(pkt::Packet packet) {
  pkt::Burst burst;
  burst.push(std::move(packet));
  const bool taken = port->tx_queue(0).transmit(host.env, burst) == 1;
  burst.take_all([](pkt::Packet p) { pkt::consume(std::move(p)); });
  return taken;
}

bool Bench::is_taken(std::size_t n) { return give(host.pool.packet(outward(n).bytes())); }

bool Bench::leaves(std::size_t n) {
  subject.wire.clear();
  const bool is_chain = n % 3 == 0;  // whose checksum is the device's to form
  const bool taken = is_chain ? give(host.unfinished(outward(n), n % 7, 1500)) : is_taken(n);
  return taken && subject.wire.size() == 1 && subject.wire.front() == outward(n).bytes();
}

void Bench::exchange(std::size_t frames) {
  for (std::size_t n = 0; n < frames; ++n) {
    INFO("frame " << n);
    REQUIRE(arrives(n));
    REQUIRE(leaves(n));
  }
}

std::size_t Bench::fill_tx() {
  std::size_t taken = 0;
  while (taken < 2 * ring && is_taken(taken)) ++taken;
  return taken;
}

std::uint64_t Bench::xstat(std::string_view name) const {
  for (const auto& [known, value] : port->xstats())
    if (known == name) return value;
  FAIL("the driver has no counter " << name);
  return 0;
}

std::optional<port::Fault> Bench::check(int seconds, std::chrono::milliseconds real) {
  const auto end = std::chrono::steady_clock::now() + real;
  for (int s = 0; s < seconds || std::chrono::steady_clock::now() < end; ++s) {
    host.env.now += std::chrono::seconds(1);
    static_cast<void>(is_taken(sent_++));
    static_cast<void>(device.receive(inward(sent_).bytes()));
    if (pkt::Packet got = take()) pkt::consume(std::move(got));
    if (auto fault = port->check(host.env.now)) return fault;
    if (real.count() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return std::nullopt;
}

void Bench::put_back() {
  subject.slot.put_back(device);
  device.repair();
}

void run_on(Subject& subject, const Row& row) {
  INFO(subject.traits.name);
  Bench bench(subject, row.adjust);
  bench.exchange(20);
  const std::uint64_t before = row.counter.empty() ? 0 : bench.xstat(row.counter);
  for (const Fault& fault : row.faults) bench.device.arm(fault);
  if (row.strike) row.strike(bench);
  CHECK((row.faults.empty() || bench.device.struck() > 0));

  const std::optional<port::Fault> told = bench.check(row.cause.empty() ? 3 : 7, row.within);
  CHECK((told ? told->cause : "") == row.cause);
  // Where administration is down the counters are, too.
  if (!row.counter.empty()) CHECK(bench.xstat(row.counter) > before);
  if (told) CHECK_FALSE(bench.port->check(bench.host.env.now));
  bench.device.repair();
  if (!row.cause.empty()) bench.reset();
  bench.exchange(300);
}

void run(const Row& row) {
  run_on(low_latency(), row);
  run_on(host_rings(), row);
}

void run_once(const Row& row) { run_on(low_latency(), row); }

}  // namespace ena
}  // namespace millrace::devmodel
