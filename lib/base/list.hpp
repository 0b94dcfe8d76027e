// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/assert.hpp>

#include <cstdint>

namespace millrace {

/// A link inside an object that can stand on one List at a time. Unlinks itself when destroyed.
class ListHook {
 public:
  ListHook() = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  ~ListHook() { unlink(); }

  [[nodiscard]] bool is_linked() const { return next_ != nullptr; }
  void unlink() {
    if (next_ == nullptr) return;
    prev_->next_ = next_;
    next_->prev_ = prev_;
    next_ = prev_ = nullptr;
  }

 private:
  template <class T, ListHook T::*Hook>
  friend class List;
  ListHook* next_ = nullptr;
  ListHook* prev_ = nullptr;
};

/// An intrusive doubly linked list: links objects it does not own, allocates nothing.
template <class T, ListHook T::*Hook>
class List {
 public:
  List() { head_.next_ = head_.prev_ = &head_; }
  ~List() {
    while (!empty()) pop_front();
    head_.next_ = head_.prev_ = nullptr;
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  [[nodiscard]] bool empty() const { return head_.next_ == &head_; }
  [[nodiscard]] T* front() { return empty() ? nullptr : object(head_.next_); }
  /// The element after `t`, or null at the end. `t` must be on this list.
  [[nodiscard]] T* next(T& t) { return (t.*Hook).next_ == &head_ ? nullptr : object((t.*Hook).next_); }

  void push_back(T& t) { insert_before(head_, t.*Hook); }
  void push_front(T& t) { insert_before(*head_.next_, t.*Hook); }
  T* pop_front() {
    T* t = front();
    if (t != nullptr) (t->*Hook).unlink();
    return t;
  }
  /// Moves everything of `other` to the end of this list, in order.
  void splice_back(List& other) {
    if (other.empty()) return;
    ListHook& first = *other.head_.next_;
    ListHook& last = *other.head_.prev_;
    other.head_.next_ = other.head_.prev_ = &other.head_;
    first.prev_ = head_.prev_;
    last.next_ = &head_;
    head_.prev_->next_ = &first;
    head_.prev_ = &last;
  }

 private:
  static void insert_before(ListHook& at, ListHook& hook) {
    MR_ASSERT(!hook.is_linked());
    hook.prev_ = at.prev_;
    hook.next_ = &at;
    at.prev_->next_ = &hook;
    at.prev_ = &hook;
  }
  static T* object(ListHook* hook) {
    // The hook's offset, read off an address that is never dereferenced.
    auto* const probe = reinterpret_cast<T*>(std::uintptr_t{4096});
    const auto offset = reinterpret_cast<std::uintptr_t>(&(probe->*Hook)) - std::uintptr_t{4096};
    return reinterpret_cast<T*>(reinterpret_cast<std::uintptr_t>(hook) - offset);
  }

  ListHook head_;
};

}  // namespace millrace
