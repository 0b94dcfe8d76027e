// SPDX-License-Identifier: BSD-3-Clause
// Two Tcp instances over a pipe that loses, doubles, reorders and delays, in virtual time from a seed: whatever happens
// on the way, both streams arrive intact, both sides end in order, and every buffer comes home.
#include "tests/support/catch.hpp"
#include "tests/support/seed.hpp"
#include "tests/support/tcp_peer.hpp"

#include <millrace/pkt/pool.hpp>

#include <algorithm>
#include <map>

using namespace millrace;
using test::pattern;

namespace {

struct Faults {
  double loss = 0;
  double duplicate = 0;
  double reorder = 0;
  Duration delay = 1ms;
  Duration jitter = 5ms;  ///< of a reordered packet
};

class Host;

/// The pipe: what was sent, by the time at which it arrives.
struct Pipe {
  struct Flying {
    Host* to;
    ip::SendHeader header;
    std::vector<std::uint8_t> bytes;
  };
  std::multimap<Instant, Flying> flying;
  Faults faults;
  Rng rng{1};
  std::uint64_t lost = 0;
};

class Host : public ip::Output {
 public:
  Host(test::TestPool& pool, Pipe& pipe, const IpAddress& address, std::uint32_t mtu, const tcp::Config& config, std::uint64_t seed)
      : pool_(pool), pipe_(pipe), address_(address), mtu_(mtu), wheel(Instant{1s}), owners(64, seed), tcp(env, *this, owners, 0, config) {
    env.now = Instant{1s};
    env.rng = Rng(seed);
    env.pool = &*pool;
    env.wheel = &wheel;
    env.stats = &stats;
    env.secret = {seed, ~seed};
  }
  ~Host() override { tcp.shutdown_all(); }

  // The pipe loses segments, so it is given segments.
  [[nodiscard]] ip::GsoLimits gso_limits_for(const IpAddress&) const override { return {.max_segs = 1}; }
  ip::SendVerdict send_whole(pkt::Packet packet, const IpAddress&) override {  // TCP never does
    pkt::consume(std::move(packet));
    return ip::SendVerdict::no_route;
  }
  ip::SendVerdict send(pkt::Packet datagram, const ip::SendHeader& header) override {
    const std::vector<std::uint8_t> bytes = test::bytes_of(datagram);
    REQUIRE(bytes.size() + 20 <= mtu_);
    pkt::consume(std::move(datagram));
    const Faults& f = pipe_.faults;
    if (pipe_.rng.chance(f.loss)) {
      ++pipe_.lost;
      return ip::SendVerdict::sent;
    }
    for (int copies = pipe_.rng.chance(f.duplicate) ? 2 : 1; copies > 0; --copies) {
      Duration late{};
      if (pipe_.rng.chance(f.reorder)) late = Duration{pipe_.rng.below(static_cast<std::uint32_t>(f.jitter.count()))};
      pipe_.flying.emplace(env.now + f.delay + late, Pipe::Flying{other, header, bytes});
    }
    return ip::SendVerdict::sent;
  }
  std::optional<IpAddress> source_for(const IpAddress&) const override { return address_; }
  std::uint32_t mtu_for(const IpAddress&) const override { return mtu_; }
  bool is_local(const IpAddress& a) const override { return a == address_; }
  void send_port_unreachable(const pkt::Packet&, const ip::Delivery&) override {}
  void confirm_reachable(const IpAddress&) override {}

  void receive(const Pipe::Flying& f) {
    pkt::Packet packet = pool_.packet(f.bytes);
    packet.meta().checksum = pkt::ChecksumVerdict::good;
    tcp.receive(std::move(packet), {.source = f.header.source, .destination = f.header.destination, .hop_limit = 64,
                                    .traffic_class = 0, .interface = nullptr});
  }

 private:
  test::TestPool& pool_;
  Pipe& pipe_;
  IpAddress address_;
  std::uint32_t mtu_;

 public:
  Host* other = nullptr;
  stats::LcoreStats stats;
  timer::Wheel wheel;
  Env env;
  steer::FlowTable owners;
  tcp::Tcp tcp;
};

/// One side's application: sends `total` bytes of the pattern and its end, reads until the other's end.
class Endpoint : public tcp::Events, public tcp::AcceptEvents {
 public:
  Endpoint(Rng rng, std::uint32_t total) : rng_(rng), total_(total) {}

  void on_accept(tcp::Listener& l) override {
    connection = l.accept();
    REQUIRE(connection != nullptr);
    connection->set_events(this);
  }
  void on_closed(tcp::Connection& c, int why) override {
    error = why;
    closed = true;
  }
  void attach(tcp::Connection* c) { connection = c; }

  /// Reads and writes in pieces of any size; called after every event of the world.
  void work() {
    if (connection == nullptr) return;
    read_some();
    write_some();
    const bool done = at_end && sent == total_ && rng_.chance(0.5);
    if (done || closed) std::exchange(connection, nullptr)->close();
  }
  tcp::Connection* connection = nullptr;
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  bool at_end = false, intact = true, closed = false;
  int error = 0;

