// SPDX-License-Identifier: BSD-3-Clause
// Reads the number of runnable tasks and the time stolen by the hypervisor. Called by main and between cases.
#include "tests/bench/load.hpp"

#include <chrono>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

namespace millrace::bench {
namespace {

constexpr int first_looks = 20;

/// The fourth field of /proc/loadavg, "runnable/all", which counts the task that reads it; -1 when it cannot be read.
int runnable() {
  std::ifstream file("/proc/loadavg");
  std::string one, five, fifteen;
  int number = -1;
  file >> one >> five >> fifteen >> number;
  return file ? number : -1;
}

struct Cpu {
  std::uint64_t total = 0;
  std::uint64_t steal = 0;
};

Cpu cpu_times() {
  constexpr int steal_column = 8;
  constexpr int columns = 8;  // guest times are contained in the user ones
  std::ifstream file("/proc/stat");
  std::string word;
  file >> word;
  Cpu cpu;
  std::uint64_t value = 0;
  for (int column = 1; column <= columns && file >> value; ++column) {
    cpu.total += value;
    if (column == steal_column) cpu.steal = value;
  }
  return cpu;
}

}  // namespace

Load::Load() : steal_at_start_(cpu_times().steal), total_at_start_(cpu_times().total) {
  for (int i = 0; i < first_looks; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    look();
  }
}

void Load::look() {
  const int number = runnable();
  if (number < 0) return;
  ++looks_;
  if (number <= 1) return;
  ++busy_looks_;
  others_ += static_cast<std::uint64_t>(number - 1);
}

std::string Load::text() const {
  if (looks_ == 0) return "the number of runnable tasks cannot be read (/proc/loadavg)";
  const Cpu now = cpu_times();
  const double steal = 100.0 * static_cast<double>(now.steal - steal_at_start_) /
                       static_cast<double>(now.total > total_at_start_ ? now.total - total_at_start_ : 1);
  char text[160];
  std::snprintf(text, sizeof text,
                "something else was runnable in %u of %u looks (%.1f tasks on average), steal %.1f %%", busy_looks_,
                looks_, static_cast<double>(others_) / looks_, steal);
  return text;
}

}  // namespace millrace::bench
