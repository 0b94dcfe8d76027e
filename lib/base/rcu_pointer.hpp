// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <atomic>
#include <memory>

namespace millrace {

/// A pointer that one control thread replaces while lcores read what it points to, without a lock or a wait: Linux's
/// rcu_assign_pointer() and rcu_dereference(). Owns what it points to now.
template <class T>
class RcuPointer {
 public:
  RcuPointer() = default;
  ~RcuPointer() { delete pointer_.load(std::memory_order_relaxed); }
  RcuPointer(const RcuPointer&) = delete;
  RcuPointer& operator=(const RcuPointer&) = delete;

  /// Any thread; null when there is nothing. A reader may use it until its next quiescent state (runtime::Rcu).
  [[nodiscard]] T* read() const { return pointer_.load(std::memory_order_acquire); }
  /// The control thread: readers find `next` from now on. Returns what was there, which is not to be freed before a grace
  /// period has passed.
  [[nodiscard]] std::unique_ptr<T> publish(std::unique_ptr<T> next) {
    return std::unique_ptr<T>(pointer_.exchange(next.release(), std::memory_order_acq_rel));
  }

 private:
  std::atomic<T*> pointer_{nullptr};
};

}  // namespace millrace
