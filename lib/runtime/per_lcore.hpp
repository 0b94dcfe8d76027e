// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/assert.hpp>
#include <millrace/runtime/topology.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace millrace::runtime {

/// Which lcore the calling thread is at this moment: set around each pass, whoever drives it. Read by the checks of
/// PerLcore alone.
class OnLcore {
 public:
  static constexpr int nobody = -1;
  explicit OnLcore(std::uint16_t lcore) : before_(std::exchange(current_, lcore)) {}
  ~OnLcore() { current_ = before_; }
  OnLcore(const OnLcore&) = delete;
  OnLcore& operator=(const OnLcore&) = delete;
  [[nodiscard]] static int current() { return current_; }

 private:
  static inline thread_local int current_ = nobody;
  const int before_;
};

/// DEFINE_PER_CPU (receive_path O1): one T for each lcore, on pages of its own, so that no two lcores write to one cache
/// line or to the pair that the prefetcher brings, and on the NUMA node of its lcore. Only that lcore writes to it; in
/// builds with debug information an lcore that asks for another one's block ends the process. Control threads may ask for
/// any while the lcores stand still.
template <class T>
class PerLcore {
 public:
  static constexpr std::size_t line_pair = 128;
  static_assert(alignof(T) <= 4096);

  PerLcore() = default;
  PerLcore(const PerLcore&) = delete;
  PerLcore& operator=(const PerLcore&) = delete;
  ~PerLcore() { clear(); }

  /// Makes the block of the next lcore; node -1: anywhere.
  template <class... Args>
  T& emplace_back(int node, Args&&... args) {
    void* const memory = allocate_on_node(bytes, node);
    blocks_.push_back(::new (memory) T(std::forward<Args>(args)...));
    return *blocks_.back();
  }
  /// The last one goes first.
  void clear() {
    while (!blocks_.empty()) {
      T* const block = blocks_.back();
      blocks_.pop_back();
      block->~T();
      free_on_node(block, bytes);
    }
  }

  [[nodiscard]] T* operator[](std::size_t lcore) const {
#ifndef NDEBUG
    MR_ASSERT(OnLcore::current() == OnLcore::nobody || OnLcore::current() == static_cast<int>(lcore));
#endif
    return blocks_[lcore];
  }
  /// Without that check: for the parts of a T that are made for others, such as an inbox or counters.
  [[nodiscard]] T* shared(std::size_t lcore) const { return blocks_[lcore]; }
  [[nodiscard]] std::size_t size() const { return blocks_.size(); }
  [[nodiscard]] auto begin() const { return blocks_.begin(); }
  [[nodiscard]] auto end() const { return blocks_.end(); }
  [[nodiscard]] auto rbegin() const { return blocks_.rbegin(); }
  [[nodiscard]] auto rend() const { return blocks_.rend(); }

 private:
  static constexpr std::size_t bytes = (sizeof(T) + 4095) / 4096 * 4096;
  std::vector<T*> blocks_;
};

}  // namespace millrace::runtime
