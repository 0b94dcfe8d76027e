// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/support/eal.hpp"
#include "tests/support/raw_frame.hpp"

#include <millrace/port/port.hpp>

#include <atomic>
#include <functional>
#include <string>
#include <sys/eventfd.h>
#include <unistd.h>

namespace millrace::test {

/// A device's rx queue with a ring, an interrupt and a trace of what was done to it.
class FakeQueue final : public port::RxQueue {
 public:
  explicit FakeQueue(std::uint32_t descriptors = 256) : descriptors_(descriptors), fd_(eventfd(0, EFD_NONBLOCK)) {}
  ~FakeQueue() override { close(fd_); }

  /// Frames come in from the wire: into the ring, or lost when it is full. Any thread, but one at a time.
  void arrive(std::uint32_t count = 1) {
    for (std::uint32_t i = 0; i < count; ++i) {
      if (ring_.load() >= descriptors_) {
        ++missed;
        continue;
      }
      ring_.fetch_add(1);
      if (armed_.exchange(false)) {
        ++irqs;
        const std::uint64_t one = 1;
        (void)!write(fd_, &one, sizeof one);
      }
    }
  }

  std::uint16_t receive(Env& env, pkt::Burst& burst, std::uint16_t budget) override {
    trace += 'r';
    if (on_receive) on_receive();
    std::uint16_t n = 0;
    for (; n < budget && ring_.load() > 0; ++n) {
      pkt::Packet packet = env.pool->allocate();
      if (!packet) break;
      static const auto bytes = RawFrame{}.bytes();
      std::copy(bytes.begin(), bytes.end(), packet.append(static_cast<std::uint16_t>(bytes.size())));
      packet.meta().ifindex = 1;
      packet.meta().rx_time = env.now;
      burst.push(std::move(packet));
      ring_.fetch_sub(1);
    }
    received += n;
    return n;
  }
  int event_fd() const override { return has_interrupt ? fd_ : -1; }
  void arm() override {
    trace += 'a';
    armed_.store(true);
    if (on_arm) on_arm();
  }
  void disarm() override {
    trace += 'd';
    armed_.store(false);
  }
  int waiting() const override { return static_cast<int>(ring_.load()); }

  bool has_interrupt = true;
  std::uint64_t missed = 0;
  std::uint64_t irqs = 0;
  std::uint64_t received = 0;
  std::string trace;
  std::function<void()> on_arm;
  std::function<void()> on_receive;

 private:
  std::uint32_t descriptors_;
  int fd_;
  std::atomic<std::uint32_t> ring_{0};
  std::atomic<bool> armed_{false};
};

}  // namespace millrace::test
