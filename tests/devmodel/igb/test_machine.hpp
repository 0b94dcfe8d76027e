// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/igb/igb.hpp"

#include <string>
#include <vector>

namespace millrace::devmodel::igb {

/// A machine that is a vector, and writes down what the device does to it.
class TestMachine final : public Machine {
 public:
  static constexpr std::uint64_t base = 0x7'4000'0000;

  std::span<std::uint8_t> dma(std::uint64_t address, std::size_t bytes) override {
    if (address >= base && address + bytes <= base + memory.size()) return std::span(memory).subspan(address - base, bytes);
    violation("memory");
    return {};
  }
  void interrupt(unsigned vector) override { interrupts.push_back(vector); }
  std::span<std::uint8_t> plain(unsigned) override { return {}; }
  void violation(const std::string& what) override { violations.push_back(what); }
  [[nodiscard]] std::uint64_t now_ns() const override { return 0; }

  std::vector<std::uint8_t> memory = std::vector<std::uint8_t>(8 << 20);
  std::vector<unsigned> interrupts;
  std::vector<std::string> violations;
};

/// Software that brings the device up by its registers alone, and has one ring in each direction per queue.
class Bench {
 public:
  static constexpr std::uint32_t ring_descriptors = 32;
  static constexpr std::size_t buffer_bytes = 2048;

  explicit Bench(const Options& options = {});

  std::uint32_t get(std::uint32_t offset) { return static_cast<std::uint32_t>(device.read(0, offset, 4)); }
  void set(std::uint32_t offset, std::uint32_t value) { device.write(0, offset, 4, value); }
  void set_bits(std::uint32_t offset, std::uint32_t bits) { set(offset, get(offset) | bits); }

  /// Link and both directions on, all queues with empty buffers, promiscuous.
  void start();
  /// MRQC with these hash types, Microsoft's example key, and queue i % `over` in the entry i of RETA.
  void spread(std::uint32_t types, unsigned over);

  /// What a receive descriptor says after write-back.
  struct Received {
    std::uint32_t types, hash, status;
    std::uint16_t tag;
    std::vector<Frame> pieces;  ///< one per descriptor
    [[nodiscard]] Frame frame() const;
  };
  /// The next frame of a queue; its descriptors stay with software until refill().
  std::optional<Received> next(unsigned queue);
  void refill(unsigned queue);

  /// Queues an advanced data descriptor per part of the frame, the last one with EOP and RS, and moves the tail.
  void send(unsigned queue, const std::vector<Frame>& parts, std::uint32_t command = 0, std::uint32_t options = 0, std::size_t headers = 0);
  void context(unsigned queue, const TxContext& context, unsigned index = 0);
  [[nodiscard]] bool is_done(unsigned queue, std::uint32_t descriptor);

  TestMachine machine;
  Igb device;
  std::vector<Frame> wire;

 private:
  [[nodiscard]] static std::uint64_t ring(unsigned queue, bool receives) { return TestMachine::base + (queue * 2 + (receives ? 1 : 0)) * 0x1000; }
  [[nodiscard]] static std::uint64_t buffer(unsigned queue, std::uint32_t i) { return TestMachine::base + 0x100000 + (queue * ring_descriptors + i) * buffer_bytes; }
  [[nodiscard]] std::span<std::uint8_t> descriptor(unsigned queue, std::uint32_t i, bool receives) { return machine.dma(ring(queue, receives) + 16 * i, 16); }
  void put_descriptor(unsigned queue, std::uint64_t low, std::uint32_t third, std::uint32_t fourth);
  void give_buffer(unsigned queue, std::uint32_t i);

  std::array<std::uint32_t, queues> taken_{}, given_{}, sent_{};
  std::uint64_t next_payload_ = TestMachine::base + 0x400000;
};

}  // namespace millrace::devmodel::igb
