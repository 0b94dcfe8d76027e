// SPDX-License-Identifier: BSD-3-Clause
// Instructions per packet. Called by the benchmarks; calls callgrind.py, which starts this program again.
#include "tests/bench/instructions.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace millrace::bench {

Instructions count_instructions(const std::string& program, const std::string& arguments) {
  const std::string command = std::string("python3 '") + MR_CALLGRIND_SCRIPT + "' '" + program + "' " + arguments + " 2>&1";
  Instructions counts;
  std::FILE* const pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return {.fault = "python3 could not be started"};
  std::array<char, 256> line;
  std::string last;
  while (std::fgets(line.data(), line.size(), pipe) != nullptr) {
    char name[64];
    double number = 0;
    last = line.data();
    if (std::sscanf(line.data(), "%63s %lf", name, &number) == 2) counts.by_loop[name] = number;
  }
  if (pclose(pipe) != 0) counts.fault = "no count of instructions: " + last.substr(0, last.find('\n'));
  return counts;
}

std::string own_path() {
  std::array<char, 4096> path{};
  const ssize_t n = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return n > 0 ? path.data() : "";
}

const Instructions& count_instructions() {
  static const Instructions counted = count_instructions(own_path(), "--callgrind-child 64000");
  return counted;
}

}  // namespace millrace::bench
