// SPDX-License-Identifier: BSD-3-Clause
// B5 on media and device models, each with a program of its own (medium_cost.cpp), for EAL starts once in a process. Called by
// port_cost.cpp; calls instructions.cpp.
#include "tests/bench/port_media.hpp"

#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <sys/wait.h>
#include <vector>

namespace millrace::bench {
namespace {

constexpr double most_instructions = 25;
constexpr int exit_skipped = 77;

std::string program(const std::string& medium) {
  const std::string own = own_path();
  return own.substr(0, own.rfind('/') + 1) + "bench_port_" + medium;
}

struct Output {
  std::vector<std::string> lines;
  int exit_code = -1;
};

Output run(const std::string& command) {
  std::fflush(stdout);
  Output output;
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  std::array<char, 512> line;
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    output.lines.emplace_back(line.data());
    output.lines.back().resize(output.lines.back().find_last_not_of('\n') + 1);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) output.exit_code = WEXITSTATUS(status);
  return output;
}

}  // namespace

void layer_instructions(Bench& bench, const std::string& where, const Instructions& counts, const char* peer_name, const std::string& peer_loop) {
  const auto of = [&](const std::string& loop) {
    const auto found = counts.by_loop.find(loop);
    return found == counts.by_loop.end() ? NAN : found->second;
  };
  const double peer = of(peer_loop);
  for (const auto& [layer, loop] : {std::pair{"port", "mr_count_port"}, std::pair{"poll_loop", "mr_count_poll_loop"}}) {
    const double ours = of(loop);
    bench.report.figure({.id = "B5",
                         .name = std::string("layer:") + layer + "," + where + ",burst:32",
                         .unit = "instr",
                         .ours = ours,
                         .peer = peer,
                         .peer_name = peer_name,
                         .ratio = peer / ours,
                         .added = ours - peer,
                         .goal = Goal::added_at_most(most_instructions),
                         .skip = counts.fault});
  }
}

void run_models(Bench& bench) {
  bench.report.note("");
  for (const char* const medium : {"ena", "igb", "virtio"}) {
    const Output list = run(program(medium) + " --list");
    if (list.exit_code != 0) bench.report.failure("B5", std::string("model:") + medium, "the program that has the model fails");
    for (std::size_t i = 0; i < list.lines.size(); ++i)
      layer_instructions(bench, "model:" + list.lines[i], count_instructions(program(medium), "--callgrind-child 32000 " + std::to_string(i)));
  }
  bench.report.note("instructions a packet of the driver and of us, received and sent: what the model does in place of a device is left out");
}

void run_media(Bench& bench) {
  for (const char* const medium : {"vhost", "memif", "tap", "af_packet", "af_xdp"}) {
    const Output output = run(program(medium) + " --time 2>&1");
    const std::string name = std::string("layer:poll_loop,medium:") + medium;
    if (output.exit_code == exit_skipped) {
      bench.report.figure({.id = "B5", .name = name, .goal = Goal::added_at_most(2), .skip = output.lines.empty() ? "no reason given" : output.lines.back()});
      continue;
    }
    for (const std::string& line : output.lines) std::printf("%s\n", line.c_str());
    if (output.exit_code != 0) bench.report.failure("B5", name, "its program ended with " + std::to_string(output.exit_code));
  }
}

}  // namespace millrace::bench
