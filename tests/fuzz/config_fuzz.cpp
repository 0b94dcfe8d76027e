// SPDX-License-Identifier: BSD-3-Clause
// Gives arbitrary text to the configuration loader. Called by libFuzzer, or by replay.cpp with the corpus. No exception
// may come out, what loads must be valid, and what does not must say why, in one line each with a line of the text.
#include <millrace/base/assert.hpp>
#include <millrace/config/loader.hpp>

#include <algorithm>

using namespace millrace;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const config::Loaded loaded = config::parse_yaml(text, "f");
  if (loaded) {
    MR_ASSERT(config::validate(*loaded).empty());
    return 0;
  }
  MR_ASSERT(!loaded.error().empty());
  // yaml-cpp counts an end of line more at the end of the text.
  const auto lines = std::count(text.begin(), text.end(), '\n') + std::count(text.begin(), text.end(), '\r') + 2;
  for (const config::Problem& problem : loaded.error()) {
    MR_ASSERT(!problem.message.empty());
    MR_ASSERT(problem.line >= 0 && problem.line <= lines);
    const std::string shown = problem.to_string();
    MR_ASSERT(std::none_of(shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }));
  }
  return 0;
}
