// SPDX-License-Identifier: BSD-3-Clause
#include <millrace/base/rng.hpp>
#include <millrace/steer/flow_table.hpp>

#include "tests/support/catch.hpp"

#include <cstdlib>
#include <map>
#include <vector>

using namespace millrace;
using steer::FlowTable;

namespace {

FlowKey key(std::uint32_t n) {
  FlowKey k;
  k.local = IpAddress::v4(10, 77, 0, 1);
  k.remote = IpAddress::v4(10, 77, static_cast<std::uint8_t>(n >> 24), static_cast<std::uint8_t>(n >> 16));
  k.local_port = 80;
  k.remote_port = static_cast<std::uint16_t>(n);
  k.proto = 6;
  return k;
}

void* object(std::uint32_t n) { return reinterpret_cast<void*>(std::uintptr_t{n} * 16 + 16); }

std::uint64_t seed_of_run() {
  const char* text = std::getenv("MILLRACE_SEED");
  return text != nullptr ? std::strtoull(text, nullptr, 0) : 7;
}

/// Random inserts, erases and lookups over `keys` keys, against a map. Returns how many inserts a full table refused.
int churn(FlowTable& table, std::uint64_t seed, std::uint32_t keys, int steps) {
  Rng rng(seed);
  std::map<std::uint32_t, void*> oracle;
  int refused = 0;
  for (int i = 0; i < steps; ++i) {
    const std::uint32_t n = rng.below(keys);
    const bool there = oracle.count(n) != 0;
    if (rng.below(5) < 3) {
      const bool full = oracle.size() == table.capacity();
      if (table.insert(key(n), object(n)) != (!there && !full)) FAIL("insert");
      if (!there && !full) oracle[n] = object(n);
      if (!there && full) ++refused;
    } else {
      if (table.erase(key(n)) != there) FAIL("erase");
      oracle.erase(n);
    }
    const std::uint32_t m = rng.below(keys);
    const auto it = oracle.find(m);
    if (table.find(key(m)) != (it == oracle.end() ? nullptr : it->second)) FAIL("find");
    if (table.contains(key(m)) != (it != oracle.end())) FAIL("contains");
    if (table.size() != oracle.size()) FAIL("size");
  }
  for (const auto& [n, expected] : oracle)
    if (table.find(key(n)) != expected) FAIL("lost");
  return refused;
}

}  // namespace

TEST_CASE("a flow is found by its whole key and nothing less") {
  FlowTable table(16, 1);
  const FlowKey k = key(5);
  CHECK(table.insert(k, object(5)));
  CHECK(table.find(k) == object(5));
  for (std::size_t byte = 0; byte < sizeof(FlowKey); ++byte) {
    FlowKey other = k;
    reinterpret_cast<std::uint8_t*>(&other)[byte] ^= 1;
    CHECK(table.find(other) == nullptr);
    CHECK_FALSE(table.contains(other));
    CHECK_FALSE(table.erase(other));
  }
  CHECK(table.erase(k));
  CHECK_FALSE(table.erase(k));
  CHECK_FALSE(table.contains(k));
  CHECK(table.size() == 0);
}

TEST_CASE("inserting twice keeps the first") {
  FlowTable table(4, 1);
  CHECK(table.insert(key(1), object(1)));
  CHECK_FALSE(table.insert(key(1), object(2)));
  CHECK(table.find(key(1)) == object(1));
  CHECK(table.size() == 1);
}

TEST_CASE("a table takes exactly its capacity, whatever it is, and again after erasing") {
  for (std::uint32_t capacity : {1u, 3u, 4u, 5u, 7u, 8u, 100u, 1000u, 4096u}) {
    FlowTable table(capacity, capacity);
    for (int round = 0; round < 2; ++round) {
      std::uint32_t taken = 0;
      for (std::uint32_t n = 0; n < capacity + 10; ++n) taken += table.insert(key(n), object(n)) ? 1u : 0u;
      CHECK(taken == capacity);
      CHECK(table.size() == capacity);
      std::uint32_t found = 0;
      for (std::uint32_t n = 0; n < capacity + 10; ++n) found += table.find(key(n)) == object(n) ? 1u : 0u;
      CHECK(found == capacity);
      for (std::uint32_t n = 0; n < capacity; ++n)
        if (!table.erase(key(n))) FAIL("erase");
      CHECK(table.size() == 0);
    }
  }
}

TEST_CASE("random operations agree with a map, at low load and at the brim") {
  const std::uint64_t seed = seed_of_run();
  INFO("MILLRACE_SEED=" << seed);
  for (std::uint64_t round = 0; round < 40; ++round) {
    // Two buckets and always nearly full: flows pass buckets in both directions.
    FlowTable tiny(8, seed + round);
    CHECK(churn(tiny, seed + round, 12, 3000) > 0);
  }
  FlowTable brim(1024, seed);
  CHECK(churn(brim, seed, 1800, 100000) > 0);
  FlowTable sparse(4096, seed);
  CHECK(churn(sparse, seed + 1, 2000, 50000) == 0);
}

TEST_CASE("find ends although every bucket is marked as passed") {
  // With capacity 8 there are two buckets; churn until some flow stands outside its bucket both ways round.
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    FlowTable table(8, seed);
    Rng rng(seed);
    std::vector<std::uint32_t> in;
    for (int i = 0; i < 300; ++i) {
      const std::uint32_t n = rng.below(1000);
      if (table.insert(key(n), object(n))) in.push_back(n);
      if (in.size() == 8) {
        const std::uint32_t victim = rng.below(8);
        table.erase(key(in[victim]));
        in.erase(in.begin() + victim);
      }
      if (table.contains(key(100000))) FAIL("found what was never there");
    }
  }
}
