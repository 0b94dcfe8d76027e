// SPDX-License-Identifier: BSD-3-Clause
// Reads a thread's schedstat. Called by testpmd.cpp, vhost_partner.cpp and port_testpmd_virtio.cpp.
#include "tests/bench/thread_time.hpp"

#include <fstream>
#include <stdexcept>

namespace millrace::bench {
namespace {

constexpr double may_wait = 0.05;

}  // namespace

ThreadTime thread_time(const std::string& task) {
  ThreadTime time;
  std::ifstream file(task + "/schedstat");
  if (!(file >> time.ran >> time.waited)) throw std::runtime_error("the kernel tells nothing of a thread: " + task + "/schedstat");
  return time;
}

bool was_preempted(const ThreadTime& before, const ThreadTime& after) { return after.waited - before.waited > may_wait * (after.ran - before.ran); }

}  // namespace millrace::bench
