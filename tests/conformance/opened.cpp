// SPDX-License-Identifier: BSD-3-Clause
// What the cases of the suite share: a port on a subject, and the subjects one by one. Called by the cases.
#include "tests/conformance/opened.hpp"

#include <rte_ethdev.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace millrace::conformance {
namespace {

using Clock = std::chrono::steady_clock;

/// How long nothing more has to come until nothing is under way; a kernel or another thread may carry it.
constexpr auto silence = std::chrono::milliseconds(20);

rte_eth_dev_info info_of(const port::Port& port) {
  rte_eth_dev_info info{};
  std::uint16_t id = 0;
  REQUIRE(rte_eth_dev_get_port_by_name(port.info().name.c_str(), &id) == 0);
  REQUIRE(rte_eth_dev_info_get(id, &info) == 0);
  return info;
}

}  // namespace

ethdev::Options options_for(test::Host& host, const Subject& subject) {
  return {.name = {}, .ifindex = 1, .rx_ring = subject.traits.ring, .tx_ring = subject.traits.ring, .pools = {&*host.pool}};
}

std::string refusal(Subject& subject, const ethdev::Options& options) {
  auto port = subject.open(options);
  if (!port) return port.error().message;
  subject.close(std::move(*port));
  return {};
}

Opened::Opened(Subject& of, ethdev::Options asked) : subject(of), options(std::move(asked)) { open_anew(); }

void Opened::open_anew() {
  if (port) subject.close(std::move(port));
  auto opened = subject.open(options);
  if (!opened) FAIL(opened.error().message);
  port = std::move(*opened);
  start = subject.counts();
}

Opened::~Opened() {
  if (port) subject.close(std::move(port));
  CHECK(subject.violations() == std::vector<std::string>{});
}

std::optional<Counts> Opened::counts() const {
  std::optional<Counts> now = subject.counts();
  if (!now) return now;
  for (const auto field : {&Counts::rx_frames, &Counts::rx_bytes, &Counts::rx_no_buffer, &Counts::tx_frames, &Counts::tx_bytes}) (*now).*field -= (*start).*field;
  return now;
}

std::uint64_t Opened::tx_capabilities() const { return info_of(*port).tx_offload_capa; }
std::uint16_t Opened::most_rx_queues() const { return info_of(*port).max_rx_queues; }

void not_possible(const Subject& subject, const std::string& why) { std::printf("not possible: %s: %s\n", subject.traits.name.c_str(), why.c_str()); }

void for_each_subject(const std::function<void(Subject&)>& test) {
  const char* const only = std::getenv("MILLRACE_SUBJECT");
  for (const auto& subject : subjects()) {
    if (only != nullptr && subject->traits.name != only) continue;
    INFO(subject->traits.name);
    test(*subject);
  }
}

bool link_becomes(port::Port& port, bool up, std::chrono::milliseconds patience) {
  const auto end = Clock::now() + patience;
  while (port.link().up != up && Clock::now() < end) std::this_thread::sleep_for(std::chrono::microseconds(100));
  return port.link().up == up;
}

void consume_one(test::Host& host, port::Port& port) {
  pkt::Packet got = host.receive(port);
  REQUIRE(got);
  pkt::consume(std::move(got));
}

pkt::PacketList receive_all(test::Host& host, const Opened& opened) {
  pkt::PacketList all;
  auto end = Clock::now() + silence;
  for (;;) {
    std::uint16_t count = 0;
    for (std::uint16_t queue = 0; queue < opened.port->info().rx_queues; ++queue) {
      pkt::Burst burst;
      count = static_cast<std::uint16_t>(count + opened.port->rx_queue(queue).receive(host.env, burst, 32));
      burst.take_all([&](pkt::Packet p) { all.push_back(std::move(p)); });
    }
    if (count != 0) end = Clock::now() + silence;
    if (count == 0 && (opened.subject.is_immediate() || Clock::now() >= end)) return all;
  }
}

}  // namespace millrace::conformance
