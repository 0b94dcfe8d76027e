// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "tests/devmodel/device.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace millrace::devmodel::virtio {

/// What the driver has made available at once: the buffers of one descriptor chain, those to be read before those to be written.
struct Chain {
  std::uint16_t id = 0;
  std::uint16_t descriptors = 0;
  std::vector<std::span<std::uint8_t>> readable;
  std::vector<std::span<std::uint8_t>> writable;

  [[nodiscard]] std::vector<std::uint8_t> read() const;
  [[nodiscard]] std::size_t room() const;
};

/// A virtqueue from the device's side, split (2.7) or packed (2.8).
class Queue {
 public:
  Queue(Machine& machine, bool packed) : machine_(&machine), packed_(packed) {}

  struct Addresses {
    std::uint64_t desc = 0;    ///< the descriptor area
    std::uint64_t driver = 0;  ///< the driver area: the available ring, or the driver's event suppression
    std::uint64_t device = 0;  ///< the device area: the used ring, or the device's event suppression
  };
  void enable(std::uint16_t size, const Addresses& at);
  void disable() { size_ = 0; }
  [[nodiscard]] bool is_enabled() const { return size_ != 0; }

  /// The next chain that is available; nothing: there is none.
  [[nodiscard]] std::optional<Chain> take();
  /// It is back with so many bytes written.
  void give_back(const Chain& chain, std::uint32_t written);
  /// Whether the driver wants an interrupt for what came back.
  [[nodiscard]] bool wants_interrupt() const;

 private:
  [[nodiscard]] std::optional<Chain> take_split();
  [[nodiscard]] std::optional<Chain> take_packed();
  void add(Chain& chain, std::uint64_t address, std::uint32_t bytes, bool writable);
  [[nodiscard]] std::uint8_t* at(std::uint64_t address, std::size_t bytes) const;

  Machine* machine_;
  bool packed_;
  std::uint16_t size_ = 0;
  Addresses at_;
  std::uint16_t next_avail_ = 0;
  std::uint16_t next_used_ = 0;
  bool avail_wrap_ = true;
  bool used_wrap_ = true;
};

}  // namespace millrace::devmodel::virtio
