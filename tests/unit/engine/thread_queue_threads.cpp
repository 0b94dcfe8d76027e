// SPDX-License-Identifier: BSD-3-Clause
// Two threads play ping-pong through one lcore and two stacks on a cable, 20,000 messages, each thread asleep in poll()
// on its queue's eventfd until the other's message comes; then 2,000 datagrams, in receive calls that wait (J9). A wake-up
// that is lost is a time-out here. For ThreadSanitizer.
#include <millrace/engine/engine.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <thread>

using namespace millrace;

namespace {

constexpr std::uint32_t messages = 20000;
constexpr int patience_ms = 60000;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "engine_threads: %s\n", what.c_str());
  std::exit(1);
}

template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// The next event; sleeps in poll() as an application with an epoll of its own would.
ThreadQueue::Event next(ThreadQueue& queue) {
  for (;;) {
    if (const auto event = queue.next_event()) return *event;
    pollfd p{queue.fd(), POLLIN, 0};
    if (poll(&p, 1, patience_ms) == 0) fail("no event within a minute: a wake-up was lost");
  }
}

/// Takes the next message, which must be `expected`.
void take(ThreadQueue& queue, ThreadQueue::Socket socket, std::uint32_t expected) {
  std::array<std::uint8_t, 4> bytes;
  std::size_t have = 0;
  while (have < bytes.size()) {
    const std::int64_t n = queue.read(socket, std::span(bytes).subspan(have));
    if (n > 0) have += static_cast<std::size_t>(n);
    if (n == 0 || (n < 0 && n != -EAGAIN)) fail("the connection ended early");
    if (n == -EAGAIN) (void)next(queue);
  }
  std::uint32_t got;
  std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::uint8_t*>(&got));
  if (got != expected) fail("message " + std::to_string(got) + " in the place of " + std::to_string(expected));
}

void give(ThreadQueue& queue, ThreadQueue::Socket socket, std::uint32_t number) {
  std::array<std::uint8_t, 4> bytes;
  std::copy_n(reinterpret_cast<const std::uint8_t*>(&number), bytes.size(), bytes.begin());
  if (queue.write(socket, bytes) != 4) fail("a message did not fit");
}

void pong(ThreadQueue& queue) {
  const auto event = next(queue);
  if (event.what != ThreadQueue::What::accepted) fail("nobody came");
  for (std::uint32_t i = 0; i < messages; i += 2) {
    take(queue, event.socket, i);
    give(queue, event.socket, i + 1);
  }
  std::array<std::uint8_t, 1> end;
  while (queue.read(event.socket, end) != 0) (void)next(queue);
  queue.close(event.socket);
}

void ping(Engine& engine) {
  const auto queue = must(engine.attach_thread(0));
  const auto socket = must(queue->connect({*IpAddress::parse("10.77.0.2"), 80}));
  while (next(*queue).what != ThreadQueue::What::connected) {
  }
  for (std::uint32_t i = 0; i < messages; i += 2) {
    give(*queue, socket, i);
    take(*queue, socket, i + 1);
  }
  queue->shutdown_write(socket);
  queue->close(socket);
}

struct Udp {
  std::unique_ptr<ThreadQueue> queue;
  ThreadQueue::Socket socket;
  Endpoint peer;

  void send() const {
    if (queue->send_to(socket, std::array<std::uint8_t, 4>{}, peer) != 4) fail("a datagram did not fit");
  }
  void receive(Duration timeout) const {
    std::array<std::uint8_t, 4> bytes;
    Endpoint from;
    socket::Control control;
    if (queue->receive_from(socket, bytes, from, control, 0, timeout) != 4) fail("no datagram within a minute: a wake-up was lost");
  }
};

Udp udp(Engine& engine, std::size_t stack, const char* own, const char* other) {
  Udp one{.queue = must(engine.attach_thread(stack)), .socket = {}, .peer = {*IpAddress::parse(other), 7}};
  one.socket = must(one.queue->bind_udp({*IpAddress::parse(own), 7}));
  return one;
}

/// Datagrams to and fro between two threads, each waiting for the other's in a receive call.
void bounce(Engine& engine) {
  constexpr int datagrams = 2000;
  const Udp one = udp(engine, 0, "10.77.0.1", "10.77.0.2");
  const Udp two = udp(engine, 1, "10.77.0.2", "10.77.0.1");
  std::thread other([&] {
    for (int i = 0; i < datagrams; i += 2) {
      two.receive(Duration(-1));
      two.send();
    }
  });
  for (int i = 0; i < datagrams; i += 2) {
    one.send();
    one.receive(std::chrono::milliseconds(patience_ms));
  }
  other.join();
}

}  // namespace

int main() {
  Config config;
  config.eal.pool_packets = 4095;
  auto [here, there] = make_link(1);
  for (const char* host : {"1", "2"}) {
    const std::string name = std::string("p") + host;
    config.ports.push_back({.name = name});
    config.stacks.push_back({.name = name,
                             .interfaces = {{name, "eth0", {*IpPrefix::parse(std::string("10.77.0.") + host + "/24")}}},
                             .routes = {}});
  }
  const auto engine = must(Engine::create(config, {{"p1", here}, {"p2", there}}));
  must(engine->start());
  {
    const auto server = must(engine->attach_thread(1));
    must(server->listen({*IpAddress::parse("0.0.0.0"), 80}));
    std::thread client([&] { ping(*engine); });
    pong(*server);
    client.join();
  }
  bounce(*engine);
  engine->stop();
  const Stats stats = engine->stats();
  std::printf("%u messages, %llu sleeps of the lcore, %llu wake-ups\n", messages,
              static_cast<unsigned long long>(stats.total("softnet", "idle_sleeps")),
              static_cast<unsigned long long>(stats.total("softnet", "idle_wakeups")));
}
