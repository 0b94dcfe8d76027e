// SPDX-License-Identifier: BSD-3-Clause
// Latency, bandwidth and size of the caches, and the floors that follow. Called by main once a run.
#include "tests/bench/machine.hpp"

#include "tests/bench/control.hpp"
#include "tests/bench/memory.hpp"
#include "tests/bench/timing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <unistd.h>

namespace millrace::bench {
namespace {

constexpr std::size_t far_bytes = std::size_t{128} << 20;
constexpr std::size_t packet_bytes = 1448;
constexpr int tries = 5;

// The best of a few tries: what the machine can do, not what it was doing.
template <class F>
double best(F&& measure) {
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < tries; ++i) least = std::min(least, measure());
  return least;
}

double chase_ns(const Region& region, std::size_t bytes) {
  constexpr std::size_t loads = 20'000;
  Chase chase(region.data(), bytes);
  chase.walk(std::min<std::size_t>(bytes / line_bytes, 1 << 17));
  return best([&] { return timed([&] { chase.walk(loads); }) / loads; });
}

// Lines whose addresses do not depend on what was loaded; `bytes` is a power of two.
double overlapped_ns(const Region& region, std::size_t bytes) {
  constexpr std::size_t loads = 50'000;
  const std::size_t mask = bytes / line_bytes - 1;
  std::size_t at = 1;
  return best([&] {
    return timed([&] {
             std::uint64_t sum = 0;
             for (std::size_t i = 0; i < loads; ++i) {
               at = at * 6364136223846793005u + 1442695040888963407u;
               sum += region.data()[(at >> 20 & mask) * line_bytes];
             }
             keep(sum);
           }) /
           loads;
  });
}

// The largest set whose lines take about as long as those of one that surely fits: less than a third of the way, by
// ratio, to those of one that cannot.
std::size_t l2_by_latency(const Region& region) {
  const double fits = chase_ns(region, std::size_t{128} << 10);
  const double limit = fits * std::cbrt(chase_ns(region, cold_bytes) / fits);
  std::size_t size = std::size_t{128} << 10;
  for (std::size_t kb : {192, 256, 384, 512, 768, 1024, 1280, 1536, 2048, 3072, 4096}) {
    if (chase_ns(region, kb << 10) > limit) break;
    size = kb << 10;
  }
  return size;
}

double copy_ns(const Region& region, std::size_t source_bytes) {
  constexpr std::size_t copies = 2'000;
  static std::uint8_t target[64 * 2048];
  const std::size_t sources = source_bytes / 2048;
  std::size_t at = 0;
  const auto copy_all = [&] {
    for (std::size_t i = 0; i < copies; ++i) {
      at = (at + 41) % sources;
      std::memcpy(target + i % 64 * 2048, region.data() + at * 2048, packet_bytes);
      std::uint8_t* const written = target;
      asm volatile("" : : "r"(written) : "memory");
    }
  };
  copy_all();
  return best([&] { return timed(copy_all) / copies; });
}

std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}

}  // namespace

Machine measure_machine(bool huge_pages) {
  const Region region(far_bytes, huge_pages);
  Machine m;
  m.l2_bytes = l2_by_latency(region);
  m.line_ns = chase_ns(region, cold_bytes);
  m.overlapped_ns = overlapped_ns(region, cold_bytes);
  m.far_line_ns = chase_ns(region, far_bytes);
  m.far_overlapped_ns = overlapped_ns(region, far_bytes);
  m.copy_near_ns = copy_ns(region, std::size_t{128} << 10);
  m.copy_far_ns = copy_ns(region, far_bytes);
  return m;
}

void print(const Machine& m) {
  const long l2_said = sysconf(_SC_LEVEL2_CACHE_SIZE);
  const double core = core_per_tsc();
  const double hz = static_cast<double>(rte_get_tsc_hz());
  std::printf("machine   %s, %ld CPUs online\n", processor().c_str(), sysconf(_SC_NPROCESSORS_ONLN));
  std::printf("clock     TSC %.3f GHz, core/TSC %.2f, so the core runs at %.2f GHz\n", hz / 1e9, core, core * hz / 1e9);
  std::printf("L2        %zu KB by latency, %ld KB by the system's word\n", m.l2_bytes >> 10,
              std::max(l2_said, 0L) >> 10);
  std::printf("lines     beyond L2 (%zu MB set): %.1f ns waited for, %.2f ns overlapped\n", cold_bytes >> 20, m.line_ns,
              m.overlapped_ns);
  std::printf("          beyond every cache (%zu MB set): %.1f ns waited for, %.2f ns overlapped\n", far_bytes >> 20,
              m.far_line_ns, m.far_overlapped_ns);
  std::printf("copy      %zu B: %.1f GB/s in L2, %.1f GB/s from beyond every cache\n", packet_bytes,
              packet_bytes / m.copy_near_ns, packet_bytes / m.copy_far_ns);
  constexpr int cold_lines = 5;
  std::printf(
      "floors    B2 cold: %d lines a packet (3 of the buffer, 2 of the headers): %.1f ns overlapped, %.0f ns waited "
      "for\n",
      cold_lines, cold_lines * m.overlapped_ns, cold_lines * m.line_ns);
  std::printf("          a copy of %zu B: %.0f ns in L2, %.0f ns from beyond every cache\n", packet_bytes,
              m.copy_near_ns, m.copy_far_ns);
}

}  // namespace millrace::bench
