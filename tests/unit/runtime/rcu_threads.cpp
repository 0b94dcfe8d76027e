// SPDX-License-Identifier: BSD-3-Clause
// O6 with threads: one replaces a map 3,000 times and frees the old ones, three read it without a lock, pass after pass,
// and sleep now and then. What is read is never freed. For ThreadSanitizer and AddressSanitizer.
#include <millrace/base/rcu_pointer.hpp>
#include <millrace/runtime/rcu.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

using namespace millrace;

namespace {

constexpr std::uint16_t readers = 3;
constexpr std::uint64_t replacements = 3000;    // at least,
constexpr std::uint64_t passes_of_each = 2000;  // until each reader has read so often

std::atomic<int> alive{0};
std::atomic<bool> stop{false};
std::atomic<bool> wrong{false};

/// Two numbers that agree while it lives.
struct Map {
  explicit Map(std::uint64_t n) : first(n), second(n) { alive.fetch_add(1); }
  ~Map() {
    first = 1;
    second = 0;
    alive.fetch_sub(1);
  }
  Map(const Map&) = delete;
  Map& operator=(const Map&) = delete;
  std::uint64_t first;
  std::uint64_t second;
};

struct alignas(128) Passes {
  std::atomic<std::uint64_t> count{0};
};
std::array<Passes, readers> done;

void read(runtime::Rcu& rcu, const RcuPointer<Map>& shared, std::uint16_t id) {
  rcu.online(id);
  std::uint64_t last = 0;
  for (std::uint64_t passes = 0; !stop.load(std::memory_order_relaxed); done[id].count.store(++passes, std::memory_order_relaxed)) {
    for (int packet = 0; packet < 8; ++packet) {
      const Map* const map = shared.read();
      if (map->first != map->second || map->first < last) wrong.store(true);
      last = map->first;
    }
    rcu.quiescent(id);
    if (passes % 16 == 7) std::this_thread::yield();
    if (passes % 64 != 63) continue;
    rcu.offline(id);
    std::this_thread::yield();
    rcu.online(id);
  }
  rcu.offline(id);
}

}  // namespace

int main() {
  runtime::Rcu rcu(readers);
  RcuPointer<Map> shared;
  if (shared.publish(std::make_unique<Map>(0)) != nullptr) return 1;
  std::vector<std::thread> threads;
  for (std::uint16_t id = 0; id < readers; ++id) threads.emplace_back([&, id] { read(rcu, shared, id); });
  int most = 0;
  std::uint64_t n = 1;
  const auto all_have_read = [] { return std::all_of(done.begin(), done.end(), [](const Passes& p) { return p.count.load() >= passes_of_each; }); };
  for (; n <= replacements || !all_have_read(); ++n) {
    const std::unique_ptr<Map> old = shared.publish(std::make_unique<Map>(n));
    rcu.synchronize();
    most = std::max(most, alive.load());
  }
  stop.store(true);
  for (std::thread& thread : threads) thread.join();
  const std::uint64_t all = done[0].count + done[1].count + done[2].count;
  std::printf("rcu_threads: %llu replacements, %llu passes, at most %d maps at a time\n", static_cast<unsigned long long>(n - 1),
              static_cast<unsigned long long>(all), most);
  if (wrong.load()) std::puts("FAIL: a map was read after it was freed, or an older one after a newer");
  if (alive.load() != 1 || most > 2) std::puts("FAIL: old maps were not freed");
  return wrong.load() || alive.load() != 1 || most > 2 ? 1 : 0;
}
