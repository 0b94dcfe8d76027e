// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace millrace::bench {

/// What the kernel tells of a thread, in ns: how long it ran, and how long it could have run and others had its CPU.
struct ThreadTime {
  double ran = 0;
  double waited = 0;
};

/// Of the thread whose folder in /proc that is. Throws when it is not told of.
[[nodiscard]] ThreadTime thread_time(const std::string& task);
inline const std::string this_thread = "/proc/thread-self";

/// Of a round of some 10 ms. Switches to a thread of ours, and to the kernel's own, take 2% at most, and are borne; whoever else is given the
/// CPU has it for milliseconds.
[[nodiscard]] bool was_preempted(const ThreadTime& before, const ThreadTime& after);

}  // namespace millrace::bench
