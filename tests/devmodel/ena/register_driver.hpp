// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/ena/ena.hpp"
#include "tests/devmodel/ena/registers.hpp"

#include <map>
#include <string>
#include <vector>

// What the model's own test needs: a machine that is a piece of memory, and the least of a driver, by the published interface.

namespace millrace::devmodel::ena::test {

/// Memory from bus address 0x100000 on, handed out and never taken back.
class FakeMachine final : public Machine {
 public:
  std::uint64_t now = 1'000'000'000;
  std::vector<std::string> violations;
  std::map<unsigned, unsigned> interrupts;

  std::span<std::uint8_t> dma(std::uint64_t address, std::size_t bytes) override;
  void interrupt(unsigned vector) override { ++interrupts[vector]; }
  std::span<std::uint8_t> plain(unsigned bar) override;
  void violation(const std::string& what) override { violations.push_back(what); }
  [[nodiscard]] std::uint64_t now_ns() const override { return now; }

  std::uint64_t allocate(std::size_t bytes);

 private:
  static constexpr std::uint64_t base = 0x100000;
  std::vector<std::uint8_t> memory_ = std::vector<std::uint8_t>(std::size_t{8} << 20);
  std::vector<std::uint8_t> llq_ = std::vector<std::uint8_t>(std::size_t{4} << 20);
  std::size_t used_ = 0;
};

/// A command and what came back.
using Words = std::vector<std::uint8_t>;
struct Answer {
  Status status = Status::unknown_error;
  Words data;  ///< behind the common part
};

struct Queue {
  std::uint16_t index = 0;
  std::uint16_t cq = 0;
  std::uint16_t depth = 0;
  std::uint32_t doorbell = 0;
  std::uint32_t unmask = 0;
  std::size_t llq_at = 0;
  std::uint64_t ring = 0;
  std::uint64_t completions = 0;
  std::uint32_t completion_bytes = 0;
  std::uint16_t tail = 0;
  std::uint16_t head = 0;
};

class RegisterDriver {
 public:
  static constexpr std::uint16_t admin_depth = 32;
  static constexpr std::uint16_t event_depth = 16;

  explicit RegisterDriver(FakeMachine& machine, Ena& device) : machine_(machine), device_(device) {}

  void store(std::uint32_t offset, std::uint32_t value) { device_.write(0, offset, 4, value); }
  /// By MMIO_REG_READ; nullopt: no answer came.
  std::optional<std::uint32_t> load(std::uint16_t offset);
  void reset(unsigned reason = 0);
  /// Reset, admin queues, event queue with all events.
  void start();

  Words command(Opcode opcode) const;
  /// Rings it in; nullopt: no completion came.
  std::optional<Answer> run(Words command);
  Answer get_feature(Feature feature, std::uint64_t control = 0, std::uint32_t control_bytes = 0);
  Answer set_feature(Feature feature, const Words& data, std::uint64_t control = 0, std::uint32_t control_bytes = 0);

  Queue create(bool tx, std::uint16_t depth, bool llq = false, std::uint32_t vector = 0xffffffff);
  void give_buffer(Queue& rx, std::uint16_t req_id, std::uint64_t address, std::uint16_t bytes);
  void give_buffers(Queue& rx, unsigned count, std::uint16_t bytes);
  /// Writes one descriptor of 16 bytes into a ring in host memory, with the phase bit in its place.
  void put_descriptor(Queue& queue, Words descriptor, std::size_t phase_at);
  void ring(const Queue& queue) { store(queue.doorbell, queue.tail); }
  /// The next completion, when there is one.
  std::optional<Words> completion(Queue& queue);
  std::optional<Words> event();
  [[nodiscard]] std::uint64_t buffer_of(std::uint16_t req_id) const { return buffers_.at(req_id); }

 private:
  FakeMachine& machine_;
  Ena& device_;
  std::uint64_t read_response_ = 0, submission_ = 0, completion_ = 0, events_ = 0;
  std::uint16_t read_id_ = 0, admin_tail_ = 0, event_head_ = 0;
  std::map<std::uint16_t, std::uint64_t> buffers_;
};

}  // namespace millrace::devmodel::ena::test
