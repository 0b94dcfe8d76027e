// SPDX-License-Identifier: BSD-3-Clause
// O9, the receive path's part: two engines exchange datagrams and a TCP stream over their lcores; once warm, nothing is
// allocated any more, by new or by malloc, though everything else goes on. Not a Catch2 program: that one allocates.
#include <millrace/engine/engine.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>

/// AddressSanitizer's, where it is: every malloc is seen, that of C libraries included.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t), void (*)(const volatile void*)) __attribute__((weak));

namespace {

std::atomic<std::uint64_t> allocations{0};
bool is_hooked = false;

void on_malloc(const volatile void*, std::size_t) { allocations.fetch_add(1, std::memory_order_relaxed); }
void on_free(const volatile void*) {}

void* counted(std::size_t bytes, std::size_t alignment) {
  if (!is_hooked) allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = alignment <= 16 ? std::malloc(bytes) : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Not inlined: g++ 12 takes the free() within for a mismatch of the new outside.
[[gnu::noinline]] void* operator new(std::size_t bytes) { return counted(bytes, 1); }
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) { return counted(bytes, static_cast<std::size_t>(alignment)); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace {

using namespace millrace;

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "steady_state: %s\n", what.c_str());
  std::exit(1);
}

Config host(std::uint8_t number) {
  Config config;
  config.clock = config::ClockSource::manual;
  config.seed = number;
  config.eal.pool_packets = 4095;
  config.lcores.resize(2);
  config.ports.push_back({.name = "p0", .rps_cpus = config::LcoreMask(3)});
  config.stacks.push_back({.name = "host",
                           .interfaces = {{.port = "p0", .name = "eth0", .addresses = {{IpAddress::v4(10, 77, 0, number), 24}}}},
                           .routes = {}});
  return config;
}

const Endpoint datagrams{IpAddress::v4(10, 77, 0, 2), 2000};
const Endpoint streams{IpAddress::v4(10, 77, 0, 2), 80};

struct World {
  std::unique_ptr<Engine> a, b;
  UdpSocket* asking = nullptr;
  Stream* writing = nullptr;
  std::uint64_t answers = 0;
  std::uint64_t stream_bytes = 0;
  Instant now{};

  World() {
    auto [here, there] = make_link(7);
    auto made_a = Engine::create(host(1), {{"p0", here}});
    auto made_b = Engine::create(host(2), {{"p0", there}});
    if (!made_a || !made_b) fail("an engine was not made");
    a = std::move(*made_a);
    b = std::move(*made_b);
    now = a->now();
  }
  void run(Duration time) {
    for (const Instant end = now + time;;) {
      bool worked = a->run_once();
      worked |= b->run_once();
      if (worked) continue;
      const Instant next = std::min(a->next_deadline(), b->next_deadline());
      now = std::max(now, std::min(next, end));
      a->set_clock(now);
      b->set_clock(now);
      if (next > end) return;
    }
  }
  void open();
  void round();
};

void World::open() {
  static std::array<std::uint8_t, 2048> bytes;
  const auto bound = b->bind_udp(datagrams, [](UdpSocket& socket) {
    socket.on_readable([](UdpSocket& readable) {
      Endpoint from;
      for (std::int64_t n; (n = readable.receive_from(bytes, from)) > 0;) readable.send_to({bytes.data(), static_cast<std::size_t>(n)}, from);
    });
  });
  const auto listening = b->listen(streams, [this](Stream& stream) {
    stream.on_readable([this](Stream& readable) {
      for (std::int64_t n; (n = readable.read(bytes)) > 0;) stream_bytes += static_cast<std::uint64_t>(n);
    });
  });
  const auto opened = a->on_each_lcore([this](Sockets& sockets) -> Result<void> {
    if (sockets.lcore() != 0) return {};
    auto udp = sockets.bind_udp({IpAddress::v4(10, 77, 0, 1), 3000});
    auto stream = sockets.connect(streams);
    if (!udp || !stream) return failure(EINVAL, "no socket");
    asking = *udp;
    writing = *stream;
    asking->on_readable([this](UdpSocket& readable) {
      Endpoint from;
      while (readable.receive_from(bytes, from) > 0) ++answers;
    });
    return {};
  });
  if (!bound || !listening || !opened) fail("a socket was not opened");
}

void World::round() {
  static const std::array<std::uint8_t, 1400> payload{};
  for (int i = 0; i < 8; ++i) asking->send_to({payload.data(), 200}, datagrams);
  for (int i = 0; i < 8; ++i) writing->write(payload);
  run(1ms);
}

}  // namespace

int main() {
  if (__sanitizer_install_malloc_and_free_hooks != nullptr) is_hooked = __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
  World world;
  world.open();
  for (int i = 0; i < 500; ++i) world.round();
  const std::uint64_t before = allocations.load();
  const std::uint64_t answers = world.answers;
  const std::uint64_t bytes = world.stream_bytes;
  if (before == 0) fail("the making of the engines allocated nothing: allocations are not seen");
  constexpr int rounds = 500;
  for (int i = 0; i < rounds; ++i) world.round();
  const std::uint64_t allocated = allocations.load() - before;
  std::printf("%d rounds: %llu answers, %llu bytes of the stream, %llu allocations\n", rounds, static_cast<unsigned long long>(world.answers - answers),
              static_cast<unsigned long long>(world.stream_bytes - bytes), static_cast<unsigned long long>(allocated));
  if (world.answers - answers != rounds * 8 || world.stream_bytes - bytes != rounds * 8 * 1400u) fail("not everything went on");
  if (allocated != 0) fail("memory was allocated in steady state");
  return 0;
}
