// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/base/time.hpp>

#include <array>
#include <cstdint>

namespace millrace::runtime {

/// The file descriptors by which a sleeping lcore is woken: epoll, edge by edge, so that no event need be read off a
/// descriptor (a TAP's would be a frame). An edge before the look that follows arming is found by that look.
class EventSet {
 public:
  EventSet();
  ~EventSet();
  EventSet(const EventSet&) = delete;
  EventSet& operator=(const EventSet&) = delete;

  /// Whose events on `fd` are told of as `token`. False when the descriptor cannot be waited for.
  bool add(int fd, std::uint64_t token);
  void remove(int fd);

  /// Waits for events, at most `timeout`; zero only looks. Calls `on_event(token)` for each. Returns how many.
  template <class F>
  int wait(Duration timeout, F&& on_event) {
    std::array<std::uint64_t, 16> tokens;
    const int count = wait_for(timeout, tokens);
    for (int i = 0; i < count; ++i) on_event(tokens[static_cast<std::size_t>(i)]);
    return count;
  }

 private:
  int wait_for(Duration timeout, std::array<std::uint64_t, 16>& tokens);
  int fd_;
};

}  // namespace millrace::runtime
