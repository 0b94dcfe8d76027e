// SPDX-License-Identifier: BSD-3-Clause
// epoll for an lcore. Called by Lcore when it sleeps, and by its pass when interrupts are armed; calls epoll_pwait2
// (Linux 5.11), or ppoll and epoll_wait where that is missing.
#include <millrace/runtime/event_set.hpp>

#include <millrace/base/assert.hpp>

#include <algorithm>
#include <cerrno>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace millrace::runtime {

EventSet::EventSet() : fd_(epoll_create1(EPOLL_CLOEXEC)) { MR_ASSERT(fd_ >= 0); }

EventSet::~EventSet() { close(fd_); }

bool EventSet::add(int fd, std::uint64_t token) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.u64 = token;
  return epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventSet::remove(int fd) { epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr); }

int EventSet::wait_for(Duration timeout, std::array<std::uint64_t, 16>& tokens) {
  std::array<epoll_event, 16> events;
  const timespec t{std::chrono::duration_cast<std::chrono::seconds>(timeout).count(),
                   static_cast<long>((timeout % 1s).count())};
  const int most = static_cast<int>(events.size());
  int count = epoll_pwait2(fd_, events.data(), most, &t, nullptr);
  if (count < 0 && errno == ENOSYS) {
    pollfd p{fd_, POLLIN, 0};
    count = ppoll(&p, 1, &t, nullptr) > 0 ? epoll_wait(fd_, events.data(), most, 0) : 0;
  }
  for (int i = 0; i < count; ++i) tokens[static_cast<std::size_t>(i)] = events[static_cast<std::size_t>(i)].data.u64;
  return std::max(count, 0);
}

}  // namespace millrace::runtime
