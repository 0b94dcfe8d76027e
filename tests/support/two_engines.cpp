// SPDX-License-Identifier: BSD-3-Clause
// Two engines stepped together, for the tests of the sockets and of the engine. Calls the public API alone.
#include "tests/support/two_engines.hpp"

#include "tests/support/catch.hpp"

#include <millrace/base/rng.hpp>
#include <millrace/pkt/packet.hpp>

#include <algorithm>
#include <array>
#include <map>

// For main().
extern "C" unsigned long long mr_unbalanced_ends() { return millrace::Engine::unbalanced_ends(); }

namespace millrace::test {

Config host_config(std::uint16_t host, std::size_t lcores) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = host;
  config.eal.pool_packets = 4095;
  config.lcores.resize(lcores);
  config::Port port;
  port.name = "p0";
  for (std::size_t i = 0; i < lcores && lcores > 1; ++i) port.rps_cpus.set(i);
  config.ports.push_back(port);
  const std::string number = std::to_string(host);
  config.stacks.push_back({.name = "host",
                           .interfaces = {{.port = "p0",
                                           .name = "eth0",
                                           .addresses = {*IpPrefix::parse("10.77.0." + number + "/24"),
                                                         *IpPrefix::parse("fd00:77::" + number + "/64")}}},
                           .routes = {}});
  return config;
}

Endpoint endpoint(std::string_view text) { return Endpoint::parse(text).value(); }

TwoEngines::TwoEngines(const Options& options) : lost_before_(pkt::freed_without_reason()), unbalanced_before_(Engine::unbalanced_ends()) {
  auto [here, there] = make_link(7, options.there, options.back);
  Config config_a = host_config(1, options.lcores_a);
  Config config_b = host_config(2, options.lcores_b);
  if (options.adjust_a) options.adjust_a(config_a);
  if (options.adjust_b) options.adjust_b(config_b);
  // A port that was made something else is at another cable.
  const auto links = [](const Config& config, const LinkEnd& end) {
    return config.ports[0].driver == config::PortDriver::sim ? std::map<std::string, LinkEnd>{{"p0", end}} : std::map<std::string, LinkEnd>{};
  };
  auto made_a = Engine::create(config_a, links(config_a, here));
  if (!made_a) FAIL(made_a.error().message);
  auto made_b = Engine::create(config_b, links(config_b, there));
  if (!made_b) FAIL(made_b.error().message);
  a = std::move(*made_a);
  b = std::move(*made_b);
  now_ = a->now();
}

TwoEngines::~TwoEngines() {
  a.reset();
  b.reset();
  CHECK(Engine::unbalanced_ends() == unbalanced_before_);
  CHECK(pkt::freed_without_reason() == lost_before_);
}

void TwoEngines::settle() {
  for (int passes = 0;; ++passes) {
    REQUIRE(passes < 1000000);
    bool worked = a && a->run_once();
    worked |= b && b->run_once();
    if (worked) continue;
    const Instant next = std::min(a ? a->next_deadline() : never, b ? b->next_deadline() : never);
    if (next > now_) return;
  }
}

bool TwoEngines::run_until(const std::function<bool()>& done, Duration patience) {
  const Instant end = now_ + patience;
  for (;;) {
    settle();
    if (done()) return true;
    const Instant next = std::min(a ? a->next_deadline() : never, b ? b->next_deadline() : never);
    if (next > end) {
      now_ = end;
    } else {
      now_ = next;
    }
    if (a) a->set_clock(now_);
    if (b) b->set_clock(now_);
    if (next > end) return false;
  }
}

bool TwoEngines::step(Instant until) {
  bool worked = a && a->run_once();
  worked |= b && b->run_once();
  if (worked) return true;
  const Instant next = std::min({a ? a->next_deadline() : never, b ? b->next_deadline() : never, until});
  if (next == never || now_ >= until) return false;
  now_ = std::max(now_, next);
  if (a) a->set_clock(now_);
  if (b) b->set_clock(now_);
  return true;
}

void TwoEngines::run_for(Duration time) {
  run_until([] { return false; }, time);
  settle();
}

void TwoEngines::check_pools() {
  run_for(std::chrono::minutes(10));
  if (a) CHECK(a->packets_in_use() == 0);
  if (b) CHECK(b->packets_in_use() == 0);
}

Sockets& TwoEngines::sockets(Engine& engine, std::uint16_t lcore) {
  Sockets* found = nullptr;
  REQUIRE(engine.on_each_lcore([&](Sockets& sockets) {
    if (sockets.lcore() == lcore) found = &sockets;
    return Result<void>{};
  }));
  REQUIRE(found != nullptr);
  return *found;
}

void Conversation::join(Stream& s) {
  stream = &s;
  s.on_connected([this](Stream&) { connected = true; });
  s.on_readable([this](Stream&) {
    ++readable;
    read_all();
  });
  s.on_writable([this](Stream&) { ++writable; });
  s.on_closed([this](Stream&, int error) {
    read_all();
    closed = error;
    stream = nullptr;
  });
}

void Conversation::read_all() {
  std::array<std::uint8_t, 4096> part;
  for (std::int64_t n; (n = stream->read(part)) >= 0;) {
    if (n == 0) {
      ended = true;
      return;
    }
    received.append(part.begin(), part.begin() + n);
  }
}

std::string pattern(std::size_t size, std::uint64_t seed) {
  Rng rng(seed);
  std::string text(size, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

void accept_into(Engine& engine, const Endpoint& local, std::vector<std::unique_ptr<Conversation>>& into) {
  const auto listening = engine.listen(local, [&into](Stream& stream) {
    into.push_back(std::make_unique<Conversation>());
    into.back()->join(stream);
  });
  if (!listening) FAIL(listening.error().message);
}

void echo(Stream& stream) {
  std::array<std::uint8_t, 4096> part;
  while (const std::size_t room = std::min(part.size(), stream.writable())) {
    const std::int64_t n = stream.read({part.data(), room});
    if (n == 0) return stream.close();
    if (n < 0) return;
    stream.write({part.data(), static_cast<std::size_t>(n)});
  }
}

}  // namespace millrace::test
