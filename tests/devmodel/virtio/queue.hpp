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
  /// `completion`: what its giving back is, to a fault plan; `index`: which of the device's it is.
  Queue(Machine& machine, bool packed, Event completion, std::uint16_t index) : machine_(&machine), packed_(packed), completion_(completion), index_(index) {}

  struct Addresses {
    std::uint64_t desc = 0;    ///< the descriptor area
    std::uint64_t driver = 0;  ///< the driver area: the available ring, or the driver's event suppression
    std::uint64_t device = 0;  ///< the device area: the used ring, or the device's event suppression
  };
  void enable(std::uint16_t size, const Addresses& at);
  void disable() { size_ = 0; }
  [[nodiscard]] bool is_enabled() const { return size_ != 0; }
  [[nodiscard]] std::uint16_t index() const { return index_; }

  /// The next chain that is available; nothing: there is none.
  [[nodiscard]] std::optional<Chain> take();
  /// What has been taken since `before` is available again.
  void untake(const Queue& before) { next_avail_ = before.next_avail_, avail_wrap_ = before.avail_wrap_; }
  /// What tells the driver so, in either format; a fault plan may alter it.
  struct Used {
    std::uint32_t id = 0;
    std::uint32_t written = 0;
    std::uint16_t flags = 0;  ///< packed: of the descriptor
    std::uint16_t index = 0;  ///< split: the used ring's, from then on
  };
  /// It is back with so many bytes written.
  void give_back(const Chain& chain, std::uint32_t written);
  /// Whether the driver wants an interrupt for what came back.
  [[nodiscard]] bool wants_interrupt();

 private:
  [[nodiscard]] std::optional<Chain> take_split();
  [[nodiscard]] std::optional<Chain> take_packed();
  [[nodiscard]] Used used_of(std::uint16_t id, std::uint32_t written) const;
  void put_used(std::uint16_t descriptors, const Used& used);
  void add(Chain& chain, std::uint64_t address, std::uint32_t bytes, bool writable);
  [[nodiscard]] std::uint8_t* at(std::uint64_t address, std::size_t bytes);

  Machine* machine_;
  bool packed_;
  Event completion_;
  std::uint16_t index_;
  std::uint16_t size_ = 0;
  Addresses at_;
  std::uint16_t next_avail_ = 0;
  std::uint16_t next_used_ = 0;
  bool avail_wrap_ = true;
  bool used_wrap_ = true;
  bool is_lost_ = false;  ///< its memory could not be reached: until it is enabled anew, nothing more comes of it
};

}  // namespace millrace::devmodel::virtio
