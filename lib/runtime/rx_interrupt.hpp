// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <millrace/env/env.hpp>
#include <millrace/poll/napi.hpp>
#include <millrace/port/port.hpp>
#include <millrace/stats/counter.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace::runtime {

/// How an lcore comes to poll an rx queue (receive_path B3).
enum class RxMode : std::uint8_t {
  poll,       ///< at every pass; its lcore never sleeps
  interrupt,  ///< when its interrupt fired, until it is empty: Linux's way
  adaptive,   ///< at every pass while there is traffic; by interrupt, or after a short sleep, when there is none
};

/// ethtool -c: how long the unmasking of the interrupt is held off (receive_path B5). In software, so on every port.
struct Coalesce {
  Duration rx_usecs{0};         ///< rx-usecs; 0: not at all
  std::uint32_t rx_frames = 0;  ///< rx-frames: the hold-off ends when so many wait, which the port has to tell; 0: by time only
  bool adaptive = false;        ///< adaptive-rx: rx_usecs follows the load
  bool operator==(const Coalesce&) const = default;
};

/// The interrupt of one rx queue: armed or masked, held off, counted. Used by the lcore that owns the queue's NAPI.
class RxInterrupt {
 public:
  RxInterrupt(port::RxQueue& queue, RxMode mode, const Coalesce& coalesce, std::size_t lcores)
      : queue_(queue), mode_(mode), coalesce_(coalesce), counts_(lcores) {}
  RxInterrupt(const RxInterrupt&) = delete;
  RxInterrupt& operator=(const RxInterrupt&) = delete;

  [[nodiscard]] int fd() const { return queue_.event_fd(); }
  [[nodiscard]] RxMode mode() const { return mode_; }
  [[nodiscard]] bool is_driven() const { return mode_ == RxMode::interrupt && fd() >= 0; }
  [[nodiscard]] bool can_sleep() const { return mode_ != RxMode::poll && fd() >= 0; }
  [[nodiscard]] bool is_armed() const { return armed_; }
  void arm(Env& env);
  void disarm();
  /// Its descriptor had an event. Whether that was an interrupt: it is masked then, counted, and the NAPI is to be
  /// scheduled; nothing else happens (receive_path B1).
  bool on_event(Env& env);

  /// The NAPI completed, with `work` packets since it last did. Whether the interrupt waits: the NAPI is then scheduled, through
  /// `host`, when the hold-off ends.
  bool hold_off(Env& env, poll::NapiHost& host, poll::Napi& napi, std::uint32_t work);
  /// Whether rx_frames has ended a hold-off that goes on; it is over then.
  bool frames_ended(Env& env);
  /// Whether the port tells how many packets wait, which rx_frames needs.
  [[nodiscard]] bool can_count_frames() const { return queue_.waiting() >= 0; }
  /// Whether a hold-off goes on that rx_frames may end: somebody has to look, for no event tells of it.
  [[nodiscard]] bool is_counting_frames() const { return is_holding() && coalesce_.rx_frames != 0; }
  void cancel_hold_off();
  [[nodiscard]] bool is_holding() const { return hold_.is_armed(); }

  [[nodiscard]] const Coalesce& coalesce() const { return coalesce_; }
  void set_coalesce(const Coalesce& coalesce) { coalesce_ = coalesce; }
  /// What adaptive-rx has chosen last, or rx_usecs.
  [[nodiscard]] Duration current_usecs() const { return coalesce_.adaptive ? chosen_ : coalesce_.rx_usecs; }
  /// Interrupts that each lcore has taken; any thread.
  [[nodiscard]] std::uint64_t count(std::size_t lcore) const { return counts_[lcore].value(); }
  [[nodiscard]] std::size_t lcores() const { return counts_.size(); }

 private:
  static void on_hold_end(void* self, Instant now);
  void choose(Instant now, std::uint32_t work);

  port::RxQueue& queue_;
  const RxMode mode_;
  Coalesce coalesce_;
  bool armed_ = false;
  bool was_held_ = false;
  timer::Timer hold_{on_hold_end, this};
  Env* env_ = nullptr;  // of the lcore whose wheel has hold_
  poll::NapiHost* host_ = nullptr;
  poll::Napi* napi_ = nullptr;
  Instant window_begin_{};
  std::uint64_t window_packets_ = 0;
  Duration chosen_{0};
  std::vector<stats::Counter> counts_;
};

/// One line of the next: "MSI-X", "net0-rx-0".
struct InterruptRow {
  std::uint32_t number = 0;
  std::string kind{};
  std::string name{};
  const RxInterrupt* interrupt = nullptr;
};
/// /proc/interrupts: a line for each queue's interrupt, a column for each lcore.
[[nodiscard]] std::string to_proc_interrupts(std::span<const InterruptRow> rows, std::size_t lcores);

}  // namespace millrace::runtime
