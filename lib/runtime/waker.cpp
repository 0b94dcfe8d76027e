// SPDX-License-Identifier: BSD-3-Clause
// The system calls behind Waker: eventfd and ppoll. Called by Lcore and by the thread queues.
#include <millrace/runtime/waker.hpp>

#include <millrace/base/assert.hpp>

#include <cerrno>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace millrace::runtime {

Waker::Waker() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { MR_ASSERT(fd_ >= 0); }

Waker::~Waker() { close(fd_); }

void Waker::write_event() {
  const std::uint64_t one = 1;
  // EAGAIN means that the count is at its limit: the sleeper will wake all the same.
  while (write(fd_, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

void Waker::drain() {
  std::uint64_t count;
  while (read(fd_, &count, sizeof count) < 0 && errno == EINTR) {
  }
}

bool Waker::sleep(Duration timeout) {
  pollfd p{fd_, POLLIN, 0};
  const timespec t{std::chrono::duration_cast<std::chrono::seconds>(timeout).count(),
                   static_cast<long>((timeout % 1s).count())};
  const bool woken = ppoll(&p, 1, &t, nullptr) > 0;
  retract();
  if (woken) drain();
  return woken;
}

}  // namespace millrace::runtime
