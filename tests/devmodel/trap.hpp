// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>

namespace millrace::devmodel {

/// Who answers the loads and stores to a region.
class Registers {
 public:
  virtual ~Registers() = default;
  virtual std::uint64_t read(std::uint64_t offset, unsigned bytes) = 0;
  virtual void write(std::uint64_t offset, unsigned bytes, std::uint64_t value) = 0;
};

/// A range of addresses whose every access is a call, made where it happens, in the thread that does it: a page fault whose
/// instruction is decoded, carried out and skipped. That keeps what polled memory loses: the order of writes, repeated values,
/// registers that are cleared by reading. The plain part of it is ordinary memory. x86-64 only.
class TrappedRange {
 public:
  /// Whole pages; [plain_begin, plain_end) within it.
  TrappedRange(std::size_t bytes, std::size_t plain_begin, std::size_t plain_end, Registers& registers);
  ~TrappedRange();
  TrappedRange(const TrappedRange&) = delete;
  TrappedRange& operator=(const TrappedRange&) = delete;

  [[nodiscard]] std::uint8_t* begin() const { return begin_; }
  [[nodiscard]] std::size_t size() const { return bytes_; }
  [[nodiscard]] Registers& registers() const { return registers_; }
  /// Accesses so far.
  [[nodiscard]] std::uint64_t traps() const { return traps_; }
  void count() { ++traps_; }

 private:
  std::uint8_t* begin_ = nullptr;
  std::size_t bytes_;
  Registers& registers_;
  std::uint64_t traps_ = 0;
};

/// Makes the process's page faults come here first, and go on from here to who had them before. A TrappedRange does so itself;
/// again whenever somebody may have taken them, as Catch2 does at the begin of each test case.
void hear_faults();

}  // namespace millrace::devmodel
