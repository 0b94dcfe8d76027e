// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

namespace millrace::test {

/// An explicit-state explorer: runs small programs of a few threads over a shared memory in every interleaving that
/// x86 allows (TSO: each thread has a store buffer, whose oldest entry may reach memory at any time). A program is
/// ordinary code that touches memory through its Cpu only. It is run from its beginning for each of its steps, with
/// the results that it saw before given to it again, so that code of the product needs no change to be a program.
class Interleavings {
 public:
  static constexpr std::size_t words = 8;
  class Cpu;
  using Program = std::function<void(Cpu&)>;

  explicit Interleavings(std::vector<Program> programs) : programs_(std::move(programs)) {}

  struct Verdict {
    bool all_finish = true;      ///< in every interleaving every program comes to its end
    std::uint64_t states = 0;
    std::uint64_t ends = 0;      ///< states in which nothing can happen any more
    std::string counterexample;  ///< the steps to the first state in which a program waits for ever
  };
  /// Goes through all of them, or up to the first in which a program waits for ever.
  [[nodiscard]] Verdict explore();

 private:
  struct Thread {
    std::vector<std::uint32_t> seen;                                ///< what its steps returned
    std::deque<std::pair<std::size_t, std::uint32_t>> store_buffer;  ///< oldest first
    bool finished = false;
  };
  struct State {
    std::array<std::uint32_t, words> memory{};
    std::vector<Thread> threads;
    std::string path;
  };
  struct Stop {};  // thrown out of a program when it has made its step

  enum class Step : std::uint8_t { made, blocked, finished };
  Step step(State& state, std::size_t thread) const;
  static bool flush(State& state, std::size_t thread);
  static std::string key(const State& state);

  std::vector<Program> programs_;
};

/// One thread's way to memory.
class Interleavings::Cpu {
 public:
  /// Its own latest store, or memory.
  std::uint32_t load(std::size_t word) {
    return act([&] { return std::pair{true, read(word)}; }, "load", word);
  }
  /// Into the store buffer.
  void store(std::size_t word, std::uint32_t value) {
    act(
        [&] {
          self().store_buffer.emplace_back(word, value);
          return std::pair{true, 0u};
        },
        "store", word);
  }
  /// Waits until the store buffer is empty.
  void fence() {
    act([&] { return std::pair{self().store_buffer.empty(), 0u}; }, "fence", 0);
  }
  /// A locked instruction, or a system call.
  bool compare_exchange(std::size_t word, std::uint32_t expected, std::uint32_t desired) {
    return act(
               [&] {
                 if (!self().store_buffer.empty()) return std::pair{false, 0u};
                 const bool equal = state_.memory[word] == expected;
                 if (equal) state_.memory[word] = desired;
                 return std::pair{true, equal ? 1u : 0u};
               },
               "cmpxchg", word) != 0;
  }
  /// The write to an eventfd.
  void signal(std::size_t word) {
    act(
        [&] {
          if (!self().store_buffer.empty()) return std::pair{false, 0u};
          state_.memory[word] = 1;
          return std::pair{true, 0u};
        },
        "signal", word);
  }
  /// The read that sleeps until there was a write.
  void wait(std::size_t word) {
    act(
        [&] {
          if (!self().store_buffer.empty() || state_.memory[word] == 0) return std::pair{false, 0u};
          state_.memory[word] = 0;
          return std::pair{true, 0u};
        },
        "wait", word);
  }

 private:
  friend class Interleavings;
  Cpu(State& state, std::size_t thread) : state_(state), thread_(thread) {}
  Thread& self() { return state_.threads[thread_]; }
  std::uint32_t read(std::size_t word) {
    const auto& buffer = self().store_buffer;
    for (auto entry = buffer.rbegin(); entry != buffer.rend(); ++entry)
      if (entry->first == word) return entry->second;
    return state_.memory[word];
  }
  template <class F>
  std::uint32_t act(F&& effect, const char* name, std::size_t word) {
    if (at_ < self().seen.size()) return self().seen[at_++];
    const auto [possible, result] = effect();
    made_ = possible;
    if (possible) {
      self().seen.push_back(result);
      state_.path += static_cast<char>('A' + thread_) + std::string(":") + name + std::to_string(word) + "=" + std::to_string(result) + " ";
    }
    throw Stop{};
  }

  State& state_;
  std::size_t thread_;
  std::size_t at_ = 0;
  bool made_ = false;
};

}  // namespace millrace::test
