// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "drivers/ethdev/ethdev_port.hpp"

#include "tests/devmodel/ena/ena.hpp"
#include "tests/devmodel/subject.hpp"
#include "tests/interop/port_host.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

namespace millrace::devmodel::ena {

/// A port over DPDK's net_ena on a device that something is about to happen to. When it goes nothing may be left behind: neither a
/// buffer nor an access that no device forgives.
class Bench {
 public:
  using Adjust = std::function<void(ethdev::Options&)>;

  explicit Bench(Subject& subject, const Adjust& adjust = {}, std::uint32_t packets = 1023);
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Subject& subject;
  Ena& device;
  test::Host host;
  std::unique_ptr<port::Port> port;
  bool forgives_violations = false;  ///< the fault itself makes them

  /// A frame that comes in, bit for bit; the n-th differs from the others.
  [[nodiscard]] test::RawFrame inward(std::size_t n) const;
  /// What the port has for us now, of a queue.
  [[nodiscard]] pkt::Packet take();
  /// One frame in: whether it comes out of the port as it came. What comes out instead is thrown away.
  bool arrives(std::size_t n = 0);
  /// One frame out: whether the port takes it, which is one descriptor; and whether it is on the wire as it was given.
  [[nodiscard]] static test::RawFrame outward(std::size_t n);
  bool give(pkt::Packet packet);
  bool is_taken(std::size_t n = 0);
  bool leaves(std::size_t n = 0);
  /// So many frames each way, more than a ring full to go once around all of them.
  void exchange(std::size_t frames);
  /// Sends until the port takes no more; returns how many it took.
  std::size_t fill_tx();

  /// Up to two seconds: management interrupts are heard by a thread of EAL's.
  static bool soon(const std::function<bool()>& condition);
  [[nodiscard]] std::uint64_t xstat(std::string_view name) const;
  /// Asks check() once a second, while a frame is offered each way, for so long: the lcores' clock goes a second each time, the real one a few
  /// milliseconds. Returns the first thing that it tells.
  std::optional<port::Fault> check(int seconds, std::chrono::milliseconds real = std::chrono::milliseconds(0));

  /// reset() of the port, which has to succeed.
  void reset();
  /// Into the slot that it was pulled out of.
  void put_back();

 private:
  std::size_t sent_ = 0;
  std::size_t violations_before_ = 0;
};

/// One fault, and what it has to end in: recovery by itself, or a name by which check() tells it and a reset that ends it.
struct Row {
  std::vector<Fault> faults{};                 ///< that are armed
  std::function<void(Bench&)> strike{};        ///< makes them happen, and holds what comes of it against what has to
  std::string_view counter{};                  ///< the xstat that grows
  std::string_view cause{};                    ///< what check() says; empty: nothing, and it goes on without a reset
  std::chrono::milliseconds within{0};         ///< of real time, beside a few seconds of the lcores'
  Bench::Adjust adjust{};
};

/// On a device with low latency queues, and on one with rings in host memory.
void run(const Row& row);
/// For what has nothing to do with rings.
void run_once(const Row& row);
void run_on(Subject& subject, const Row& row);

[[nodiscard]] Subject& low_latency();
[[nodiscard]] Subject& host_rings();

/// Runs one test case of this program, which is not run otherwise, in a process of its own: whether it passes there.
[[nodiscard]] bool passes_alone(const char* test_case);

/// Memory that a driver which is gone has left behind: its next life on the same port would fail for its names. Returns how much.
std::size_t give_back_driver_memory();

/// Changes of a step's bytes.
[[nodiscard]] inline std::function<void(MutableBytes)> put16(std::size_t at, std::uint16_t value) {
  return [=](MutableBytes bytes) { put_le16(bytes, at, value); };
}
[[nodiscard]] inline std::function<void(MutableBytes)> flip(std::size_t at, std::uint8_t mask) {
  return [=](MutableBytes bytes) { bytes[at] ^= mask; };
}

}  // namespace millrace::devmodel::ena
