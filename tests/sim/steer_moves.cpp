// SPDX-License-Identifier: BSD-3-Clause
// F22: rps_cpus and RSS change again and again, and rx queues move between lcores, under many TCP connections with data under
// way: no reset, no segment out of order, every byte in its place. Two engines in one thread, under a virtual clock.
//
//   steer_moves --connections N --moves N
#include <millrace/base/rng.hpp>
#include <millrace/engine/engine.hpp>
#include <millrace/engine/port_control.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace millrace;

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::printf("steer_moves: %s\n", what.c_str());
  std::exit(1);
}

std::uint64_t seed() {
  const char* text = std::getenv("MILLRACE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

Config host(std::uint8_t number, std::size_t lcores, std::uint16_t queues, std::uint32_t buffers) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = seed() + number;
  config.eal.memory_mb = 1024;
  config.eal.pool_packets = buffers;
  config.lcores.resize(lcores);
  config.ports.push_back({.name = "p0", .rx_queues = queues});
  config.stacks.push_back(
      {.name = "host", .interfaces = {{.port = "p0", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, number), 24}}}}, .routes = {}});
  return config;
}

std::unique_ptr<Engine> make(const Config& config, const LinkEnd& end) {
  auto engine = Engine::create(config, {{"p0", end}});
  if (!engine) fail(engine.error().message);
  return std::move(*engine);
}

/// One direction of a connection: numbers, counted up, 4 bytes each.
struct Numbers {
  std::uint32_t next_out = 0;
  std::uint32_t next_in = 0;
  std::array<std::uint8_t, 4> part{};
  std::size_t filled = 0;

  void write_to(Stream& stream) {
    std::array<std::uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &next_out, 4);
    if (stream.write(bytes) != 4) fail("a send buffer was full");
    ++next_out;
  }
  void read_from(Stream& stream) {
    std::array<std::uint8_t, 256> bytes;
    for (std::int64_t n; (n = stream.read(bytes)) > 0;)
      for (std::int64_t i = 0; i < n; ++i) take(bytes[static_cast<std::size_t>(i)]);
  }
  void take(std::uint8_t byte) {
    part[filled++] = byte;
    if (filled < part.size()) return;
    filled = 0;
    std::uint32_t number = 0;
    std::memcpy(&number, part.data(), 4);
    if (number != next_in) fail("number " + std::to_string(number) + " came for " + std::to_string(next_in));
    ++next_in;
  }
};

