// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/runtime/clock.hpp>
#include <millrace/stats/lcore_stats.hpp>

#include <array>
#include <cstdint>

namespace millrace::runtime {

/// What a receive pass does, in the order of a packet's way.
enum class Stage : std::uint8_t {
  rx,     ///< the device is asked for packets
  gro,    ///< dissected, merged
  steer,  ///< an lcore is chosen, packets are handed to others
  proto,  ///< stacks, callbacks from them, what they send at the end of a burst
};

/// Splits the time of an lcore's receive passes among their stages (receive_path C14). Reads the clock when the stage
/// changes, which is a few times a burst, and not at all while polls find nothing. Touched by its lcore only.
class StageClock {
 public:
  /// A pass begins.
  void start(Clock& clock) {
    clock_ = &clock;
    stage_ = Stage::rx;
    since_ = clock.ticks();
  }
  /// What follows is of that stage. Nothing outside a pass: what a busy poll takes is the application's time.
  void enter(Stage stage) {
    if (clock_ == nullptr || stage == stage_) return;
    close();
    stage_ = stage;
  }
  void stop() {
    close();
    clock_ = nullptr;
  }

  /// Forgets what was measured since the last call of one of these two.
  void discard() { ticks_ = {}; }
  /// Adds it to the counters.
  void book(Clock& clock, stats::LcoreStats& stats);

 private:
  void close() {
    const std::uint64_t now = clock_->ticks();
    ticks_[static_cast<std::size_t>(stage_)] += now - since_;
    since_ = now;
  }

  Clock* clock_ = nullptr;  // null: no pass is under way
  Stage stage_ = Stage::rx;
  std::uint64_t since_ = 0;
  std::array<std::uint64_t, 4> ticks_{};  // by stage
};

}  // namespace millrace::runtime
