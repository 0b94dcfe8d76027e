// SPDX-License-Identifier: BSD-3-Clause
// Depth-first over the states that Interleavings can reach. Called by the tests of this folder; calls their programs.
#include "tests/model/interleavings.hpp"

#include <stdexcept>

namespace millrace::test {
namespace {

constexpr std::uint64_t most_states = 5'000'000;  // beyond it the programs are too long to be gone through

}  // namespace

Interleavings::Step Interleavings::step(State& state, std::size_t thread) const {
  Cpu cpu(state, thread);
  try {
    programs_[thread](cpu);
  } catch (const Stop&) {
    return cpu.made_ ? Step::made : Step::blocked;
  }
  state.threads[thread].finished = true;
  return Step::finished;
}

bool Interleavings::flush(State& state, std::size_t thread) {
  auto& buffer = state.threads[thread].store_buffer;
  if (buffer.empty()) return false;
  state.memory[buffer.front().first] = buffer.front().second;
  buffer.pop_front();
  state.path += static_cast<char>('A' + thread) + std::string(":flush ");
  return true;
}

std::string Interleavings::key(const State& state) {
  std::string text;
  const auto put = [&](std::uint32_t value) { text.append(reinterpret_cast<const char*>(&value), sizeof value); };
  for (const std::uint32_t word : state.memory) put(word);
  for (const Thread& thread : state.threads) {
    put(thread.finished ? ~0u : static_cast<std::uint32_t>(thread.seen.size()));
    for (const std::uint32_t value : thread.seen) put(value);
    put(static_cast<std::uint32_t>(thread.store_buffer.size()));
    for (const auto& [word, value] : thread.store_buffer) {
      put(static_cast<std::uint32_t>(word));
      put(value);
    }
  }
  return text;
}

Interleavings::Verdict Interleavings::explore() {
  Verdict verdict;
  std::unordered_set<std::string> visited;
  State first;
  first.threads.resize(programs_.size());
  std::vector<State> open{first};
  while (!open.empty()) {
    const State state = std::move(open.back());
    open.pop_back();
    if (!visited.insert(key(state)).second) continue;
    if (++verdict.states > most_states) throw std::runtime_error("more states than can be gone through");
    bool anything = false;
    for (std::size_t t = 0; t < programs_.size(); ++t) {
      if (State next = state; flush(next, t)) {
        anything = true;
        open.push_back(std::move(next));
      }
      if (state.threads[t].finished) continue;
      if (State next = state; step(next, t) != Step::blocked) {
        anything = true;
        open.push_back(std::move(next));
      }
    }
    if (anything) continue;
    ++verdict.ends;
    for (const Thread& thread : state.threads) {
      if (thread.finished) continue;
      verdict.all_finish = false;
      verdict.counterexample = state.path;
      return verdict;
    }
  }
  return verdict;
}

}  // namespace millrace::test
