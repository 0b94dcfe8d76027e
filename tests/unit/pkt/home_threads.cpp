// SPDX-License-Identifier: BSD-3-Clause
// D18 with threads: one lcore allocates, another frees, PACKETS packets (10,000,000 by default), with chains and with a
// freer that is at times too slow. At the end the pools are full, and nothing went by another way than the rings, but for
// what found them full. For ThreadSanitizer too.
#include <millrace/env/env.hpp>

#include <rte_eal.h>
#include <rte_lcore.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

using namespace millrace;

namespace {

constexpr std::uint32_t batch = 32;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "home_threads: %s\n", what);
  std::exit(1);
}

struct Side {
  Side(std::uint16_t lcore, pkt::Pool& pool) {
    env.pool = &pool;
    env.stats = &stats;
    env.lcore = lcore;
  }
  stats::LcoreStats stats;
  Env env;
};

void start_eal() {
  std::array<std::string, 9> args{"home", "--no-huge", "--no-shconf", "--no-pci", "--no-telemetry", "-m", "64", "-l", "0"};
  std::array<char*, args.size()> argv;
  for (std::size_t i = 0; i < args.size(); ++i) argv[i] = args[i].data();
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) fail("EAL did not start");
}

std::unique_ptr<pkt::Pool> make_pool(const char* name) {
  auto pool = pkt::Pool::create({.name = name, .packets = 4095});
  if (!pool) fail(pool.error().message.c_str());
  return std::move(*pool);
}

// The receiving lcore: a pass takes what came back, allocates, hands over.
void allocate(Side& side, SpscRing<pkt::Mbuf*>& over, std::uint64_t packets) {
  rte_thread_register();
  for (std::uint64_t made = 0; made < packets;) {
    side.env.home->collect();
    for (std::uint32_t i = 0; i < batch && made < packets; ++i) {
      pkt::Packet packet = make_packet(side.env);
      if (!packet) break;  // all are under way
      if (made % 7 == 0)
        if (pkt::Packet more = make_packet(side.env)) join(side.env, packet, std::move(more));
      pkt::Mbuf* m = packet.release();
      while (!over.enqueue(m)) std::this_thread::yield();
      ++made;
    }
  }
}

void free(Side& side, SpscRing<pkt::Mbuf*>& over, std::uint64_t packets) {
  rte_thread_register();
  for (std::uint64_t freed = 0; freed < packets;) {
    std::array<pkt::Mbuf*, batch> some;
    const std::uint32_t n = over.dequeue(some.data(), batch);
    for (std::uint32_t i = 0; i < n; ++i) drop(side.env, pkt::Packet::adopt(some[i]), stats::DropReason::no_stack);
    freed += n;
    side.env.home->flush();
    if (n == 0) std::this_thread::yield();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t packets = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000'000;
  start_eal();
  const auto pool_a = make_pool("home_a");
  const auto pool_b = make_pool("home_b");
  Side a(0, *pool_a);
  Side b(1, *pool_b);
  SpscRing<pkt::Mbuf*> over(1024);
  {
    const std::array<const pkt::Pool*, 2> pools{pool_a.get(), pool_b.get()};
    pkt::HomeRings rings(pools);
    pkt::Home home_a(rings, 0, a.stats);
    pkt::Home home_b(rings, 1, b.stats);
    a.env.home = &home_a;
    b.env.home = &home_b;
    std::thread receiving([&] { allocate(a, over, packets); });
    std::thread working([&] { free(b, over, packets); });
    receiving.join();
    working.join();
    home_a.collect();
    home_a.flush();
    if (rings.waiting(0) != 0) fail("buffers are still on their way");
  }
  if (pool_a->in_use() != 0 || pool_b->in_use() != 0) fail("a pool is not full again");
  const std::uint64_t made = a.stats.ledger[stats::Ledger::made];
  const auto& freed = b.stats.pool;
  if (b.stats.drop[stats::DropReason::no_stack] != packets) fail("packets were lost");
  if (freed[stats::Pool::home_returned] + freed[stats::Pool::home_ring_full] != made) fail("buffers went another way");
  if (a.stats.pool[stats::Pool::home_collected] != freed[stats::Pool::home_returned]) fail("not all that was given back came home");
  std::printf("%llu packets, %llu buffers home over the ring, %llu past it\n", static_cast<unsigned long long>(packets),
              static_cast<unsigned long long>(freed[stats::Pool::home_returned]),
              static_cast<unsigned long long>(freed[stats::Pool::home_ring_full]));
  return 0;
}
