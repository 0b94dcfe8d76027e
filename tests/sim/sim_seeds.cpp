// SPDX-License-Identifier: BSD-3-Clause
// Runs one simulated world for each seed of a range and stops at the first that fails. Run by the tests `sim-*` and by
// who replays a seed; calls World.
#include "tests/sim/world.hpp"
#include "tests/support/seed.hpp"

#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string>
#include <unistd.h>

// Of the sanitizers' run time, when there is one.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

using namespace millrace;
using test::Totals;

// How to run the world that is running, for who finds it crashed, aborted by a sanitizer or killed for its length.
char again[4200];

void say_again() {
  if (write(STDERR_FILENO, again, std::strlen(again)) < 0) return;
}

void say_again_when_killed() {
  for (const int signal : {SIGABRT, SIGTERM})
    std::signal(signal, [](int number) {
      say_again();
      std::signal(number, SIG_DFL);
      std::raise(number);
    });
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(say_again);
}

constexpr const char* usage =
    "usage: sim_seeds [--seeds N] [--first S] [--trace FILE] [--soak]\n"
    "  --seeds N     worlds to run, from seed S on (1)\n"
    "  --first S     (1)\n"
    "  --trace FILE  writes the events of the last world\n"
    "  --soak        N and S are multiplied by MILLRACE_SOAK and moved to where MILLRACE_SEED says\n";

struct Options {
  std::uint64_t seeds = 1;
  std::uint64_t first = 1;
  std::string trace;
};

Options parse(int argc, char** argv) {
  Options options;
  bool soak = false;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    if (name == "--soak") {
      soak = true;
      continue;
    }
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(value, &end, 0);
    const bool is_number = *value != '\0' && *end == '\0';
    if (name == "--seeds" && is_number && number > 0) {
      options.seeds = number;
    } else if (name == "--first" && is_number) {
      options.first = number;
    } else if (name == "--trace" && *value != '\0') {
      options.trace = value;
    } else {
      std::fputs(usage, stderr);
      std::exit(2);
    }
    ++i;
  }
  if (!soak) return options;
  const char* text = std::getenv("MILLRACE_SOAK");
  const std::uint64_t longer = text != nullptr ? std::strtoull(text, nullptr, 0) : 1;
  options.seeds *= longer > 0 ? longer : 1;
  options.first = options.first * (longer > 0 ? longer : 1) + (test::seed() << 24);
  return options;
}

// Returns whether the world ended well.
bool run_seed(std::uint64_t seed, std::FILE* trace_file, const char* program, Totals& totals) {
  std::snprintf(again, sizeof again, "\nagain with: %s --first %" PRIu64 "\n", program, seed);
  test::Trace trace(trace_file);
  const test::Plan plan = test::draw_plan(seed);
  test::World world(plan, trace);
  const std::string wrong = world.run();
  world.add_to(totals);
  if (wrong.empty()) return true;
  std::printf("%s\nFAILED seed %" PRIu64 ": %s%s", world.to_string().c_str(), seed, wrong.c_str(), again);
  return false;
}

// A simulation that does not do what it promises proves nothing.
bool judge(const Totals& totals, const Options& options) {
  bool all = true;
  std::printf("%" PRIu64 " seeds from %" PRIu64 "\n", options.seeds, options.first);
  for (const auto& [name, value] : totals) {
    std::printf("  %-28s %" PRIu64 "\n", name.c_str(), value);
    if (value == 0 && options.seeds >= 100) {
      std::printf("FAILED: \"%s\" is 0 in %" PRIu64 " worlds\n", name.c_str(), options.seeds);
      all = false;
    }
  }
  return all;
}

int run(const Options& options, const char* program) {
  Totals totals;
  for (std::uint64_t seed = options.first; seed < options.first + options.seeds; ++seed) {
    const bool traced = !options.trace.empty() && seed + 1 == options.first + options.seeds;
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(traced ? std::fopen(options.trace.c_str(), "w") : nullptr, std::fclose);
    if (traced && !file) return std::perror(options.trace.c_str()), 2;
    if (!run_seed(seed, file.get(), program, totals)) return 1;
  }
  return judge(totals, options) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  say_again_when_killed();
  try {
    return run(parse(argc, argv), argv[0]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sim_seeds: %s\n", error.what());
    return 2;
  }
}