 private:
  void read_some() {
    if (!closed && rng_.chance(0.3)) return;
    bytes_.resize(1 + rng_.below(9000));
    for (std::int64_t n; (n = connection->read(bytes_)) >= 0;) {
      if (n == 0) {
        at_end = true;
        return;
      }
      for (std::int64_t i = 0; i < n; ++i) intact &= bytes_[static_cast<std::size_t>(i)] == pattern(++received);
      if (!closed && rng_.chance(0.2)) return;
    }
  }
  void write_some() {
    while (sent < total_) {
      bytes_.resize(std::min(total_ - sent, 1 + rng_.below(20000)));
      for (std::uint32_t i = 0; i < bytes_.size(); ++i) bytes_[i] = pattern(sent + 1 + i);
      const std::int64_t n = connection->write(bytes_);
      if (n <= 0) return;
      sent += static_cast<std::uint32_t>(n);
      if (rng_.chance(0.1)) return;
    }
    if (!shut_ && connection->connection_state() != tcp::State::syn_sent) {
      shut_ = true;
      connection->shutdown_write();
    }
  }
  Rng rng_;
  std::uint32_t total_;
  bool shut_ = false;
  std::vector<std::uint8_t> bytes_;
};

struct Outcome {
  Instant end;
  std::uint64_t lost;
  std::uint64_t retransmitted;
  bool operator==(const Outcome&) const = default;
};

tcp::Config drawn_config(Rng& rng) {
  tcp::Config config;
  config.timestamps = rng.chance(0.5);
  config.window_scaling = rng.chance(0.5);
  config.moderate_rcvbuf = rng.chance(0.5);
  config.rmem.initial = 8192u << rng.below(5);
  // The question is what happens to the data, not when to give up.
  config.syn_retries = config.synack_retries = 12;
  config.retries2 = config.orphan_retries = 60;
  return config;
}

void step(Pipe& pipe, Host& a, Host& b) {
  Instant next = std::min(a.wheel.next_expiry(), b.wheel.next_expiry());
  if (!pipe.flying.empty()) next = std::min(next, pipe.flying.begin()->first);
  if (next == never) return;  // nothing flies and no timer runs: the applications' turn
  a.env.now = b.env.now = std::max(a.env.now, next);
  for (int burst = 0; burst < 8 && !pipe.flying.empty() && pipe.flying.begin()->first <= next; ++burst) {
    const auto first = pipe.flying.extract(pipe.flying.begin());
    first.mapped().to->receive(first.mapped());
  }
  for (Host* host : {&a, &b}) {
    host->wheel.advance(host->env.now);
    host->tcp.flush();
  }
}

Outcome transfer(std::uint64_t seed, Faults faults, std::uint32_t largest) {
  INFO("seed " << seed);
  Rng rng(seed);
  test::TestPool pool(8191);
  Pipe pipe;
  pipe.faults = faults;
  pipe.faults.delay = Duration{100us} * (1 + rng.below(200));
  pipe.rng = rng.fork();
  const std::uint32_t mtu = 576 + rng.below(1425);
  Host a(pool, pipe, IpAddress::v4(10, 77, 0, 1), mtu, drawn_config(rng), rng.next());
  Host b(pool, pipe, IpAddress::v4(10, 77, 0, 2), mtu, drawn_config(rng), rng.next());
  a.other = &b;
  b.other = &a;
  const std::uint32_t from_a = rng.below(largest);
  const std::uint32_t from_b = rng.below(largest);
  Endpoint server(rng.fork(), from_b);
  Endpoint client(rng.fork(), from_a);
  auto listener = b.tcp.listen({IpAddress::v4(10, 77, 0, 2), 80}, 4, server);
  REQUIRE(listener);
  auto made = a.tcp.connect({IpAddress::v4(10, 77, 0, 2), 80}, client);
  REQUIRE(made);
  client.attach(*made);
  client.connection->no_delay(rng.chance(0.5));

  const auto alive = [&] { return a.tcp.connections() + b.tcp.connections() + a.tcp.time_waits() + b.tcp.time_waits() > 0; };
  a.tcp.flush();
  for (int steps = 0; alive(); ++steps) {
    REQUIRE(steps < 2'000'000);
    step(pipe, a, b);
    client.work();
    server.work();
    a.tcp.flush();
    b.tcp.flush();
  }
  CHECK(client.received == from_b);
  CHECK(server.received == from_a);
  CHECK((client.intact && server.intact));
  CHECK((client.at_end && server.at_end));
  CHECK((client.error == 0 && server.error == 0));
  CHECK(a.owners.size() + b.owners.size() == 0);
  return {a.env.now, pipe.lost, a.stats.tcp[stats::Tcp::RetransSegs] + b.stats.tcp[stats::Tcp::RetransSegs]};
}

}  // namespace

TEST_CASE("RFC 9293 3.8: both streams survive 5% loss, duplication and reordering, 200 seeds") {
  const std::uint64_t first = test::seed() * 1000;
  std::uint64_t lost = 0;
  for (std::uint64_t seed = first; seed < first + 200; ++seed)
    lost += transfer(seed, {.loss = 0.05, .duplicate = 0.05, .reorder = 0.05}, 200'000).lost;
  CHECK(lost > 1000);  // the pipe did what it promised
}

TEST_CASE("a pipe without faults needs no retransmission") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) CHECK(transfer(seed, {}, 500'000).retransmitted == 0);
}

TEST_CASE("RFC 9293 3.8.1: 40% loss is slow, but nothing is lost") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) transfer(seed, {.loss = 0.4, .duplicate = 0, .reorder = 0}, 10'000);
}

TEST_CASE("the same seed gives the same run, another another") {
  const Faults faults{.loss = 0.05, .duplicate = 0.05, .reorder = 0.05};
  const Outcome once = transfer(77, faults, 200'000);
  CHECK(once == transfer(77, faults, 200'000));
  CHECK_FALSE(once == transfer(78, faults, 200'000));
}