struct World {
  World(std::uint32_t connections, std::uint64_t s) : rng(s) {
    auto [here, there] = make_link(s);
    a = make(host(1, 1, 1, 16383), here);
    b = make(host(2, 4, 2, 8191), there);
    const auto listening = b->listen({IpAddress::v4(10, 77, 0, 2), 80}, [this](Stream& stream) {
      auto echo = std::make_shared<Numbers>();
      stream.set_context(echo);
      stream.on_readable([](Stream& readable) {
        auto& numbers = readable.context<Numbers>();
        numbers.read_from(readable);
        while (numbers.next_out < numbers.next_in) numbers.write_to(readable);
      });
      stream.on_closed([this](Stream&, int error) { if (!over) fail("a server's connection ended with " + std::to_string(error)); });
    });
    if (!listening) fail(listening.error().message);
    clients.resize(connections);
    streams.resize(connections);
  }
  void on_client(const std::function<void(Sockets&)>& f) {
    const auto done = a->on_each_lcore([&](Sockets& sockets) {
      f(sockets);
      return Result<void>{};
    });
    if (!done) fail(done.error().message);
  }
  void settle() {
    for (bool worked = true; worked;) {
      worked = a->run_once();
      worked |= b->run_once();
      if (!worked && std::min(a->next_deadline(), b->next_deadline()) <= a->now()) worked = true;
    }
  }
  void advance(Duration time) {
    const Instant end = a->now() + time;
    for (Instant now = a->now(); now < end;) {
      settle();
      now = std::max(now, std::min({a->next_deadline(), b->next_deadline(), end}));
      a->set_clock(now);
      b->set_clock(now);
    }
    settle();
  }
  void connect() {
    for (std::size_t i = 0; i < streams.size(); ++i) {
      on_client([&](Sockets& sockets) {
        auto stream = sockets.connect({IpAddress::v4(10, 77, 0, 2), 80});
        if (!stream) fail(stream.error().message);
        streams[i] = *stream;
        (*stream)->on_connected([this](Stream&) { ++connected; });
        (*stream)->on_readable([numbers = &clients[i]](Stream& s) { numbers->read_from(s); });
        (*stream)->on_closed([this](Stream&, int error) { if (!over) fail("a client's connection ended with " + std::to_string(error)); });
      });
      if (i == 0 || i % 100 == 99) settle();  // the first waits for the neighbour's address, where there is not room for all
    }
    advance(10ms);
    if (connected != streams.size()) fail(std::to_string(connected) + " of " + std::to_string(streams.size()) + " connected");
  }
  // Some send, part of the server's lcores run, and then the ground moves under what is on its way.
  void move() {
    on_client([&](Sockets&) {
      for (int i = 0; i < 8; ++i) {
        const std::size_t c = rng.below(static_cast<std::uint32_t>(streams.size()));
        for (std::uint32_t n = 1 + rng.below(3); n > 0; --n) clients[c].write_to(*streams[c]);
      }
    });
    a->run_once();
    for (std::uint32_t n = rng.below(4); n > 0; --n) b->run_once(static_cast<std::uint16_t>(rng.below(4)));
    PortControl port = *b->port("p0");
    const auto queue = static_cast<std::uint16_t>(rng.below(2));
    if (const auto set = port.set_rps_cpus(queue, config::LcoreMask(rng.below(16))); !set) fail(set.error().message);
    if (rng.below(4) == 0)
      if (const auto set = port.set_smp_affinity(queue, config::LcoreMask().set(rng.below(4))); !set) fail(set.error().message);
    if (rng.below(4) == 0) spread_anew(port);
  }
  // Another key, or other shares of the queues: flows go to other queues while they send.
  void spread_anew(PortControl& port) {
    config::Rss rss;
    if (rng.below(2) == 0) {
      rss.key.resize(40);
      for (std::uint8_t& byte : rss.key) byte = static_cast<std::uint8_t>(rng.next());
    } else {
      rss.weights = {rng.below(4), 1 + rng.below(3)};
    }
    if (const auto set = port.set_rss(rss); !set) fail(set.error().message);
    ++spreads;
  }
  void judge() {
    for (const Numbers& client : clients)
      if (client.next_in != client.next_out) fail("an echo is missing");
    for (Engine* engine : {a.get(), b.get()}) {
      const Stats stats = engine->stats();
      for (const auto& [group, name] : {std::pair{"tcp", "OutRsts"}, std::pair{"tcp", "EstabResets"}, std::pair{"tcp", "RetransSegs"},
                                        std::pair{"tcp_ext", "TCPOFOQueue"}, std::pair{"drop", "tcp_no_connection"},
                                        std::pair{"drop", "backlog_full"}, std::pair{"softnet", "poll_wrong_lcore"}})
        if (stats.total(group, name) != 0) fail(std::string(group) + "." + name + " is " + std::to_string(stats.total(group, name)));
    }
    if (b->stats().total("steer", "owner") == 0) fail("no packet went to the owner of its flow: nothing was tried");
  }

  Rng rng;
  std::unique_ptr<Engine> a;
  std::unique_ptr<Engine> b;
  std::vector<Numbers> clients;
  std::vector<Stream*> streams;
  std::size_t connected = 0;
  int spreads = 0;
  bool over = false;  ///< the engines end, and with them the connections
};

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t connections = 0;
  int moves = 0;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--connections") == 0) connections = static_cast<std::uint32_t>(std::atoi(argv[i + 1]));
    if (std::strcmp(argv[i], "--moves") == 0) moves = std::atoi(argv[i + 1]);
  }
  if (connections == 0 || moves == 0) fail("usage: steer_moves --connections N --moves N");
  World world(connections, seed());
  world.connect();
  for (int i = 0; i < moves; ++i) {
    world.move();
    if (i % 10 == 9) world.advance(1ms);
  }
  world.advance(1s);
  world.judge();
  world.over = true;
  std::printf("steer_moves: %u connections, %d changes of rps_cpus, %d of RSS, %llu packets handed over: no reset, nothing out of order (seed %llu)\n", connections, moves,
              world.spreads, static_cast<unsigned long long>(world.b->stats().total("steer", "enqueued")), static_cast<unsigned long long>(seed()));
  return 0;
}
