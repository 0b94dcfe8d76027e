// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace millrace::devmodel {

/// What a device does that can go wrong. A doorbell is a register that is written.
enum class Event : std::uint8_t {
  rx_completion,       ///< a receive descriptor becomes the driver's; at: the queue
  tx_completion,
  control_completion,  ///< the answer of a control or admin queue
  data,                ///< bytes go into the driver's buffers, but for descriptors; at: the queue
  interrupt,           ///< at: the vector
  dma,                 ///< memory is reached; at: the address
  register_read,       ///< at: the offset in its BAR, whichever that is
  register_write,
};

/// What becomes of an event.
struct Fate {
  enum class Kind : std::uint8_t { lost, late, altered } kind = Kind::lost;
  /// Late: it happens just before the one that follows it by so many.
  std::uint64_t by = 1;
  /// Altered: what changes its bytes.
  std::function<void(std::span<std::uint8_t>)> change{};
};

[[nodiscard]] inline Fate lost() { return {}; }
[[nodiscard]] inline Fate late(std::uint64_t by) { return {.kind = Fate::Kind::late, .by = by}; }
/// `change` is given the bytes as a T.
template <class T, class Change>
[[nodiscard]] Fate altered(Change change) {
  return {.kind = Fate::Kind::altered, .change = [change](std::span<std::uint8_t> bytes) mutable {
            T value{};
            std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
            change(value);
            std::memcpy(bytes.data(), &value, std::min(bytes.size(), sizeof value));
          }};
}

/// What is going to go wrong in a machine, and what has. Whatever models and slots do that can fail, they ask here first; with
/// nothing planned, nothing does.
class FaultPlan {
 public:
  static constexpr std::uint64_t for_ever = ~std::uint64_t{0};
  struct Fault {
    Event event;
    Fate fate{};
    std::uint64_t nth = 1;    ///< the first that fails; 1: the next
    std::uint64_t times = 1;  ///< and so many from there on
    std::optional<std::uint64_t> at{};  ///< of those there alone
  };
  void arm(Fault fault) { armed_.push_back({.fault = std::move(fault)}); }
  /// All goes well from now on. What is late stays away.
  void clear();
  /// The device forgets what it was about to do: a reset.
  void forget_late() { late_.clear(); }
  /// What is late happens now.
  void release_late();

  /// Whether the event happens now, with what its bytes are by then. When it is late, `then` is what happens.
  [[nodiscard]] bool allows(Event event, std::uint64_t at, std::span<std::uint8_t> bytes = {}, std::function<void()> then = {});

  struct Entry {
    Event event;
    std::uint64_t at;
    Fate::Kind fate;
  };
  /// Whether each that is armed has been met with.
  [[nodiscard]] bool have_happened() const {
    return std::all_of(armed_.begin(), armed_.end(), [](const Armed& a) { return a.seen >= a.fault.nth; });
  }
  /// What went wrong, in its order.
  [[nodiscard]] const std::vector<Entry>& log() const { return log_; }

 private:
  struct Armed {
    Fault fault;
    std::uint64_t seen = 0;
  };
  struct Late {
    Event event;
    std::uint64_t left;
    std::function<void()> then;
  };
  void pass_time(Event event);
  [[nodiscard]] const Fate* next_fate(Event event, std::uint64_t at);

  std::vector<Armed> armed_;
  std::vector<Late> late_;
  std::vector<Entry> log_;
};

}  // namespace millrace::devmodel
