// SPDX-License-Identifier: BSD-3-Clause
// The benchmarks: our code and a peer on the same work, alternately, in one process. Called by ./dev bench.
// doc/benchmarks.md says what is measured and how to read it.
#include "tests/bench/bench.hpp"
#include "tests/bench/machine.hpp"

#include <millrace/runtime/eal.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <sched.h>
#include <string_view>
#include <vector>

namespace {

using namespace millrace;
using namespace millrace::bench;

enum Exit : int { done = 0, failed = 1, usage = 2, refused = 3 };

struct Entry {
  std::string_view id;
  const char* what;
  void (*run)(Bench&);
};
constexpr std::array entries{
    Entry{"B1", "hash: Toeplitz of tuples in packets, beside rte_softrss_be and rte_thash_gfni_bulk", run_hash},
    Entry{"B2", "gro: parse, flow key and merge, beside rte_net_get_ptype and rte_gro", run_gro},
    Entry{"B3", "steer: the lcore of a packet, beside ptype, rte_softrss and rte_hash; the hand-over beside rte_ring", run_steer},
    Entry{"B5", "port: our port and poll loop beside a bare rx_burst/tx_burst loop and testpmd; idle cost, wake-up", run_port},
    Entry{"batch", "interrupts a packet and packets a frame, for coalescing and GRO on and off", run_batching},
    Entry{"LPM", "routes: the longest prefix of random addresses, beside rte_fib and rte_fib6", run_lpm},
    Entry{"UDP", "udp: receiving to a callback and sending from it, per datagram, beside lwIP", run_udp},
    Entry{"mem", "packet buffers freed on another lcore, beside the pair on one and the mempool alone", run_memory},
};

void list(std::FILE* to) {
  for (const Entry& entry : entries)
    std::fprintf(to, "  %.*s  %s\n", static_cast<int>(entry.id.size()), entry.id.data(), entry.what);
}

struct Options {
  std::vector<const Entry*> chosen;
  bool force = false;
  std::uint64_t callgrind_packets = 0;
  std::string echo_socket;
  unsigned echo_cpu = 0;
};

/// Exits when the arguments cannot be followed.
Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--force") {
      options.force = true;
    } else if (arg == "--callgrind-child" && i + 1 < argc) {
      options.callgrind_packets = std::strtoull(argv[++i], nullptr, 10);
    } else if (arg == "--udp-echo-child" && i + 2 < argc) {
      options.echo_socket = argv[++i];
      options.echo_cpu = static_cast<unsigned>(std::strtoul(argv[++i], nullptr, 10));
    } else if (arg == "--list") {
      list(stdout);
      std::exit(done);
    } else if (arg == "--help" || arg == "-h") {
      std::printf("usage: bench [--force] [--list] [ID...]\n");
      list(stdout);
      std::exit(done);
    } else {
      const Entry* found = nullptr;
      for (const Entry& entry : entries)
        if (entry.id == arg) found = &entry;
      if (found == nullptr) {
        std::fprintf(stderr, "bench: there is no benchmark or option '%s'; there are --force, --list and\n", argv[i]);
        list(stderr);
        std::exit(usage);
      }
      options.chosen.push_back(found);
    }
  }
  if (options.chosen.empty())
    for (const Entry& entry : entries) options.chosen.push_back(&entry);
  return options;
}

constexpr std::uint32_t memory_mb = 256;

bool enough_huge_pages() {
  std::ifstream file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  std::uint64_t pages = 0;
  file >> pages;
  return pages >= memory_mb / 2;
}

void start_eal(bool huge_pages) {
  if (const auto started = runtime::eal_start({.memory_mb = memory_mb, .hugepages = huge_pages}); !started) {
    std::fprintf(stderr, "bench: %s\n", started.error().message.c_str());
    std::exit(failed);
  }
}

/// Pins this thread to the last CPU that it may use, for interrupts prefer the first ones.
void pin(Bench& bench) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  sched_getaffinity(0, sizeof allowed, &allowed);
  int last = -1;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    bench.other_cpu = last;
    last = cpu;
  }
  cpu_set_t wanted;
  CPU_ZERO(&wanted);
  CPU_SET(last, &wanted);
  sched_setaffinity(0, sizeof wanted, &wanted);
  bench.cpu = static_cast<unsigned>(last);
}

constexpr const char* shared_warning =
    "WARNING: something else is running on this machine (--force). The figures below were not measured in peace: they\n"
    "WARNING: are marked load:shared, and no goal is met or missed by them in earnest.\n";

int run(const Options& options) {
  Load load;
  if (load.is_shared() && !options.force) {
    std::fprintf(stderr,
                 "bench: %s.\nFigures from a machine that does other work mean nothing. Wait until it is idle, or give "
                 "--force, and every\n"
                 "figure will be marked.\n",
                 load.text().c_str());
    return refused;
  }
  const bool huge_pages = enough_huge_pages();
  start_eal(huge_pages);
  if (load.is_shared()) std::printf("%s", shared_warning);
  Control control(huge_pages);
  Report report(load);
  Bench bench{.control = control, .report = report, .load = load, .huge_pages = huge_pages};
  pin(bench);
  print(measure_machine(huge_pages));
  std::printf("memory    %s, for both sides alike\n", huge_pages ? "2 MB pages" : "4 KB pages (EAL --no-huge)");
  std::printf("pinned    to CPU %u\n", bench.cpu);
  std::printf("load      %s\n", load.text().c_str());
  for (const Entry* entry : options.chosen) {
    std::printf("\n== %.*s  %s\n", static_cast<int>(entry->id.size()), entry->id.data(), entry->what);
    entry->run(bench);
  }
  report.sum_up();
  return report.has_failed() ? failed : done;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  try {
    if (!options.echo_socket.empty()) run_udp_echo(options.echo_socket, options.echo_cpu);
    if (options.callgrind_packets == 0) return run(options);
    start_eal(false);
    run_under_callgrind(options.callgrind_packets);
    return done;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return failed;
  }
}
