// SPDX-License-Identifier: BSD-3-Clause
// B5: our port and poll loop on net_ring beside testpmd's io mode, in time and in instructions. Called by port_cost.cpp; calls
// testpmd.cpp and port_loops.cpp.
#include "tests/bench/port_testpmd.hpp"

#include "tests/bench/port_media.hpp"
#include "tests/bench/testpmd.hpp"
#include "tests/support/temporary_folder.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <thread>

namespace millrace::bench {
namespace {

constexpr std::uint64_t packets_of_a_section = 20'000 - 20'000 % PortRing::frames;
constexpr double most_ns = 2;
constexpr auto one_round = std::chrono::milliseconds(10);
constexpr auto one_count = std::chrono::seconds(2);

using Loop = std::function<std::uint64_t(std::uint64_t)>;

/// Its own ring; what it makes to go round there is as many bytes long as our frames.
Result<std::unique_ptr<Testpmd>> start_on_ring(const Bench& bench, std::vector<std::string> under, std::chrono::seconds patience) {
  return Testpmd::start(bench, {.device = "net_ring0", .arguments = {"--txpkts=" + std::to_string(PortRing::frame_length)}, .under = std::move(under), .patience = patience});
}

/// As many frames as on our ring go round for a while.
Testpmd::Forwarded forward(Testpmd& testpmd, std::chrono::milliseconds how_long) {
  static_assert(PortRing::frames % PortEnds::burst_size == 0);
  testpmd.begin("start tx_first " + std::to_string(PortRing::frames / PortEnds::burst_size));
  std::this_thread::sleep_for(how_long);
  const Testpmd::Forwarded all = testpmd.stop();
  if (all.dropped != 0 || all.received == 0 || all.sent != all.received + PortRing::frames)
    throw std::runtime_error("of " + std::to_string(all.received) + " packets received and " + std::to_string(PortRing::frames) + " made, testpmd sent " +
                             std::to_string(all.sent) + " and dropped " + std::to_string(all.dropped));
  return all;
}

/// It polls without pause and always finds packets, so all that its thread ran was for them.
Timed testpmd_round(Testpmd& testpmd) {
  const Testpmd::Forwarded all = forward(testpmd, one_round);
  return {.ns = all.ns / static_cast<double>(all.received), .preempted = all.preempted};
}

std::string name_of(const char* layer) { return std::string("layer:") + layer + ",medium:net_ring,burst:32"; }

void beside_testpmd(Bench& bench, PortRing& ring, Testpmd& testpmd, const std::string& name, const Loop& ours) {
  bench.load.look();
  ours(packets_of_a_section);
  const Comparison result = compare(bench.control, {.sections = 4, .units = static_cast<double>(packets_of_a_section)}, {.run = [&] { ours(packets_of_a_section); }},
                                    {.measure = [&] { return testpmd_round(testpmd); }});
  if (const std::string fault = ring.fault(); !fault.empty()) return bench.report.failure("B5", name, "after the rounds: " + fault);
  bench.report.comparison({.id = "B5", .name = name, .peer_name = Testpmd::peer_name, .goal = Goal::added_at_most(most_ns)}, result);
}

/// What callgrind wrote of the thread that forwards: of all but the first, which prepares, it has done the most. Debian's testpmd names
/// no functions, so the thread's start is in it, a thousandth of a thousandth.
double instructions_of_worker(const std::filesystem::path& profiles) {
  double most = 0;
  for (const auto& file : std::filesystem::directory_iterator(profiles)) {
    if (file.path().filename().string().ends_with("-01")) continue;
    std::ifstream profile(file.path());
    double count = 0;
    for (std::string word; profile >> word;)
      if (word == "totals:" && profile >> count) most = std::max(most, count);
  }
  return most;
}

/// A packet's instructions are added to the counts, or why there are none.
void count_testpmd(const Bench& bench, Instructions& counts) {
  const test::TemporaryFolder folder;
  auto testpmd = start_on_ring(bench, {"valgrind", "--quiet", "--fair-sched=yes", "--tool=callgrind", "--separate-threads=yes", "--callgrind-out-file=" + (folder.path() / "profile").string()},
                               std::chrono::seconds(60));
  if (!testpmd) {
    counts.fault = testpmd.error().message;
    return;
  }
  const std::uint64_t packets = forward(**testpmd, one_count).received;
  (*testpmd)->quit();
  counts.by_loop[Testpmd::peer_name] = instructions_of_worker(folder.path()) / static_cast<double>(packets);
}

}  // namespace

void run_testpmd_ring(Bench& bench, PortRing& ring, PollLoop& loop) {
  const std::pair<const char*, Loop> layers[] = {{"port", [&](std::uint64_t packets) { return port_loop(ring.ends(), packets); }},
                                                 {"poll_loop", [&](std::uint64_t packets) { return loop.run(packets); }}};
  const auto testpmd = start_on_ring(bench, {}, std::chrono::seconds(20));
  for (const auto& [layer, ours] : layers) {
    const std::string name = name_of(layer);
    if (!testpmd) {
      bench.report.figure({.id = "B5", .name = name, .peer_name = Testpmd::peer_name, .goal = Goal::added_at_most(most_ns), .skip = testpmd.error().message});
      continue;
    }
    try {
      beside_testpmd(bench, ring, **testpmd, name, ours);
    } catch (const std::exception& error) {
      bench.report.failure("B5", name, error.what());
    }
  }
}

void run_testpmd_instructions(Bench& bench) {
  Instructions counts = count_instructions();
  if (counts.fault.empty()) {
    try {
      count_testpmd(bench, counts);
    } catch (const std::exception& error) {
      return bench.report.failure("B5", "layer:poll_loop,medium:net_ring,burst:32", error.what());
    }
  }
  layer_instructions(bench, "medium:net_ring", counts, Testpmd::peer_name, Testpmd::peer_name);
}

}  // namespace millrace::bench
