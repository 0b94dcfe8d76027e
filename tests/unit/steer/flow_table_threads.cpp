// SPDX-License-Identifier: BSD-3-Clause
// One owner churns a FlowTable while two readers look: a flow that stays is always found, one that was never there
// never is. A program of its own, small enough to run under ThreadSanitizer.
#include <millrace/base/rng.hpp>
#include <millrace/steer/flow_table.hpp>

#include <atomic>
#include <cstdio>
#include <functional>
#include <thread>

using namespace millrace;

namespace {

constexpr std::uint32_t capacity = 1024;
constexpr std::uint32_t stay = 256;
constexpr std::uint32_t churned = 600;

// Keys of the three kinds differ in single words, so that half of one entry and half of another make a third.
FlowKey key(std::uint8_t kind, std::uint32_t n) {
  FlowKey k;
  k.local = IpAddress::v4(10, 77, kind & 1, 1);
  k.remote = IpAddress::v4(10, 77, kind >> 1, 1);
  k.local_port = 80;
  k.remote_port = static_cast<std::uint16_t>(n);
  k.proto = 6;
  return k;
}

std::atomic<bool> stop{false};
std::atomic<int> wrong{0};
std::atomic<std::uint64_t> lookups{0};

void look(const steer::FlowTable& table, std::uint64_t seed) {
  Rng rng(seed);
  std::uint64_t done = 0;
  while (!stop.load(std::memory_order_relaxed)) {
    if (!table.contains(key(0, rng.below(stay)))) wrong |= 1;
    if (table.contains(key(3, rng.below(churned)))) wrong |= 2;
    static_cast<void>(table.contains(key(1, rng.below(churned))));
    ++done;
  }
  lookups += done;
}

}  // namespace

int main() {
  steer::FlowTable table(capacity, 42);
  int some = 0;
  // Those that stay come into a table that is nearly full, so that some stand outside their first bucket.
  for (std::uint32_t n = 0; n < churned; ++n) table.insert(key(1, n), &some);
  for (std::uint32_t n = 0; n < stay; ++n) table.insert(key(0, n), &some);
  std::thread a(look, std::cref(table), 1);
  std::thread b(look, std::cref(table), 2);
  Rng rng(3);
  std::uint64_t changes = 0;
  for (int i = 0; i < 400000; ++i) {
    const FlowKey k = key(static_cast<std::uint8_t>(1 + rng.below(2)), rng.below(churned));
    changes += table.insert(k, &some) || table.erase(k) ? 1u : 0u;
    if (i % 1000 == 0) std::this_thread::yield();
  }
  stop = true;
  a.join();
  b.join();
  std::printf("%llu changes, %llu rounds of lookups\n", static_cast<unsigned long long>(changes),
              static_cast<unsigned long long>(lookups.load()));
  if ((wrong & 1) != 0) std::puts("FAIL: a flow that stayed was not found");
  if ((wrong & 2) != 0) std::puts("FAIL: a flow was found that was never there");
  return wrong != 0 || changes == 0 || lookups == 0 ? 1 : 0;
}
